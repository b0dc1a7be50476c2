"""FITS files written for a test, and the line that refuses one."""

from pathlib import Path

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
