"""Geometric augmentation: quarter turns and flips, rotation, sub-pixel shift."""

import math
from typing import Any, ClassVar

import keras
from keras import ops

from lenszoo.errors import LenszooError, unknown
from lenszoo.layers.augmentation_base import SeededAugmentation, limits

FILLS = ("constant", "nearest", "reflect")


@keras.saving.register_keras_serializable(package="lenszoo")
class RandomD4(SeededAugmentation):
    """Turn by quarters and flip: one of the eight elements of D4 at random, without interpolation.

    Lensing has no preferred direction or handedness. The images must be square.

    >>> tuple(RandomD4(seed=1).augment(ops.ones((2, 8, 8, 1))).shape)
    (2, 8, 8, 1)
    """

    def check_shape(self, shape: tuple[int | None, ...]) -> None:
        """Raise LenszooError unless the images are square."""
        super().check_shape(shape)
        height, width = shape[-3:-1]
        if None not in (height, width) and height != width:
            raise LenszooError(
                f"RandomD4 needs square images, not {height} x {width}: crop them, "
                "or use RandomPositionAngle."
            )

    def change(self, images: Any) -> Any:
        """Return each image under a random element of D4, drawn by three fair coins."""
        coins = self.uniform(images, (0.0, 1.0), n=3)[:, :, None, None, None] < 0.5
        images = ops.where(coins[:, 0], ops.transpose(images, (0, 2, 1, 3)), images)
        images = ops.where(coins[:, 1], ops.flip(images, axis=1), images)
        return ops.where(coins[:, 2], ops.flip(images, axis=2), images)


@keras.saving.register_keras_serializable(package="lenszoo")
class RandomMotion(SeededAugmentation):
    """Rotate by a random angle about the centre, then shift by a random part of a pixel.

    Both by one bilinear interpolation, as each one smooths: between pixels it averages four of
    them, so that the noise is weaker (by a third on average) and correlated. Flux is conserved
    except at the edges.

    Args:
        angle: rotation, counter-clockwise as ``numpy.rot90`` [degrees]; n draws evenly from -n to
            n, a pair from low to high.
        shift: shift along rows and along columns, independent [pixels]; n or a pair likewise.
        fill: pixels outside the image. ``"reflect"``: the image mirrored at its edge (d c b a |
            a b c d | d c b a), which continues sky and noise, so that corners do not show the
            angle; ``"nearest"``: the edge pixel; ``"constant"``: ``fill_value``.
        fill_value: brightness of the sky, for ``"constant"``.

    Raises:
        LenszooError: an illegal range or an unknown fill.

    >>> flat = RandomMotion(angle=30.0, shift=1.0, seed=1).augment(ops.ones((2, 8, 8, 1)))
    >>> bool(ops.max(ops.abs(flat - 1.0)) < 1e-5)
    True
    """

    OPTIONS: ClassVar[tuple[str, ...]] = ("angle", "shift", "fill", "fill_value", "seed")

    def __init__(
        self,
        angle: float | tuple[float, float] = 180.0,
        shift: float | tuple[float, float] = 1.0,
        fill: str = "reflect",
        fill_value: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.angle = limits("angle", angle, signed=True)
        self.shift = limits("shift", shift, signed=True)
        if fill not in FILLS:
            raise unknown("fill", fill, FILLS)
        if not (isinstance(fill_value, (int, float)) and math.isfinite(fill_value)):
            raise LenszooError(f"fill_value must be one finite number: {fill_value!r}.")
        self.fill, self.fill_value = fill, float(fill_value)

    def change(self, images: Any) -> Any:
        """Return the images rotated and shifted."""
        angle = self.uniform(images, self.angle)[:, 0]
        shift = self.uniform(images, self.shift, n=2)
        return move(images, angle, shift, self.fill, self.fill_value)


@keras.saving.register_keras_serializable(package="lenszoo")
class RandomPositionAngle(RandomMotion):
    """Rotate by a random angle about the centre: :class:`RandomMotion` without a shift.

    Args:
        angle: rotation, counter-clockwise as ``numpy.rot90`` [degrees]; n draws evenly from -n to
            n, a pair from low to high.
        **kwargs: ``fill``, ``fill_value`` and ``seed`` as for :class:`RandomMotion`.

    Example:
        >>> tuple(RandomPositionAngle(seed=1).augment(ops.ones((2, 8, 8, 4))).shape)
        (2, 8, 8, 4)
    """

    OPTIONS = ("angle", "fill", "fill_value", "seed")

    def __init__(self, angle: float | tuple[float, float] = 180.0, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "angle": angle, "shift": 0.0})


@keras.saving.register_keras_serializable(package="lenszoo")
class RandomShift(RandomMotion):
    """Shift by a random part of a pixel: :class:`RandomMotion` without a rotation.

    Bilinear, not by a Fourier phase, which rings around sources narrower than two pixels and wraps
    the edges.

    Args:
        shift: shift along rows and along columns, independent [pixels]; n draws evenly from -n to
            n, a pair from low to high.
        **kwargs: ``fill``, ``fill_value`` and ``seed`` as for :class:`RandomMotion`.

    Example:
        >>> tuple(RandomShift(seed=1).augment(ops.ones((2, 8, 8, 4))).shape)
        (2, 8, 8, 4)
    """

    OPTIONS = ("shift", "fill", "fill_value", "seed")

    def __init__(self, shift: float | tuple[float, float] = 1.0, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "angle": 0.0, "shift": shift})


def move(images: Any, angle: Any, shift: Any, fill: str, fill_value: float = 0.0) -> Any:
    """Rotate images about their centre, then shift them.

    Args:
        images: (batch, height, width, bands).
        angle: (batch,), counter-clockwise as ``numpy.rot90`` [degrees].
        shift: (batch, 2), down and to the right [pixels].
        fill: one of ``FILLS``.
        fill_value: for ``"constant"``.
    """
    _, height, width, _ = ops.shape(images)
    middle_y, middle_x = (_float(height) - 1) / 2, (_float(width) - 1) / 2
    # position in the old image of each pixel of the new one
    y = ops.arange(height, dtype="float32")[None, :, None] - middle_y - shift[:, 0, None, None]
    x = ops.arange(width, dtype="float32")[None, None, :] - middle_x - shift[:, 1, None, None]
    radians = ops.cast(angle, "float32")[:, None, None] * (math.pi / 180.0)
    cos, sin = ops.cos(radians), ops.sin(radians)
    from_y, from_x = middle_y + cos * y + sin * x, middle_x + cos * x - sin * y
    if fill == "constant":
        # a rim of that value: all beyond it is clipped to the rim
        rim = [[0, 0], [1, 1], [1, 1], [0, 0]]
        images = ops.pad(images, rim, constant_values=fill_value)
        from_y, from_x = from_y + 1, from_x + 1
    elif fill == "reflect":
        from_y, from_x = _mirrored(from_y, _float(height)), _mirrored(from_x, _float(width))
    return _interpolate(images, from_y, from_x)


def _float(side: Any) -> Any:
    """Side in pixels, an integer or a tensor, as a float."""
    return float(side) if isinstance(side, int) else ops.cast(side, "float32")


def _mirrored(position: Any, side: Any) -> Any:
    """Fold a position outside the image back into it, mirrored at the edge."""
    distance = ops.mod(position + 0.5, 2 * side)
    return ops.minimum(distance, 2 * side - distance) - 0.5


def _interpolate(images: Any, y: Any, x: Any) -> Any:
    """Interpolate images at positions y and x, each (batch, rows, columns), clipped to the edge."""
    batch, height, width, bands = ops.shape(images)
    y = ops.clip(y, 0.0, _float(height) - 1)
    x = ops.clip(x, 0.0, _float(width) - 1)
    row = ops.minimum(ops.cast(y, "int32"), height - 2)
    column = ops.minimum(ops.cast(x, "int32"), width - 2)
    down = (y - ops.cast(row, "float32"))[..., None]
    right = (x - ops.cast(column, "float32"))[..., None]
    # each pixel beside its three neighbours: one look-up for four
    top, bottom = images[:, :-1], images[:, 1:]
    fours = ops.concatenate(
        [top[:, :, :-1], top[:, :, 1:], bottom[:, :, :-1], bottom[:, :, 1:]], axis=-1
    )
    first = ops.arange(batch, dtype="int32")[:, None, None] * ((height - 1) * (width - 1))
    index = first + row * (width - 1) + column
    corners = ops.take(ops.reshape(fours, (-1, 4 * bands)), index, axis=0)
    a, b, c, d = ops.split(corners, 4, axis=-1)
    upper, lower = a + right * (b - a), c + right * (d - c)
    return upper + down * (lower - upper)
