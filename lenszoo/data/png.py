"""PNG and JPEG images, scaled to [0, 1] by their bit depth."""

import io
import threading
import warnings

import numpy as np

from lenszoo.data.regular import open_regular
from lenszoo.errors import LenszooError, one_line

SUFFIXES = (".png", ".jpg", ".jpeg")
"""File name endings of PNG and JPEG files, in lower case."""

# warnings.catch_warnings changes the state of the whole process, and files are read in threads.
_LOCK = threading.Lock()


def read_png(name: str) -> np.ndarray:
    """Read a PNG or JPEG file.

    Grey is one band, colour and palettes are three; alpha is dropped. Pillow reads 16-bit *colour*
    at 8 bits.

    Returns:
        float32 (H, W, bands) in [0, 1].

    Raises:
        LenszooError: the file is missing, damaged, of another kind, or unpacks to too many pixels.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with open_regular(name) as raw:
            with _LOCK, warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                image = Image.open(io.BufferedReader(raw), formats=("PNG", "JPEG"))
            if image.mode.startswith("I"):  # "I;16", or "I" from an older Pillow: 16-bit grey
                return (np.asarray(image, np.float32) / 65535.0)[..., None]
            grey = image.mode in ("1", "L", "LA")
            pixels = np.asarray(image.convert("L" if grey else "RGB"), np.float32) / 255.0
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
