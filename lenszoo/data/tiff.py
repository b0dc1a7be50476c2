"""TIFF images of one page: grey or colour, of 8, 16 or 32 bits, or of real numbers.

Pillow reads what it keeps exactly; 16-bit colour and other many-band files need tifffile.
"""

import io
import os
from typing import Any

import numpy as np

from lenszoo.data.npy import image_layout
from lenszoo.data.regular import open_regular
from lenszoo.errors import LenszooError, one_line

SUFFIXES = (".tif", ".tiff")
"""File name endings of TIFF files, in lower case."""

# Values that may always be claimed, and values for each byte of the file.
_CLAIMED, _CLAIMED_A_BYTE = 2**25, 50
_BITS, _SAMPLES = 258, 277  # the tags BitsPerSample and SamplesPerPixel
# Pillow's modes that hold all that a file does, where its samples have these bits
_EXACT = {"1": 1, "L": 8, "LA": 8, "RGB": 8, "RGBA": 8, "I;16": 16, "I;16B": 16, "F": 32}
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
_ALPHA = (1, 2)  # kinds of extra samples; others are bands


def read_tiff(name: str) -> np.ndarray:
    """Read a TIFF file.

    Whole numbers without a sign are scaled to [0, 1] by their bits, as those of a PNG are; others
    keep their values. Palettes become three bands of colour, alpha is dropped, and black is 0 also
    where a file says that white is.

    Returns:
        float32 (H, W, bands).

    Raises:
        LenszooError: the file is missing, damaged, of another kind, has several pages, unpacks to
            too much, or needs tifffile, which is not installed.
    """
    try:
        with open_regular(name) as raw:
            limit = max(_CLAIMED, _CLAIMED_A_BYTE * os.fstat(raw.fileno()).st_size)
            stream = io.BufferedReader(raw)
            pixels = _with_pillow(stream, name, limit)
            if pixels is None:
                stream.seek(0)
                pixels = _with_tifffile(stream, name, limit)
    except (LenszooError, MemoryError):
        raise
    except Exception as error:  # decoders of damaged files raise nearly anything
        raise LenszooError(
            f"{name}: damaged TIFF image ({one_line(error)}); copy or make it again."
        ) from error
    try:
        shape, axes = image_layout(pixels.shape)
    except ValueError as error:
        raise LenszooError(f"{name}: {error}.") from error
    image = pixels.reshape(shape).transpose(axes)
    scale = np.iinfo(image.dtype).max if image.dtype.kind == "u" else 1
    return np.ascontiguousarray(image, np.float32) / np.float32(scale)


def _with_pillow(stream: Any, name: str, limit: int) -> np.ndarray | None:
    """Pixels as Pillow reads them; None where it does not keep all bits."""
    from PIL import Image, UnidentifiedImageError

    try:
        image: Any = Image.open(stream, formats=("TIFF",))
    except UnidentifiedImageError:
        return None
    _check(name, getattr(image, "n_frames", 1), image.size[0] * image.size[1], limit)
    if image.mode == "P":
        return np.asarray(image.convert("RGB"))
    bits, samples = set(image.tag_v2.get(_BITS, (1,))), image.tag_v2.get(_SAMPLES, 1)
    if bits != {_EXACT.get(image.mode)} or samples != len(image.getbands()):
        return None
    pixels = np.asarray(image)
    if image.mode in ("LA", "RGBA"):
        return pixels[..., :-1]
    if image.mode.startswith("I;16") and image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        return np.uint16(65535) - pixels.astype(np.uint16)  # which Pillow does for 8 bits alone
    return pixels.astype(np.uint8) * np.uint8(255) if image.mode == "1" else pixels


def _with_tifffile(stream: Any, name: str, limit: int) -> np.ndarray:
    try:
        import tifffile
    except ImportError:
        raise LenszooError(
            f"{name}: not a TIFF that Pillow reads exactly (16-bit colour, several bands, 64 bits "
            "or damaged): pip install tifffile, or save it as FITS or .npy."
        ) from None
    with tifffile.TiffFile(io.BytesIO(stream.read())) as file:
        _check(name, len(file.pages), int(np.prod(file.pages[0].shape)), limit)
        page: Any = file.pages[0]
        pixels = page.asarray()
        alpha = [kind for kind in page.extrasamples if int(kind) in _ALPHA]
        if alpha and pixels.ndim == 3 and pixels.shape[-1] == page.samplesperpixel:
            pixels = pixels[..., : -len(alpha)]
        if page.photometric == _WHITE_IS_ZERO and pixels.dtype.kind == "u":
            pixels = np.iinfo(pixels.dtype).max - pixels
    if pixels.dtype.kind not in "uif":
        raise LenszooError(f"{name}: values of type {pixels.dtype} are not pixels.")
    return pixels


def _check(name: str, pages: int, values: int, limit: int) -> None:
    if pages != 1:
        raise LenszooError(f"{name}: holds {pages} pages; save each as a file of its own.")
    if values > limit:
        raise LenszooError(
            f"{name}: refused as a decompression bomb ({values:,} values in a file of its size)."
        )
