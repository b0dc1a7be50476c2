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


def elementary_asinh(x: Any) -> Any:
    """Compute asinh from logarithm and root, without overflow; NaN stays NaN.

    >>> float(elementary_asinh(ops.convert_to_tensor(-1.1752012, "float32")))
    -1.0
    """
    size = ops.abs(x)
    top = ops.maximum(size, 1.0)
    share = size / top
    value = ops.log(top) + ops.log(share + ops.sqrt(share * share + 1.0 / (top * top)))
    return x / ops.maximum(size, 1e-30) * value


# curve of each stretch, of a band in units of its scale
_CURVES = {
    "asinh": ops.arcsinh,
    "sqrt": _signed(ops.sqrt),
    "log": _signed(ops.log1p),
    "linear": lambda x: x,
}
# kinds that measure level and scale on each image
OF_EACH_IMAGE = ("zscale", "noise")
STRETCHES = (*_CURVES, *OF_EACH_IMAGE)
_ONE_SIGMA = 0.158655254  # the part of a normal distribution below -1 sigma


@keras.saving.register_keras_serializable(package="lenszoo")
class Stretch(BaseLayer):
    """Stretch sky-subtracted images (batch, height, width, bands), band by band.

    ``"asinh"`` (Lupton et al. 1999, arXiv:astro-ph/9903081), ``"sqrt"`` and ``"log"`` (both odd
    functions, symmetric about zero) and ``"linear"`` act on ``image / scale``. The scale of a band
    is a weight of this layer, saved with the model: ``softening`` times the noise of the band,
    measured by :meth:`adapt` on the training images.

    Two kinds measure each band of each image, so the unit of flux and a constant sky do not matter:
    ``"noise"`` is asinh of the pixels above the sky level, in units of ``softening`` times the
    noise, both from :func:`edge_sky`; ``"zscale"`` maps the limits of IRAF's algorithm to [0, 1].
    Under ``"noise"`` an image without noise along its edges becomes NaN, in training 0.

    Args:
        kind: one of ``asinh``, ``sqrt``, ``log``, ``linear``, ``zscale`` and ``noise``.
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
        self.elementary = False  # while it is written for a runtime without asinh

    @property
    def of_each_image(self) -> bool:
        """Whether level and scale are measured on each image."""
        return self.kind in OF_EACH_IMAGE

    def build(self, input_shape: Any) -> None:
        """Make the scales, (bands,), all 1 until adapted.

        Kinds that do not look at them have them too, so that weights of one kind fit another.
        """
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

    def call(self, images: Any, training: bool = False) -> Any:
        """Return the stretched images."""
        images = ops.cast(images, "float32")
        if self.kind == "noise":
            level, noise = edge_sky(images)
            x = self._asinh((images - level) / (self.softening * noise))
            return ops.where(noise > 0, x, 0.0 if training else float("nan"))
        if self.kind == "zscale":
            low, high = zscale_limits(images)
            low, high = low[:, None, None, :], high[:, None, None, :]
            return ops.clip((images - low) / ops.maximum(high - low, 1e-37), 0.0, 1.0)
        curve = self._asinh if self.kind == "asinh" else _CURVES[self.kind]
        return curve(images / self.scale)

    def _asinh(self, x: Any) -> Any:
        return elementary_asinh(x) if self.elementary else ops.arcsinh(x)


def edge_sky(images: Any) -> tuple[Any, Any]:
    """Measure sky level and noise along the edges of images (batch, height, width, bands).

    Both are of a frame of pixels, a sixteenth of the shorter side wide, in each band of each image:
    the median, and how far below it the 16th percentile lies, to which light of sources that reach
    the edge adds little.

    Returns:
        Level and noise of a pixel, each (batch, 1, 1, bands).

    >>> images = np.random.default_rng(0).normal(7.0, 5.0, (1, 64, 64, 1))
    >>> level, noise = edge_sky(ops.convert_to_tensor(images, "float32"))
    >>> bool(abs(float(level[0, 0, 0, 0]) - 7) < 1), bool(abs(float(noise[0, 0, 0, 0]) - 5) < 1)
    (True, True)
    """
    _, height, width, bands = images.shape
    edge = max(1, min(height, width) // 16)
    strips = (
        images[:, :edge],
        images[:, -edge:],
        images[:, edge:-edge, :edge],
        images[:, edge:-edge, -edge:],
    )
    flat = [ops.reshape(x, (-1, x.shape[1] * x.shape[2], bands)) for x in strips]
    pixels = ops.sort(ops.stop_gradient(ops.concatenate(flat, axis=1)), axis=1)
    n = pixels.shape[1]
    level = (pixels[:, (n - 1) // 2] + pixels[:, n // 2]) / 2.0
    noise = level - pixels[:, int(_ONE_SIGMA * (n - 1))]
    return level[:, None, None], noise[:, None, None]
