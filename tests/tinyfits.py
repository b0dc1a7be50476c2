"""FITS files written for a test, and the line that refuses one."""

from pathlib import Path

import numpy as np
from astropy.io import fits
from oneline import one_line

from lenszoo.data import read_image


def refusal_of(path, message: str) -> str:
    """Check that an image is refused in one line that holds ``message``; return the line."""
    return one_line(message, lambda: read_image(path))


def write_hdus(path: Path, *hdus) -> Path:
    """Write HDUs to a file; return its path."""
    fits.HDUList(list(hdus)).writeto(path)
    return path


def write_scaled_table(path):
    """Write a table of stored integers: ra is 150.1, 150.2 and missing, z 5, missing and 7."""
    columns = [
        fits.Column("id", "3A", array=np.array(["a", "b", "c"])),
        fits.Column("ra", "J", array=np.array([501000, 502000, -999999], np.int32), null=-999999),
        fits.Column("dec", "D", array=np.array([1.0, 2.0, 3.0])),
        fits.Column("z", "I", array=np.array([-32763, -32768, -32761], np.int16), null=-32768),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(path)
    with fits.open(path, mode="update") as hdus:
        hdus[1].header.update({"TSCAL2": 1e-4, "TZERO2": 100.0, "TZERO4": 32768})
    return path


def write_text_table(path):
    """Write a FITS table of text: ra is 150 and missing."""
    columns = [
        fits.Column("id", "I5", array=np.array([1, 2])),
        fits.Column("ra", "F10.4", array=np.array([150.0, 151.0]), null="---"),
        fits.Column("dec", "F10.4", array=np.array([1.0, 2.0])),
    ]
    fits.TableHDU.from_columns(columns).writeto(path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"151.0000", b"---     "))
    return path
