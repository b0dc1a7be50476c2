import numpy as np
import pytest
from astropy.io import fits

from lenszoo.data.flux_units import read_zero_points, zero_point_of
from lenszoo.errors import LenszooError


@pytest.mark.parametrize(
    ("cards", "zero_point"),
    [
        ({"MAGZERO": 30.0}, 30.0),
        ({"MAGZPT": 25}, 25.0),
        ({"ZP": 27.0, "BUNIT": "electron/s"}, 27.0),
        ({"PHOTZP": -48.6}, -48.6),
        ({"MZP_AB": 30.0, "MZP_VEGA": 30.098}, 30.0),
        ({"FLUXMAG0": 63095734448.0194}, 27.0),
        ({"BUNIT": "nJy"}, 31.4),
        ({"BUNIT": "Jy"}, 8.9),
        ({"BUNIT": "uJy"}, 23.9),
        ({"BUNIT": "erg/s/cm2/Hz"}, -48.6),
        ({"BUNIT": "nanomaggy"}, 22.5),
        ({"BUNIT": "MJy/sr", "PIXAR_SR": 1e-13}, 8.9 - 2.5 * np.log10(1e-7)),
        ({"BUNIT": "adu"}, None),
        ({"BUNIT": "MJy/sr"}, None),
        ({"PHOTZPT": -21.1}, None),  # an ST magnitude
        ({"MAGZERO": "unknown", "ZP": True}, None),
    ],
)
def test_cards(cards, zero_point):
    assert zero_point_of([cards]) == (zero_point and pytest.approx(zero_point, abs=1e-4))


def test_cards_that_disagree_are_refused():
    assert zero_point_of([{"MAGZERO": 31.4, "BUNIT": "nJy"}]) == 31.4
    with pytest.raises(LenszooError, match=r"a\.fits: MAGZERO says .* 25 mag, and BUNIT 31\.4; .*"):
        zero_point_of([{"MAGZERO": 25.0, "BUNIT": "nJy"}], "a.fits")


def test_files(tmp_path):
    data = np.ones((8, 8), np.float32)
    header = fits.Header({"MAGZERO": 30.0})
    primary = fits.PrimaryHDU(header=header)
    fits.HDUList([primary, fits.ImageHDU(data, name="SCI")]).writeto(tmp_path / "a.fits")
    fits.PrimaryHDU(data).writeto(tmp_path / "b.fits")
    np.save(tmp_path / "c.npy", data)
    a, b, c = (tmp_path / name for name in ("a.fits", "b.fits", "c.npy"))
    assert read_zero_points(a) == read_zero_points(f"{a}[SCI]") == (30.0,)
    assert read_zero_points([a, None, b]) == (30.0, None, None)
    assert read_zero_points(c) is None
    assert read_zero_points(tmp_path / "gone.fits") == (None,)
