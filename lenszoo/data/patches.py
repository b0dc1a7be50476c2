"""Random patches of pairs of images, and the same turn for both of a pair."""

import numpy as np

from lenszoo.data.augment import d4
from lenszoo.data.epochs import d4_elements, patch_corners
from lenszoo.errors import LenszooError, counted


def pair_scale(low: tuple[int, ...], high: tuple[int, ...], name: str = "The pair") -> int:
    """Return how many fine pixels a side a coarse pixel covers, from two shapes (H, W, bands).

    Raises:
        LenszooError: the sizes are in no whole ratio of 1 or more, or the bands differ.
    """
    scale = high[0] // low[0]
    if scale < 1 or (scale * low[0], scale * low[1], low[2]) != tuple(high):
        raise LenszooError(
            f"{name}: {low[0]} x {low[1]} pixels in {counted(low[2], 'band')} and "
            f"{high[0]} x {high[1]} in {high[2]} are no pair; the fine must have "
            "2, 3, 4 ... times the pixels on each side."
        )
    return scale


def training_pairs(
    low: np.ndarray,
    high: np.ndarray,
    *,
    patch: int | None,
    patches: int,
    augment: str | None,
    seed: int,
    epoch: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Cut random patches out of pairs and turn them at random, in a way fixed by seed and epoch.

    Args:
        low: (n, h, w, bands) coarse images.
        high: (n, scale * h, scale * w, bands) fine ones.
        patch: side of a patch in coarse pixels; None takes whole images.
        patches: patches of each image.
        augment: ``"d4"`` turns and mirrors each patch, both of a pair alike; None does not.
        seed, epoch: what the randomness depends on.

    Returns:
        (n * patches, patch, patch, bands) and (n * patches, scale * patch, scale * patch, bands).

    Raises:
        LenszooError: the patch is larger than the images.
    """
    if patch is not None:
        low, high = _cut(low, high, patch, patches, seed, epoch)
    if augment == "d4":
        elements = d4_elements(len(low), seed, epoch)
        low, high = d4(low, elements), d4(high, elements)
    return low, high


def _cut(
    low: np.ndarray, high: np.ndarray, patch: int, patches: int, seed: int, epoch: int
) -> tuple[np.ndarray, np.ndarray]:
    scale = pair_scale(low.shape[1:], high.shape[1:])
    spare = (low.shape[1] - patch, low.shape[2] - patch)
    if patch < 1 or min(spare) < 0:
        raise LenszooError(
            f"Patches of {patch} pixels do not fit into images of {low.shape[1]} x {low.shape[2]}; "
            "choose a smaller patch, or whole images."
        )
    corners = patch_corners(len(low), patches, spare, seed, epoch)
    cuts = []
    for images, factor in ((low, 1), (high, scale)):
        side = factor * patch
        # a view on every window; what is taken is copied once
        windows = np.lib.stride_tricks.sliding_window_view(images, (side, side), axis=(1, 2))
        rows, columns = factor * corners[..., 0], factor * corners[..., 1]
        cut = windows[np.arange(len(images))[:, None], rows, columns]
        cuts.append(np.moveaxis(cut.reshape(-1, *cut.shape[2:]), 1, -1))
    return np.ascontiguousarray(cuts[0]), np.ascontiguousarray(cuts[1])
