"""The symmetry group of the square, D4: quarter turns and mirror images of an image.

Lensing has no preferred direction or handedness, so all eight are equally likely skies. Element k
turns the image counter-clockwise by ``k % 4`` quarters and then, if k >= 4, flips it left-right.
"""

from typing import Any

import numpy as np

from lenszoo.errors import LenszooError

D4_SIZE = 8

# Each element as (transpose, flip up-down, flip left-right), applied in this order: a quarter turn
# is a transposition and an up-down flip. NumPy and TensorFlow both read this table.
_STEPS = tuple((k % 2 == 1, k % 4 in (1, 2), (k % 4 in (2, 3)) != (k >= 4)) for k in range(D4_SIZE))


def check_square(shape: tuple[int, ...]) -> None:
    """Raise LenszooError unless (H, W, ...) has H = W: a quarter turn changes any other shape."""
    if shape[0] != shape[1]:
        raise LenszooError(
            f"augment='d4' needs square images, not {shape[0]} x {shape[1]}; crop them, "
            "or pass augment=None."
        )


def d4(images: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Apply element ``k[i]`` of D4 to image i.

    Args:
        images: (B, H, W, C), H = W.
        k: (B,) integers in 0..7.

    Returns:
        a new array (B, H, W, C).

    Raises:
        LenszooError: the images are not square, or a ``k`` is outside 0..7.

    Example:
        >>> import numpy as np
        >>> from lenszoo.data import d4
        >>> image = np.array([[1, 2], [3, 4]]).reshape(1, 2, 2, 1)
        >>> d4(image, np.array([0]))[0, :, :, 0].tolist()
        [[1, 2], [3, 4]]
    """
    check_square(images.shape[1:3])
    k = np.asarray(k)
    if k.shape != images.shape[:1] or (k.size and not (k.min() >= 0 and k.max() < D4_SIZE)):
        raise LenszooError(f"d4 needs one k in 0..{D4_SIZE - 1} for each image.")
    turned = np.empty_like(images)
    for element, (transpose, up_down, left_right) in enumerate(_STEPS):
        rows = np.flatnonzero(k == element)
        if not len(rows):
            continue
        group = images[rows]
        group = group.transpose(0, 2, 1, 3) if transpose else group
        group = group[:, ::-1] if up_down else group
        turned[rows] = group[:, :, ::-1] if left_right else group
    return turned


def d4_tensor(tf: Any, images: Any, k: Any) -> Any:
    """Apply D4 as :func:`d4` does to TensorFlow tensors, in a graph.

    Args:
        tf: the imported TensorFlow module.
        images: (B, H, W, C) tensor, H = W.
        k: (B,) int32 tensor of values in 0..7.
    """
    groups = tf.dynamic_partition(images, k, D4_SIZE)
    rows = tf.dynamic_partition(tf.range(tf.shape(k)[0]), k, D4_SIZE)
    turned = []
    for group, (transpose, up_down, left_right) in zip(groups, _STEPS, strict=True):
        if transpose:
            group = tf.transpose(group, [0, 2, 1, 3])
        flips = [axis for axis, flip in ((1, up_down), (2, left_right)) if flip]
        turned.append(tf.reverse(group, flips) if flips else group)
    return tf.ensure_shape(tf.dynamic_stitch(rows, turned), images.shape)
