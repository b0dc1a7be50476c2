"""Unfold feature maps into sequences, one for each pixel position within a patch; and fold back."""

from typing import Any

import keras
from keras import ops

from lenszoo.layers.base import BaseLayer


class _Patches(BaseLayer):
    """Base of ``Unfold`` and ``Fold``: the patch, and the number of patches that cover a map."""

    OPTIONS = ("patch",)

    def __init__(self, patch: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.patch = patch

    def cover(self, side: Any) -> Any:
        """Return the number of patches that cover ``side`` pixels; None where the side is open."""
        return None if side is None else -(-side // self.patch)


@keras.saving.register_keras_serializable(package="lenszoo")
class Unfold(_Patches):
    """Unfold maps into one sequence a position in the patch (Mehta & Rastegari 2021, figure 1b).

    ``unfold(maps)`` with maps ``(batch, height, width, channels)`` returns ``(batch * patch**2,
    n, channels)`` with n the number of patches (arXiv:2110.02178). Sides that are no multiple of
    the patch are stretched to the next one by bilinear interpolation, as in Hugging Face's
    transformers.

    Args:
        patch: height and width of a patch in pixels.

    >>> tuple(Unfold(2)(ops.ones((1, 6, 8, 5))).shape)
    (4, 12, 5)
    """

    def call(self, maps: Any) -> Any:
        """Return the sequences, sorted by image, then by row and column in the patch."""
        _, height, width, channels = ops.shape(maps)
        rows, columns = self.cover(height), self.cover(width)
        maps = resize_bilinear(maps, rows * self.patch, columns * self.patch)
        x = ops.reshape(maps, (-1, rows, self.patch, columns, self.patch, channels))
        x = ops.transpose(x, (0, 2, 4, 1, 3, 5))
        return ops.reshape(x, (-1, rows * columns, channels))

    def compute_output_shape(self, maps_shape: Any) -> Any:
        """Return the sequences' shape, None where the image size or the batch is open."""
        batch, height, width, channels = maps_shape
        rows, columns = self.cover(height), self.cover(width)
        return (
            None if batch is None else batch * self.patch**2,
            None if rows is None or columns is None else rows * columns,
            channels,
        )


@keras.saving.register_keras_serializable(package="lenszoo")
class Fold(_Patches):
    """Fold sequences into maps: the inverse of ``Unfold`` where the patch divides the sides.

    ``fold(sequences, like)`` with sequences ``(batch * patch**2, n, channels)`` and ``like``
    ``(batch, height, width, any)`` returns ``(batch, height, width, channels)``.

    Args:
        patch: height and width of a patch in pixels.

    >>> tuple(Fold(2)(ops.ones((4, 12, 5)), ops.ones((1, 6, 8, 1))).shape)
    (1, 6, 8, 5)
    """

    def call(self, sequences: Any, like: Any) -> Any:
        """Return the maps, with the height and width of ``like``."""
        _, height, width, _ = ops.shape(like)
        channels = sequences.shape[-1]
        rows, columns = self.cover(height), self.cover(width)
        x = ops.reshape(sequences, (-1, self.patch, self.patch, rows, columns, channels))
        x = ops.transpose(x, (0, 3, 1, 4, 2, 5))
        x = ops.reshape(x, (-1, rows * self.patch, columns * self.patch, channels))
        return resize_bilinear(x, height, width)

    def compute_output_shape(self, sequences_shape: Any, like_shape: Any) -> Any:  # type: ignore[override]
        """Return the maps' shape."""
        return (*like_shape[:3], sequences_shape[-1])


def resize_bilinear(maps: Any, height: Any, width: Any) -> Any:
    """Resize ``(batch, h, w, channels)`` to ``(batch, height, width, channels)``.

    Bilinear, without antialiasing, with pixels as areas: PyTorch's ``align_corners=False``. Done by
    two small matrix products, because XLA on TensorFlow has no gradient of its own resize.
    """
    for axis, size, equation in ((1, height, "ij,bjwc->biwc"), (2, width, "ij,bhjc->bhic")):
        old = ops.shape(maps)[axis]
        if not (isinstance(old, int) and isinstance(size, int) and old == size):
            maps = ops.einsum(equation, ops.cast(_stretch(old, size), maps.dtype), maps)
    return maps


def _stretch(old: Any, new: Any) -> Any:
    """Matrix ``(new, old)`` of linear interpolation; the identity where both are equal."""
    ratio = ops.cast(old, "float32") / ops.cast(new, "float32")
    at = (ops.arange(new, dtype="float32") + 0.5) * ratio - 0.5
    at = ops.clip(at, 0.0, ops.cast(old, "float32") - 1.0)
    distance = ops.abs(at[:, None] - ops.arange(old, dtype="float32"))
    return ops.relu(1.0 - distance)
