"""Custom Keras layers that the model families share.

Importing this package registers every layer for saving (package ``lenszoo``), so that a ``.keras``
file loads in a fresh process.
"""

from lenszoo.layers.augmentation import LensAugmentation
from lenszoo.layers.augmentation_geometry import (
    RandomD4,
    RandomMotion,
    RandomPositionAngle,
    RandomShift,
)
from lenszoo.layers.augmentation_observation import RandomBlur, RandomFlux, RandomNoise
from lenszoo.layers.bicubic import BicubicUpsampling
from lenszoo.layers.branch_dropout import BranchDropout, TokenMean
from lenszoo.layers.colour_term import ColourTerm
from lenszoo.layers.column_tokens import ColumnTokens
from lenszoo.layers.gradient_reversal import GradientReversal
from lenszoo.layers.layer_scale import LayerScale
from lenszoo.layers.mean_log_softmax import MeanLogSoftmax
from lenszoo.layers.non_finite_guard import NonFiniteGuard
from lenszoo.layers.normalization import BatchNormalization
from lenszoo.layers.pixel_shuffle import ICNR, PixelShuffle
from lenszoo.layers.relative_attention import RelativeAttention
from lenszoo.layers.rotational import (
    OverQuarterTurns,
    RadialPositions,
    RotationalConv2D,
    SymmetricPooling2D,
)
from lenszoo.layers.spectral_conv import SpectralConv2D
from lenszoo.layers.srgan import SRGAN
from lenszoo.layers.stretch import Stretch
from lenszoo.layers.temperature import Temperature
from lenszoo.layers.tokens import ClassToken, PositionEmbedding, Registers
from lenszoo.layers.unfold import Fold, Unfold

__all__ = [
    "ICNR",
    "SRGAN",
    "BatchNormalization",
    "BicubicUpsampling",
    "BranchDropout",
    "ClassToken",
    "ColourTerm",
    "ColumnTokens",
    "Fold",
    "GradientReversal",
    "LayerScale",
    "LensAugmentation",
    "MeanLogSoftmax",
    "NonFiniteGuard",
    "OverQuarterTurns",
    "PixelShuffle",
    "PositionEmbedding",
    "RadialPositions",
    "RandomBlur",
    "RandomD4",
    "RandomFlux",
    "RandomMotion",
    "RandomNoise",
    "RandomPositionAngle",
    "RandomShift",
    "Registers",
    "RelativeAttention",
    "RotationalConv2D",
    "SpectralConv2D",
    "Stretch",
    "SymmetricPooling2D",
    "Temperature",
    "TokenMean",
    "Unfold",
]


def __dir__() -> list[str]:
    """Return the public names, which Tab completes, without the modules below."""
    return __all__
