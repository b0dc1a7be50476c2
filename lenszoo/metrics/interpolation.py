"""Bicubic interpolation of stacks of images, the baseline of super-resolution."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lenszoo.errors import LenszooError
from lenszoo.metrics.stacks import Floats, check_stack, chunks


def bicubic(images: ArrayLike, scale: int) -> NDArray[Any]:
    """Upsample by bicubic interpolation (Keys 1981, a = -0.5; doi:10.1109/TASSP.1981.1163711).

    Equal to Keras' ``UpSampling2D(scale, interpolation="bicubic")`` and TensorFlow's
    ``tf.image.resize(..., "bicubic")``: pixel centres at half-integers; at the border the weights
    of the pixels inside are scaled to sum to 1. (TensorFlow rounds the kernel's positions to
    1/1024 pixel, which shows at scales that are no power of two.)

    Args:
        images: shape (n, H, W, bands).
        scale: a positive integer.

    Returns:
        Shape (n, scale * H, scale * W, bands), float32 (float64 for float64 images).

    Raises:
        LenszooError: not a stack of images, or a scale that is no positive integer.

    >>> bicubic(np.ones((1, 4, 4, 1), np.float32), 2).shape
    (1, 8, 8, 1)
    """
    if isinstance(scale, bool) or not isinstance(scale, int | np.integer) or scale < 1:
        raise LenszooError(f"scale must be a positive integer, got {scale!r}.")
    stack = check_stack(images, "images")
    dtype = np.float64 if stack.dtype == np.float64 else np.float32
    n, height, width, bands = stack.shape
    result = np.empty((n, scale * height, scale * width, bands), dtype)
    for rows in chunks(result.shape):
        tall = _interpolate(np.asarray(stack[rows], dtype), int(scale), axis=1)
        result[rows] = _interpolate(tall, int(scale), axis=2)
    return result


def _interpolate(stack: NDArray[Any], scale: int, axis: int) -> NDArray[Any]:
    """Bicubic interpolation along one axis: four neighbours a pixel."""
    size = stack.shape[axis]
    position = (np.arange(scale * size) + 0.5) / scale - 0.5
    neighbours = np.floor(position).astype(int)[:, None] + np.arange(-1, 3)
    weights = _keys(np.abs(position[:, None] - neighbours))
    weights *= (neighbours >= 0) & (neighbours < size)
    weights /= weights.sum(axis=1, keepdims=True)
    neighbours = np.clip(neighbours, 0, size - 1)
    shape = [1] * stack.ndim
    shape[axis] = -1
    result: Any = 0
    for k in range(4):
        share = weights[:, k].astype(stack.dtype).reshape(shape)
        result = result + np.take(stack, neighbours[:, k], axis=axis) * share
    return result


def _keys(x: Floats) -> Floats:
    """Keys' cubic kernel at distances x >= 0."""
    near = (1.5 * x - 2.5) * x**2 + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))
