"""Checks that every path from a file to a model shares: bad pixels, image sizes, band counts.

A pixel value is bad when it is NaN or infinite. A band is bad as a whole when it is constant: it
carries no picture, and min-max scaling would divide by zero.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np

from lenszoo.errors import LenszooError, unknown

OnBad = Literal["raise", "zero", "skip", "fill"]
"""Policy for an image with bad pixels: refused, mended with zeros, left out, or mended with
the median of the sound pixels of the same band."""


def check_policy(on_bad: str) -> None:
    """Raise LenszooError unless ``on_bad`` is "raise", "zero", "skip" or "fill"."""
    if on_bad not in get_args(OnBad):
        raise unknown("policy for bad pixels (on_bad)", on_bad, get_args(OnBad))


def count_bad_pixels(images: np.ndarray) -> np.ndarray:
    """Count the bad pixel values of each image.

    Args:
        images: (N, H, W, C) floats.

    Returns:
        (N,) int64: values that are NaN or infinite, and all H x W values of each constant band.

    Example:
        >>> import numpy as np
        >>> from lenszoo.data import count_bad_pixels
        >>> images = np.random.default_rng(0).random((2, 8, 8, 1))
        >>> images[0, 0, :3] = np.nan
        >>> count_bad_pixels(images).tolist()
        [3, 0]
    """
    counts = np.zeros(len(images), np.int64)
    for i in np.flatnonzero(~_sound(images)):
        counts[i] = int(_bad_mask(images[i]).sum())
    return counts


def row_numbers(rows: Any, n: int, noun: str) -> np.ndarray:
    """Return positions (m,) int64 of rows that are named by positions or by a mask.

    Args:
        rows: positions from 0, those below 0 count from the end; or n truth values.
        n: rows that there are.
        noun: rows of which things, in errors.

    Raises:
        LenszooError: truth values of another number, numbers that are not whole, or positions out
            of range.

    Example:
        >>> row_numbers([True, False, True], 3, "images").tolist()
        [0, 2]
    """
    array = np.asarray(rows)
    if array.dtype == bool and array.shape == (n,):
        return np.flatnonzero(array)
    if array.size and array.dtype.kind not in "iu":
        raise LenszooError(
            f"rows of {n} {noun} are named by whole numbers or by {n} truth values, not by "
            f"{array.dtype} of shape {array.shape}."
        )
    if array.size and not (-n <= array.min() and array.max() < n):
        raise LenszooError(f"rows must lie in 0..{n - 1} for {n} {noun}.")
    return np.where(array < 0, array + n, array).astype(np.int64).reshape(-1)


def apply_policy(
    images: np.ndarray, names: Sequence[str], on_bad: OnBad
) -> tuple[np.ndarray, np.ndarray]:
    """Check images and deal with the bad ones; "zero" and "fill" mend ``images`` in place.

    Args:
        images: (N, H, W, C) float32.
        names: N file names or ids, for the message.
        on_bad: "raise" refuses the first bad image; "zero" sets bad pixels to 0; "fill" gives NaN
            and infinite pixels the median of the finite ones of their band (0 in a band that has
            none) and leaves constant bands as they are; "skip" marks bad images to be left out.

    Returns:
        ``keep`` (N,) bool and ``bad_counts`` (N,) int64, as :func:`count_bad_pixels` counts.

    Raises:
        LenszooError: under "raise", naming the image and what is wrong with it.
    """
    check_policy(on_bad)
    keep = np.ones(len(images), bool)
    counts = np.zeros(len(images), np.int64)
    for i in np.flatnonzero(~_sound(images)):
        mask = _bad_mask(images[i])
        counts[i] = int(mask.sum())
        if on_bad == "raise":
            raise LenszooError(
                f"{names[int(i)]}: {_fault(images[i])}; mend the file, or pass on_bad='zero' "
                "(bad pixels become 0), on_bad='fill' (they become the median of their band) or "
                "on_bad='skip' (the image is left out)."
            )
        if on_bad == "zero":
            images[i][mask] = 0.0
        elif on_bad == "fill":
            _fill(images[i])
        else:
            keep[i] = False
    return keep, counts


def check_shape(
    shape: tuple[int, ...], name: str, expected: tuple[int, ...], reference: str = ""
) -> None:
    """Raise LenszooError when an image's (H, W, bands) is not the expected one.

    Args:
        shape: the (H, W, bands) found.
        name: the file it was found in.
        expected: (H, W) or (H, W, bands).
        reference: the file that set the expectation, when it was a file.
    """
    if shape[: len(expected)] == expected:
        return
    if reference:
        raise LenszooError(
            f"{name}: {_shape_text(shape)}, but {reference} is {_shape_text(expected)}; "
            "all images of a dataset must have one size and band count."
        )
    raise LenszooError(
        f"{name}: {_shape_text(shape)}, but {_shape_text(expected)} is expected; "
        "crop or resize the images, or build the model for this input_shape."
    )


def _shape_text(shape: tuple[int, ...]) -> str:
    size = f"{shape[0]} x {shape[1]} pixels"
    if len(shape) < 3:
        return size
    return f"{size} in {shape[2]} band{'s' if shape[2] > 1 else ''}"


def _sound(images: np.ndarray) -> np.ndarray:
    """Return which images have no bad pixel: two passes over memory, no mask."""
    n, bands = len(images), images.shape[-1]
    # With one band the reduced axis must be the contiguous one: this is six times faster.
    flat, axis = (images.reshape(n, -1), 1) if bands == 1 else (images.reshape(n, -1, bands), 1)
    with np.errstate(invalid="ignore"):
        low, high = flat.min(axis), flat.max(axis)
    sound = np.isfinite(low) & np.isfinite(high) & (low < high)  # NaN propagates into both
    return sound.reshape(n, -1).all(1)


def _fill(image: np.ndarray) -> None:
    """Give the pixels of (H, W, C) that are not finite the median of their band, in place."""
    finite = np.isfinite(image)
    for band in np.flatnonzero(~finite.all((0, 1))):
        plane, sound = image[..., band], finite[..., band]
        plane[~sound] = np.median(plane[sound]) if sound.any() else 0.0


def _bad_mask(image: np.ndarray) -> np.ndarray:
    """Return the mask (H, W, C) of bad pixel values of one image."""
    mask = ~np.isfinite(image)
    return mask | _constant_bands(image)


def _constant_bands(image: np.ndarray) -> np.ndarray:
    """Return (C,) bool: bands whose finite values are all equal, or that have none."""
    finite = np.isfinite(image)
    low = np.where(finite, image, np.inf).min((0, 1))
    high = np.where(finite, image, -np.inf).max((0, 1))
    return low >= high


def _fault(image: np.ndarray) -> str:
    infinite = int((~np.isfinite(image)).sum())
    if infinite:
        n_nan = int(np.isnan(image).sum())
        return f"{n_nan} NaN and {infinite - n_nan} infinite of {math.prod(image.shape)} pixels"
    band = int(np.flatnonzero(_constant_bands(image))[0])
    where = "the image" if image.shape[-1] == 1 else f"band {band + 1}"
    return f"{where} is constant (every pixel {image[0, 0, band]:g})"
