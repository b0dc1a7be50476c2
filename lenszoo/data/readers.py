"""Read images from ``.npy``, PNG, JPEG and FITS files as float32 (H, W, bands).

Bands may come from one file or from several: wherever a path is read, a list of paths stands for
one image whose bands are those files in order, and ``"stamp.fits[2]"``, ``"stamp.fits[SCI]"``
or ``"stamp.fits[SCI,2]"`` names one HDU of a FITS file.
None in such a list is a band that is missing: its pixels are NaN.
"""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from lenszoo.data.aligned import aligned_empty
from lenszoo.data.checks import OnBad, apply_policy, check_policy, check_shape, row_numbers
from lenszoo.data.formats import find_format
from lenszoo.data.npy import read_npy
from lenszoo.data.part import ImagePart
from lenszoo.data.pixel_scale import check_band_scales
from lenszoo.data.sky import SkyMethod, check_sky, subtract_sky
from lenszoo.errors import LenszooError
from lenszoo.files import at_home

ImagePath = str | os.PathLike[str] | Sequence[str | os.PathLike[str] | None]
"""One file (or an :class:`lenszoo.data.part.ImagePart` of one), or the files that hold the bands of
one image, in order; None is a missing band."""

log = logging.getLogger("lenszoo")

_CHUNK = 32


def image_name(path: ImagePath) -> str:
    """Return how messages call an image: its file name, or those of its bands."""
    if not _is_bands(path):
        return _name(path)
    return " + ".join(_name(band) for band in path if band is not None)  # type: ignore


def read_image(path: ImagePath) -> np.ndarray:
    """Read one image.

    - ``.npy``: any real number type, values kept as they are; (H, W), DeepLense's (1, H, W),
      (C, H, W) or (H, W, C), see :func:`lenszoo.data.npy.image_layout`. Never unpickled.
    - PNG, JPEG: scaled to [0, 1] by their bit depth (8 or 16); grey is one band, colour and
      palettes three; alpha is dropped. Pillow reads 16-bit *colour* at 8 bits.
    - FITS (also gzipped or tile-compressed): the HDU named in brackets, or else the only image or
      the only one called SCI, with BSCALE and BZERO applied; (H, W), or a cube (bands, H, W).

    Args:
        path: a file, or a list of files whose bands are put together in order; None in the list is
            one band of NaN. Bands of different pixel scales are read with a warning.

    Returns:
        float32 array (H, W, bands).

    Raises:
        LenszooError: the file is missing, damaged, of another kind, or holds no single image.

    Example:
        >>> import numpy as np
        >>> from lenszoo.data import read_image
        >>> np.save("lens.npy", np.random.default_rng(0).random((1, 8, 8)))
        >>> image = read_image("lens.npy")
        >>> image.shape, image.dtype
        ((8, 8, 1), dtype('float32'))
    """
    if _is_bands(path):
        check_band_scales(path)
    return read_bands(path)


def read_bands(path: ImagePath) -> np.ndarray:
    """Read one image as :func:`read_image` does, without a look at the pixel scales of its bands.

    For many images of one kind, of which the first is looked at.
    """
    if not _is_bands(path):
        return _read_file(path)
    files = {_name(p): p for p in path if p is not None}  # type: ignore[union-attr]
    names = [None if p is None else _name(p) for p in path]  # type: ignore[union-attr]
    there = list(files)
    if not there:
        raise LenszooError("An image needs at least one file; the list of its bands is empty.")
    parts = {name: _read_file(file) for name, file in files.items()}
    size = parts[there[0]].shape[:2]
    for name, part in parts.items():
        check_shape(part.shape, name, size, there[0])
    missing = np.full((*size, 1), np.nan, np.float32)
    return np.concatenate([missing if n is None else parts[n] for n in names], axis=2)


def _read_file(path: Any) -> np.ndarray:
    try:
        if isinstance(path, ImagePart):
            return path.read()
        name = at_home(path)
        return find_format(name).read(name)
    except MemoryError as error:
        raise LenszooError(f"{path}: too large for the memory; cut it into parts.") from error


class ImageFiles:
    """Images in files, each read when it is asked for.

    Attributes:
        paths: n images, each as :func:`read_image` takes it; None for an object without.
        prepare: a function that changes an image (H, W, bands) in place once it was read, or None.
    """

    def __init__(
        self,
        paths: Sequence[ImagePath | None],
        prepare: Callable[[np.ndarray], None] | None = None,
    ) -> None:
        self.paths, self.prepare = paths, prepare

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> np.ndarray:
        path = self.paths[row]
        if path is None:
            raise LenszooError("There is no such file, or not in all bands.")
        image = read_bands(path)
        if self.prepare is not None:
            self.prepare(image)
        return image

    def take(self, rows: Sequence[int] | np.ndarray) -> "ImageFiles":
        """Return the images at some positions, in that order, or where a mask is true."""
        rows = row_numbers(rows, len(self), "images")
        return ImageFiles([self.paths[row] for row in rows], self.prepare)


def read_images(
    paths: Sequence[ImagePath],
    size: tuple[int, ...] | None = None,
    on_bad: OnBad = "raise",
    *,
    mask_value: float | None = None,
    sky: SkyMethod | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read and check images of one shape, in parallel, in order.

    Pixels of the mask value become NaN first, then the sky level is subtracted, and bad pixels are
    dealt with at the end: "zero" puts them at the level of the sky.

    Args:
        paths: N images, each as :func:`read_image` takes it.
        size: the expected (H, W) or (H, W, bands); by default all must agree with the first file.
        on_bad: what to do with images that hold NaN, infinite or constant bands; see
            :func:`lenszoo.data.checks.apply_policy`. "skip" also leaves out files that cannot be
            read, with a warning that names the first.
        mask_value: the value that marks masked pixels, which then count as bad.
        sky: how to measure the sky level that is subtracted from each band, see
            :func:`lenszoo.data.sky.measure_sky`; None subtracts nothing.

    Returns:
        ``images`` (M, H, W, bands) float32; ``kept`` (M,) int64, the positions in ``paths`` they
        came from (M < N only under "skip"); ``bad_counts`` (N,) int64, bad pixels of every path.

    Raises:
        LenszooError: a file cannot be read (not under "skip"), has another shape, or is bad under
            "raise"; the first such file in order is named.

    Example:
        >>> import numpy as np
        >>> from lenszoo.data import read_images
        >>> np.save("lens.npy", np.random.default_rng(0).random((1, 8, 8)))
        >>> images, kept, bad_counts = read_images(["lens.npy", "lens.npy"])
        >>> images.shape, kept.tolist(), bad_counts.tolist()
        ((2, 8, 8, 1), [0, 1], [0, 0])
    """
    check_policy(on_bad)
    check_sky(sky)
    if not len(paths):
        raise LenszooError("There are no images to read: the list of paths is empty.")
    reference, first = _first_readable(paths, on_bad)
    shape = first.shape
    if size is not None:
        check_shape(shape, image_name(paths[reference]), tuple(size))
    images = aligned_empty((len(paths), *shape))
    keep = np.ones(len(paths), bool)
    counts = np.zeros(len(paths), np.int64)
    faults: dict[int, LenszooError] = {}

    def read_chunk(start: int) -> None:
        stop = min(start + _CHUNK, len(paths))
        for i in range(start, stop):
            fault = read_into(images[i], paths[i], paths[reference], on_bad)
            if fault is not None:
                faults[i] = fault
        if mask_value is not None:
            images[start:stop][images[start:stop] == np.float32(mask_value)] = np.nan
        if sky is not None:
            subtract_sky(images[start:stop], sky)
        names = ImageNames(paths[start:stop])
        keep[start:stop], counts[start:stop] = apply_policy(images[start:stop], names, on_bad)

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        try:
            for _ in pool.map(read_chunk, range(0, len(paths), _CHUNK)):
                continue  # the first exception in order is raised here
        finally:
            pool.shutdown(cancel_futures=True)
    if faults:
        counts[list(faults)] = 0  # of pixels that were never seen
        log.warning(
            "%d of %d files were left out; the first: %s",
            len(faults), len(paths), faults[min(faults)],
        )  # fmt: skip
    kept = np.flatnonzero(keep)
    if not len(kept):
        raise LenszooError(
            f"All {len(paths)} images have bad pixels and were skipped "
            f"(the first: {image_name(paths[0])}); there is nothing left."
        )
    for to, source in enumerate(kept):  # closed up in place: a second copy may not fit in memory
        if to != source:
            images[to] = images[source]
    return images[: len(kept)], kept, counts


def read_into(
    out: np.ndarray, path: ImagePath, reference: ImagePath, on_bad: OnBad = "raise"
) -> LenszooError | None:
    """Read an image into (H, W, bands) float32; under "skip" return why it cannot be read.

    Raises:
        LenszooError: it cannot be read (not under "skip"), or has another shape than the image of
            ``reference``, which set that of ``out``.
    """
    try:
        whole = not (_is_bands(path) or isinstance(path, ImagePart))
        if not whole or not os.fspath(path).lower().endswith(".npy"):  # type: ignore[arg-type]
            image = read_bands(path)
        else:
            image = read_npy(_name(path), out=out)
    except LenszooError as error:
        if on_bad != "skip":
            raise
        out[:] = np.nan
        return error
    if image.shape != out.shape:
        check_shape(image.shape, image_name(path), out.shape, image_name(reference))
    if image is not out:
        out[:] = image
    return None


def _first_readable(paths: Sequence[ImagePath], on_bad: OnBad) -> tuple[int, np.ndarray]:
    """The first image and its place; under "skip" the first that can be read."""
    last = len(paths) - 1 if on_bad == "skip" else 0
    for i in range(last):
        try:
            return i, read_bands(paths[i])
        except LenszooError:
            continue
    return last, read_bands(paths[last])


class ImageNames(Sequence[str]):
    """The names of images, put together only when a message needs one."""

    def __init__(self, paths: Sequence[ImagePath]):
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, i: Any) -> Any:
        return image_name(self._paths[i])

    def __iter__(self) -> Iterator[str]:
        return map(image_name, self._paths)


def _name(path: Any) -> str:
    return str(path) if isinstance(path, ImagePart) else at_home(path)


def _is_bands(path: ImagePath) -> bool:
    return not isinstance(path, str | os.PathLike)
