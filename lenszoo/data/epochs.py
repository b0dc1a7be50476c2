"""Order, turns and patches of an epoch, drawn on the host from (seed, epoch) alone.

So an epoch is the same in every process, at any batch size, on any backend and in any number of
threads, and an interrupted training resumes exactly.
"""

import numpy as np

from lenszoo.data.augment import D4_SIZE
from lenszoo.errors import LenszooError

_ORDER, _D4, _PATCH = 0, 1, 2  # the independent random streams of an epoch


def epoch_order(n: int, seed: int, epoch: int) -> np.ndarray:
    """Return the order (n,) int64 in which epoch ``epoch`` of ``seed`` visits n images.

    Example:
        >>> from lenszoo.data import epoch_order
        >>> sorted(epoch_order(4, seed=1, epoch=0).tolist())
        [0, 1, 2, 3]
    """
    return randomness(seed, epoch, _ORDER).permutation(n)


def d4_elements(n: int, seed: int, epoch: int) -> np.ndarray:
    """Return (n,) int32 in 0..7: the element of D4 for each of n images in an epoch.

    Element i belongs to image i of the index, wherever the shuffle puts it.

    Example:
        >>> from lenszoo.data import d4_elements
        >>> d4_elements(4, seed=1, epoch=0).shape
        (4,)
    """
    return randomness(seed, epoch, _D4).integers(0, D4_SIZE, n, dtype=np.int32)


def patch_corners(
    n: int, patches: int, spare: tuple[int, int], seed: int, epoch: int
) -> np.ndarray:
    """Return (n, patches, 2) int64: upper left corners of patches in each of n images.

    Row and column are uniform in 0..spare, the pixels by which the image is larger than a patch.
    """
    room = np.asarray(spare) + 1
    return randomness(seed, epoch, _PATCH).integers(0, room, (n, patches, 2))


def randomness(*key: int) -> np.random.Generator:
    """Return the random numbers of a key: a seed, then an epoch, a purpose and the like.

    Raises:
        LenszooError: a negative number.
    """
    if min(key) < 0:
        raise LenszooError(f"Seeds and epochs are not negative: {', '.join(map(str, key))}.")
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))
