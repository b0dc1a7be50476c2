"""Resampling of a table over a grid, by the rules of the reference libraries."""

import numpy as np

from lenszoo.errors import unknown

RULES = ("bicubic", "bicubic-antialias", "bicubic-dino", "bilinear", "corners")


def resample(maps: np.ndarray, size: tuple[int, int], rule: str) -> np.ndarray:
    """Resample ``(h, w, channels)`` to ``(size[0], size[1], channels)``.

    Args:
        maps: the table.
        size: rows and columns of the result.
        rule: ``"bicubic"`` and ``"bilinear"`` as ``torch.nn.functional.interpolate`` does without
            ``align_corners`` or antialiasing (Hugging Face); ``"bicubic-antialias"`` with it
            (timm, DINOv2 with registers); ``"bicubic-dino"`` without it and to a grid that is
            taken for 0.1 larger (DINOv2); ``"corners"`` is linear from corner to corner, as
            ``scipy.ndimage.zoom(order=1)`` (Google's ViT, vit-keras).

    Raises:
        LenszooError: when there is no such rule.
    """
    if rule not in RULES:
        raise unknown("rule", rule, RULES)
    if maps.shape[:2] == tuple(size):
        return maps
    down, right = (_weights(old, new, rule) for old, new in zip(maps.shape, size, strict=False))
    stretched = np.einsum("ij,jkc->ikc", down, maps.astype(np.float64))
    return np.einsum("lk,ikc->ilc", right, stretched).astype(maps.dtype)


def _weights(old: int, new: int, rule: str) -> np.ndarray:
    """The matrix (new, old) that resamples one axis; edges repeat their last value."""
    if rule == "bicubic-antialias":
        return _smooth_weights(old, new)
    at: np.ndarray
    if rule == "corners":
        at = np.linspace(0, old - 1, new)
    else:
        length = new + (0.1 if rule == "bicubic-dino" else 0.0)
        at = (np.arange(new) + 0.5) * old / length - 0.5
    if rule == "bilinear":
        at = np.maximum(at, 0)
    first = np.floor(at).astype(int)
    cubic = rule.startswith("bicubic")
    reach = (-1, 0, 1, 2) if cubic else (0, 1)
    matrix = np.zeros((new, old))
    for step in reach:
        distance = np.abs(at - (first + step))
        weight = _cubic(distance) if cubic else np.maximum(1 - distance, 0)
        np.add.at(matrix, (np.arange(new), np.clip(first + step, 0, old - 1)), weight)
    return matrix


def _smooth_weights(old: int, new: int) -> np.ndarray:
    """The same for a kernel that widens where the table shrinks, cut off at the edges."""
    step = old / new
    centres = (np.arange(new) + 0.5) * step
    distance = np.abs(np.arange(old) + 0.5 - centres[:, None]) / max(step, 1.0)
    matrix = _cubic(distance, a=-0.5)
    return matrix / matrix.sum(axis=1, keepdims=True)


def _cubic(x: np.ndarray, a: float = -0.75) -> np.ndarray:
    """Keys' kernel with PyTorch's parameter."""
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))
