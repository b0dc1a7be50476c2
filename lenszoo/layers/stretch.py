"""Brightness stretch of images, saved with the model."""

from typing import Any

import keras
import numpy as np
from keras import ops

from lenszoo.errors import LenszooError, unknown
from lenszoo.layers.base import BaseLayer
from lenszoo.layers.zscale import zscale_limits

_MAD_TO_SIGMA = 1.4826


def _signed(function: Any) -> Any:
    return lambda x: ops.sign(x) * function(ops.abs(x))


# curve of each stretch, of a band in units of its scale
_CURVES = {
    "asinh": ops.arcsinh,
    "sqrt": _signed(ops.sqrt),
    "log": _signed(ops.log1p),
    "linear": lambda x: x,
}
STRETCHES = (*_CURVES, "zscale")


@keras.saving.register_keras_serializable(package="lenszoo")
class Stretch(BaseLayer):
    """Stretch sky-subtracted images (batch, height, width, bands), band by band.

    ``"asinh"`` (Lupton et al. 1999, arXiv:astro-ph/9903081), ``"sqrt"`` and ``"log"`` (both odd
    functions, symmetric about zero) and ``"linear"`` act on ``image / scale``. The scale of a band
    is a weight of this layer, saved with the model: ``softening`` times the noise of the band,
    measured by :meth:`adapt` on the training images. ``"zscale"`` maps the limits of IRAF's
    algorithm, measured in each band of each image, to [0, 1].

    Args:
        kind: one of ``asinh``, ``sqrt``, ``log``, ``linear`` and ``zscale``.
        softening: scale in units of the noise, at which asinh turns from linear to logarithmic.
        **kwargs: as for any Keras layer. The layer computes in float32.

    Raises:
        LenszooError: an unknown kind, or a softening that is not positive.

    >>> images = np.random.default_rng(0).normal(0.0, 5.0, (4, 16, 16, 1))
    >>> layer = Stretch("asinh")
    >>> layer.build(images.shape)
    >>> layer.adapt(images)
    >>> bool(abs(float(layer.scale[0]) - 5.0) < 0.5)  # the noise along the edges
    True
    """

    OPTIONS = ("kind", "softening")
    FLOAT32 = True

    def __init__(self, kind: str = "asinh", softening: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if kind not in STRETCHES:
            raise unknown("stretch", kind, STRETCHES)
        if not softening > 0:
            raise LenszooError(f"softening must be positive, got {softening!r}.")
        self.kind, self.softening = kind, float(softening)

    def build(self, input_shape: Any) -> None:
        """Make the scales, (bands,), all 1 until adapted."""
        self.scale = self.add_weight(
            shape=(input_shape[-1],), initializer="ones", trainable=False, name="scale"
        )

    def adapt(self, images: np.ndarray) -> None:
        """Set the scales from the noise of images (n, height, width, bands).

        The noise of a band is 1.4826 times the median absolute deviation of its pixels along the
        edge of the images, where there is mostly sky. NaN pixels are ignored.

        Raises:
            LenszooError: a band without noise, whose scale would be zero.
        """
        edge = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], 1)
        pixels = edge.reshape(-1, images.shape[-1])
        noise = _MAD_TO_SIGMA * np.nanmedian(np.abs(pixels - np.nanmedian(pixels, 0)), 0)
        dead = np.flatnonzero(~(noise > 0))
        if len(dead):
            raise LenszooError(
                f"Band {dead[0]} of the images has no noise along the edges: its pixels are all "
                "alike there, so there is no scale to stretch it by."
            )
        self.scale.assign((self.softening * noise).astype(np.float32))

    def call(self, images: Any) -> Any:
        """Return the stretched images."""
        images = ops.cast(images, "float32")
        if self.kind == "zscale":
            low, high = zscale_limits(images)
            low, high = low[:, None, None, :], high[:, None, None, :]
            return ops.clip((images - low) / ops.maximum(high - low, 1e-20), 0.0, 1.0)
        return _CURVES[self.kind](images / self.scale)
