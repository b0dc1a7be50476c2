"""The custom Keras layers that model families share.

Importing this package registers every layer for saving (package ``lenszoo``), which is what lets
a ``.keras`` file load in a fresh process.
"""

from lenszoo.layers.consensus import MeanLogSoftmax
from lenszoo.layers.guard import NonFiniteGuard
from lenszoo.layers.layer_scale import LayerScale
from lenszoo.layers.normalization import BatchNormalization
from lenszoo.layers.relative_attention import RelativeAttention
from lenszoo.layers.tokens import ClassToken, PositionEmbedding
from lenszoo.layers.unfold import Fold, Unfold

__all__ = [
    "BatchNormalization",
    "ClassToken",
    "Fold",
    "LayerScale",
    "MeanLogSoftmax",
    "NonFiniteGuard",
    "PositionEmbedding",
    "RelativeAttention",
    "Unfold",
]
