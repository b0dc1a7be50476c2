"""Pixel scales of axes and bands beside each other."""

import numpy as np
import pytest
from astropy.io import fits

from lenszoo.data.fits import axis_scales
from lenszoo.data.pixel_scale import check_band_scales, shown_scales


def write(path, columns, rows=None):
    head = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"})
    head.update({"CDELT1": -columns / 3600, "CDELT2": (rows or columns) / 3600})
    fits.writeto(path, np.zeros((8, 8), np.float32), head)
    return path


def test_both_axes_are_told(tmp_path):
    assert axis_scales(write(tmp_path / "a.fits", 0.025, 0.1)) == pytest.approx((0.025, 0.1))
    assert [shown_scales(0.025, 0.1), shown_scales(0.2, 0.201)] == ["0.025 x 0.1", "0.2"]


def test_bands_of_one_image_are_of_one_scale(tmp_path, caplog):
    g, r, i = (write(tmp_path / f"{k}.fits", scale) for k, scale in enumerate((0.1, 0.101, 0.3)))
    np.save(tmp_path / "n.npy", np.zeros((8, 8)))
    for alike in (g, [g], [None, g, r], [tmp_path / "n.npy", i], [None], None):
        assert check_band_scales(alike) is None
    assert not caplog.records
    line = check_band_scales([None, g, tmp_path / "n.npy", r, i])
    assert line.endswith(
        f"2.fits: 0.3 arcsec a pixel, but {g}, another band of the same image, has 0.1: resample "
        "them to one grid first (reproject does)."
    )
    assert line in caplog.text
