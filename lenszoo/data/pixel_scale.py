"""How large a pixel is in the sky, where a file says so."""

import os
import warnings

import numpy as np

from lenszoo.data.readers import FITS_SUFFIXES, ImagePath, split_hdu

_ARCSEC = 3600.0


def read_pixel_scale(path: ImagePath) -> float | None:
    """Return the arcsec a pixel of an image from the celestial coordinates in its header.

    Args:
        path: as for :func:`lenszoo.data.read_image`; of a list of bands the first that is there.

    Returns:
        The geometric mean over both axes; None where the file gives no celestial coordinates or
        cannot be read, which reading its pixels will tell.
    """
    parts = [path] if isinstance(path, str | os.PathLike) else [p for p in path if p is not None]
    if not parts:
        return None
    file, wanted = split_hdu(os.fspath(parts[0]))
    if not file.lower().endswith(FITS_SUFFIXES):
        return None
    from astropy.io import fits
    from astropy.wcs import WCS
    from astropy.wcs.utils import proj_plane_pixel_scales

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd cards: they decide nothing here
            with fits.open(file) as hdus:
                images = (h for h in hdus if h.is_image and h.header.get("NAXIS", 0) >= 2)
                hdu = next(images) if wanted is None else hdus[wanted]
                coordinates = WCS(hdu.header, naxis=2)
            if not coordinates.has_celestial:
                return None
            scale = float(np.sqrt(np.prod(proj_plane_pixel_scales(coordinates)))) * _ARCSEC
    except Exception:  # astropy raises nearly anything for damaged files
        return None
    return scale if np.isfinite(scale) and scale > 0 else None
