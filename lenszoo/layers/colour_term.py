"""Colours of a galaxy and of what surrounds it, as a term of a lens finder's logit."""

from typing import Any

import keras
import numpy as np
from keras import ops

from lenszoo.layers.base import BaseLayer

# outer edges of disc and rings, as shares of half an image's shorter side
_EDGES = (0.11, 0.25, 0.47, 0.78)
_FLOOR = 0.15  # of the noise of a pixel: fainter rings count as that bright


@keras.saving.register_keras_serializable(package="lenszoo")
class ColourTerm(BaseLayer):
    """Add a linear function of an image's colours to its logit, except in training.

    Lenses are massive early types, which are red, and arcs mostly blue. A network sees this too,
    but trusts details of a simulation; a linear term that was fitted by itself, as a logistic
    regression, transfers better. So the network trains without it. Colours are the logarithms of
    the ratio of the mean flux in each band to that in the next one, in a disc and three rings
    around the middle.

    Call it on logits (batch, 1) and images (batch, height, width, bands), linear in flux. The
    coefficients are weights of this layer, saved with the model, and 0 until :meth:`assign`.

    >>> layer = ColourTerm()
    >>> images = np.ones((1, 16, 16, 2)) * [np.e, 1.0]
    >>> layer.build((1, 1), images.shape)
    >>> ops.convert_to_numpy(layer.colours(images)).round(3).tolist()
    [[1.0, 1.0, 1.0, 1.0]]
    """

    FLOAT32 = True

    def build(self, logits_shape: Any, images_shape: Any) -> None:
        """Make coefficients, offset and floors of the flux."""
        _, height, width, bands = images_shape
        y, x = np.mgrid[:height, :width]
        radius = np.hypot(y - (height - 1) / 2, x - (width - 1) / 2) / (min(height, width) / 2)
        inner = (-1.0, *_EDGES[:-1])
        rings = [(radius > low) & (radius <= high) for low, high in zip(inner, _EDGES, strict=True)]
        shares = [ring / max(ring.sum(), 1) for ring in rings]
        self.rings = np.stack(shares).reshape(len(rings), -1).astype(np.float32)
        n = len(rings) * (bands - 1)
        make: dict[str, Any] = {"initializer": "zeros", "trainable": False}
        self.coefficients = self.add_weight(shape=(n, 1), name="coefficients", **make)
        self.offset = self.add_weight(shape=(1,), name="offset", **make)
        self.floors = self.add_weight(shape=(bands,), name="floors", **make)

    def assign(self, coefficients: np.ndarray, offset: float) -> None:
        """Set what is added: the colours times the coefficients, and an offset."""
        self.coefficients.assign(np.reshape(coefficients, (-1, 1)).astype(np.float32))
        self.offset.assign(np.reshape(offset, (1,)).astype(np.float32))

    def adapt(self, noise: np.ndarray) -> None:
        """Set the floors from the noise of a pixel in each band, (bands,)."""
        self.floors.assign((_FLOOR * noise).astype(np.float32))

    def colours(self, images: Any) -> Any:
        """Return the colours (batch, rings * (bands - 1)) of images."""
        images = ops.cast(images, "float32")
        _, height, width, bands = images.shape
        flat = ops.reshape(images, (-1, height * width, bands))
        flux = ops.matmul(self.rings, flat)
        light = ops.log(ops.maximum(flux, ops.maximum(self.floors, 1e-9)))
        return ops.reshape(light[..., :-1] - light[..., 1:], (-1, len(self.rings) * (bands - 1)))

    def call(self, logits: Any, images: Any, training: bool = False) -> Any:
        """Return the logits with the term added."""
        if training:
            return logits
        return logits + ops.matmul(self.colours(images), self.coefficients) + self.offset

    def compute_output_shape(self, logits_shape: Any, images_shape: Any = None) -> Any:
        """Return the shape of the logits."""
        return logits_shape
