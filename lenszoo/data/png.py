"""PNG and JPEG images, scaled to [0, 1] by their bit depth."""

import io
import math
import os
import threading
import warnings
import zlib
from typing import BinaryIO

import numpy as np

from lenszoo.data.regular import open_regular
from lenszoo.errors import LenszooError, one_line

SUFFIXES = (".png", ".jpg", ".jpeg")
"""File name endings of PNG and JPEG files, in lower case."""

# Pixels that may always be claimed, and pixels for each byte of the file.
_CLAIMED, _CLAIMED_A_BYTE = 2**25, 50
_BLOCK = 2**18
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_READ = (b"IHDR", b"PLTE", b"IDAT")
_PALETTE = 3
_DEEP_GREY_ALPHA = bytes((16, 4))  # bits and colour type
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # a pixel, by the colour type
# The seven passes of an interlaced PNG: first column, first row, and the steps to the next.
_PASSES = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4),
    (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
)  # fmt: skip

# warnings.catch_warnings changes the state of the whole process, and files are read in threads.
_LOCK = threading.Lock()


def read_png(name: str) -> np.ndarray:
    """Read a PNG or JPEG file.

    Grey is one band, colour and palettes are three; alpha is dropped. Pillow reads 16-bit *colour*
    at 8 bits. An image that a camera's orientation (EXIF) turns is turned.

    Returns:
        float32 (H, W, bands) in [0, 1].

    Raises:
        LenszooError: the file is missing, damaged, of another kind, unpacks to too many pixels, or
            is 16-bit grey with alpha, of which Pillow makes 8-bit colour.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with open_regular(name) as raw:
            with _LOCK, warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                image = Image.open(io.BufferedReader(raw), formats=("PNG", "JPEG"))
            if math.prod(image.size) > max(
                _CLAIMED, _CLAIMED_A_BYTE * os.fstat(raw.fileno()).st_size
            ):
                raise Image.DecompressionBombError(
                    f"{image.size[0]:,} x {image.size[1]:,} pixels in a file of its size"
                )
            if image.format == "PNG":
                _check_rows(raw, name)
            turned = ImageOps.exif_transpose(image)
            if turned.mode.startswith("I"):  # "I;16", or "I" from an older Pillow: 16-bit grey
                return (np.asarray(turned, np.float32) / 65535.0)[..., None]
            grey = turned.mode in ("1", "L", "LA")
            pixels = np.asarray(turned.convert("L" if grey else "RGB"), np.float32) / 255.0
            return pixels[..., None] if grey else pixels
    except LenszooError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise LenszooError(
            f"{name}: refused as a decompression bomb ({one_line(error)}); cut out the lens first."
        ) from error
    except UnidentifiedImageError as error:
        raise LenszooError(f"{name}: not a PNG or JPEG image, whatever its name says.") from error
    except Exception as error:  # decoders of damaged files raise nearly anything
        raise LenszooError(
            f"{name}: damaged image ({one_line(error)}); copy or make it again."
        ) from error


def _check_rows(stream: BinaryIO, name: str) -> None:
    """Raise LenszooError for a PNG that lacks rows, of which Pillow makes black ones, or a palette.

    The checksums of its chunks are compared too.
    """
    position = stream.tell()
    stream.seek(len(_SIGNATURE))
    unpacker, have, needed, lacking = zlib.decompressobj(), 0, 0, {b"IHDR"}
    while len(head := stream.read(8)) == 8:
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind not in _READ:
            if kind == b"IEND":
                break
            stream.seek(size + 4, 1)
            continue
        checksum = zlib.crc32(kind)
        for start in range(0, size, _BLOCK):
            block = stream.read(min(_BLOCK, size - start))
            checksum = zlib.crc32(block, checksum)
            if kind == b"IHDR":
                needed = _bytes_of(block)
                if block[8:10] == _DEEP_GREY_ALPHA:
                    raise LenszooError(
                        f"{name}: 16-bit grey with alpha is not read; save it without alpha."
                    )
                lacking |= {b"PLTE"} if block[9] == _PALETTE else set()
            lacking.discard(kind)
            while kind == b"IDAT" and block and not unpacker.eof and have < needed:
                have += len(unpacker.decompress(block, _BLOCK))
                block = unpacker.unconsumed_tail
        if stream.read(4) != checksum.to_bytes(4, "big"):
            raise LenszooError(
                f"{name}: damaged image, its {kind.decode()} differs from its checksum; copy or "
                "make it again."
            )
    if have < needed or lacking:
        raise LenszooError(
            f"{name}: damaged image, {have:,} of its {needed:,} bytes of pixels are there"
            f"{', and no palette' if lacking else ''}; copy or make it again."
        )
    stream.seek(position)


def _bytes_of(header: bytes) -> int:
    """Return the bytes of pixels that a header (IHDR) promises, with one a row for its filter."""
    width, height = (int.from_bytes(header[i : i + 4], "big") for i in (0, 4))
    bits = header[8] * _SAMPLES[header[9]]
    passes = _PASSES if header[12] else ((0, 0, 1, 1),)
    total = 0
    for x, y, across, down in passes:
        columns, rows = math.ceil((width - x) / across), math.ceil((height - y) / down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total
