"""Pairs of coarse and fine images from files, and what makes the one of the other."""

import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from lenszoo.data.checks import OnBad
from lenszoo.data.dataset import Dataset
from lenszoo.data.formats import is_image_file, without_suffix
from lenszoo.data.names import natural_key
from lenszoo.data.patches import pair_scale
from lenszoo.data.readers import read_images
from lenszoo.data.stacks import is_stack_file, is_store, open_stack
from lenszoo.data.walk import walk_files
from lenszoo.data.written import check_whole
from lenszoo.errors import LenszooError
from lenszoo.files import expanded

FWHM_TO_SIGMA = 1.0 / (2.0 * math.sqrt(2.0 * math.log(2.0)))


def read_pairs(
    low: str | os.PathLike[str], high: str | os.PathLike[str], on_bad: OnBad = "raise"
) -> Dataset:
    """Read pairs from two folders: files of one name, endings aside, belong together.

    Args:
        low: folder of the coarse images, all of one size, searched with all folders below it; or
            a stack of them, see :mod:`lenszoo.data.stacks`, whose images are called by number.
        high: folder or stack of the fine images, all of one size.
        on_bad: what happens to a pair with NaN, infinite or constant bands.

    Returns:
        The coarse images as ``images`` and the fine ones as ``targets``; ``provenance`` counts the
        ``bad_pixels`` that the policy dealt with, in both.

    Raises:
        LenszooError: an image without its partner, sizes in no whole ratio, other bands, files
            that cannot be read, or a simulation that was not finished.

    Example:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from lenszoo.data import read_pairs
        >>> for folder, side in (("low", 8), ("high", 16)):
        ...     Path(folder).mkdir()
        ...     np.save(f"{folder}/lens.npy", np.random.default_rng(0).random((side, side)))
        >>> read_pairs("low", "high").targets.shape
        (1, 16, 16, 1)
    """
    files = [_named_files(expanded(folder)) for folder in (low, high)]
    for here, there, folder in ((files[0], files[1], high), (files[1], files[0], low)):
        alone = [name for name in here if name not in there]
        if alone:
            raise LenszooError(
                f"{here[alone[0]]}: has no partner {alone[0]}.* in {folder} ({len(alone)} of "
                f"{len(here)} have none); pairs are matched by name."
            )
    ids = list(files[0])
    read = [read_images([paths[i] for i in ids], on_bad=on_bad) for paths in files]
    both = np.intersect1d(read[0][1], read[1][1])
    if not len(both):
        raise LenszooError(f"No pair of {low} and {high} is without bad pixels; nothing is left.")
    images = [stack[np.searchsorted(kept, both)] for stack, kept, _ in read]
    pair_scale(images[0].shape[1:], images[1].shape[1:], f"{low} and {high}")
    bad = sum(int(counts.sum()) for _, _, counts in read)
    names = tuple(ids[i] for i in both)
    return Dataset(names, images[0], targets=images[1], provenance={"bad_pixels": bad})


def make_pairs(
    high: str | os.PathLike[str] | np.ndarray,
    factor: int,
    *,
    psf_fwhm: float = 0.0,
    noise: float = 0.0,
    seed: int = 0,
    on_bad: OnBad = "raise",
) -> Dataset:
    """Make pairs out of fine images alone, see :func:`degrade`.

    Args:
        high: a folder or stack of images of one size, or an array (n, H, W, bands). Rows and
            columns that fill no whole coarse pixel are cut off below and on the right.
        factor, psf_fwhm, noise, seed: as for :func:`degrade`.
        on_bad: what happens to images with NaN, infinite or constant bands.

    Returns:
        As :func:`read_pairs`.

    Raises:
        LenszooError: no images, or images smaller than a coarse pixel.

    Example:
        >>> import numpy as np
        >>> from lenszoo.data import make_pairs
        >>> pairs = make_pairs(np.random.default_rng(0).random((2, 16, 16, 1), "float32"), 2)
        >>> pairs.images.shape, pairs.targets.shape
        ((2, 8, 8, 1), (2, 16, 16, 1))
    """
    if isinstance(high, np.ndarray):
        images, ids, bad = high.astype(np.float32), tuple(map(str, range(len(high)))), 0
    else:
        files = _named_files(expanded(high))
        images, kept, counts = read_images(list(files.values()), on_bad=on_bad)
        names = list(files)
        ids, bad = tuple(names[i] for i in kept), int(counts.sum())
    height, width = (side - side % factor for side in images.shape[1:3])
    if not height or not width:
        raise LenszooError(
            f"Images of {images.shape[1:3]} pixels are too small to bin by {factor}."
        )
    images = images[:, :height, :width]
    low = degrade(images, factor, psf_fwhm=psf_fwhm, noise=noise, seed=seed)
    return Dataset(ids, low, targets=images, provenance={"bad_pixels": bad})


def degrade(
    images: np.ndarray, factor: int, *, psf_fwhm: float = 0.0, noise: float = 0.0, seed: int = 0
) -> np.ndarray:
    """Degrade images to those of a coarser camera: blurred, binned, with noise of its own.

    Args:
        images: (n, H, W, bands), H and W multiples of ``factor``.
        factor: fine pixels a side of a coarse one, whose value is their mean.
        psf_fwhm: full width at half maximum, in fine pixels, of the Gaussian that blurs first, on
            top of the PSF that the images have; the edge pixel is repeated outside.
        noise: standard deviation, in the images' units, of the Gaussian noise added last.
        seed: of the noise; that of image i does not depend on how many there are.

    Returns:
        (n, H / factor, W / factor, bands) float32.

    Raises:
        LenszooError: a factor below 2, or a negative width or noise.

    Example:
        >>> import numpy as np
        >>> from lenszoo.data import degrade
        >>> fine = np.random.default_rng(0).random((2, 16, 16, 1), "float32")
        >>> degrade(fine, 2, psf_fwhm=1.5, noise=0.01).shape
        (2, 8, 8, 1)
    """
    from scipy.ndimage import gaussian_filter

    if factor < 2 or psf_fwhm < 0 or noise < 0:
        raise LenszooError(
            f"factor must be 2 or more, psf_fwhm and noise not negative; got {factor}, {psf_fwhm} "
            f"and {noise}."
        )
    images = np.asarray(images, np.float32)  # of whole numbers the filter would keep whole ones
    n, height, width, bands = images.shape
    if psf_fwhm:
        sigma = psf_fwhm * FWHM_TO_SIGMA
        images = gaussian_filter(images, (0, sigma, sigma, 0), mode="nearest")
    blocks = images.reshape(n, height // factor, factor, width // factor, factor, bands)
    low = blocks.mean(axis=(2, 4), dtype=np.float32)
    if noise:
        for i, image in enumerate(low):
            rng = np.random.Generator(np.random.Philox(key=np.array([seed, i], np.uint64)))
            image += rng.normal(0.0, noise, image.shape).astype(np.float32)
    return low


def normalise(low: np.ndarray, *others: np.ndarray) -> tuple[np.ndarray, ...]:
    """Scale pairs by the affine map that takes each coarse image to [0, 1], all bands by one.

    It is known where a network is used, unlike that of the fine image. Constant images become 0.

    Args:
        low: (n, h, w, bands).
        others: arrays of n images of any size, such as the fine ones.

    Example:
        >>> import numpy as np
        >>> from lenszoo.data import normalise
        >>> low = np.array([2.0, 4.0, 6.0, 10.0], "float32").reshape(1, 2, 2, 1)
        >>> low, high = normalise(low, 2 * low)
        >>> low.ravel().tolist(), float(high.max())
        ([0.0, 0.25, 0.5, 1.0], 2.25)
    """
    axes = (1, 2, 3)
    base, top = low.min(axes, keepdims=True), low.max(axes, keepdims=True)
    span = np.where(top > base, top - base, 1.0)
    return tuple(((images - base) / span).astype(np.float32) for images in (low, *others))


def _named_files(folder: Path) -> dict[str, Any]:
    """Image files below a folder by their name without its ending, or rows of a stack by number."""
    if is_stack_file(folder) and (is_store(folder) or not folder.is_dir()):
        stack = open_stack(str(folder))
        if stack is None:
            raise LenszooError(f"{folder}: one image is no stack; give many, or a folder.")
        return {str(row): image for row, image in enumerate(stack.images)}
    if not folder.is_dir():
        raise LenszooError(f"{folder}: there is no such folder of images.")
    check_whole(folder)
    names: dict[str, Path] = {}
    for path in _image_files(folder):
        name = without_suffix(path.relative_to(folder).as_posix())
        if name in names:
            raise LenszooError(
                f"{path} and {names[name]} have one name; pairs are matched by name, so each may "
                "stand once."
            )
        names[name] = path
    if not names:
        raise LenszooError(f"{folder}: no images in this folder or below.")
    return {name: names[name] for name in sorted(names, key=natural_key)}


def _image_files(folder: Path) -> Iterable[Path]:
    return (folder / name for name in walk_files(folder) if is_image_file(name))
