import numpy as np
import pytest
from astropy.io import fits

from lenszoo.data.flux_units import (
    check_zero_point,
    finer_pixels,
    is_per_area,
    read_zero_points,
    zero_point_of,
)
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


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("MJy/sr", True), ("nJy/arcsec2", True), ("erg/(s cm2 sr)", True), ("nJy", False),
     ("ELECTRONS/S", False), ("Jy/beam", True), ("deg", False), ("", False), ("odd/x", False),
     ("mag(AB)", False), ("(m,s)", False)],
)  # fmt: skip
def test_units_of_surface_brightness_are_known(unit, expected):
    assert is_per_area({"BUNIT": unit}) is expected


@pytest.mark.parametrize(
    "cards",
    [{"BUNIT": "nJy"}, {"MAGZERO": 30}, {"BUNIT": "nJy", "MAGZERO": 31.4}, {"FLUXMAG0": 1e11},
     {"BUNIT": "nanomaggy", "ZP": 22.5}, {"BUNIT": "nJy/pix"}],
)  # fmt: skip
def test_zero_points_follow_finer_pixels_of_the_same_values(cards):
    header = fits.Header(cards)
    before = zero_point_of([header])
    finer_pixels(header, 3)
    # a source of one pixel: nine pixels of the same value have the same magnitude
    assert zero_point_of([header]) - 2.5 * np.log10(9) == pytest.approx(before, abs=1e-5)
    assert "zero points +2.3856" in str(header["HISTORY"])


def test_flux_per_area_and_counts_stay_as_they_are():
    for cards in ({"BUNIT": "MJy/sr"}, {"BUNIT": "Jy/beam"}, {"OBJECT": "x"}):
        header = fits.Header(cards)
        finer_pixels(header, 2)
        assert dict(header) == cards
    header = fits.Header({"BUNIT": "ELECTRONS/S", "PHOTFLAM": 8e-20})
    finer_pixels(header, 2)
    assert header["PHOTFLAM"] == pytest.approx(2e-20) and header["BUNIT"] == "ELECTRONS/S"
    header = fits.Header({"BUNIT": "erg/s/cm2/Angstrom"})
    finer_pixels(header, 2)
    assert str(header["HISTORY"]) == "lenszoo: sums over pixels are 4 times as large"


def test_magnitudes_are_no_fluxes():
    assert zero_point_of([{"BUNIT": "mag(AB)"}]) is None


@pytest.mark.parametrize("zero_point", ["22", float("nan"), float("inf"), True])
def test_a_zero_point_is_a_magnitude(zero_point):
    check_zero_point(None)
    check_zero_point(np.float32(22.5))
    with pytest.raises(LenszooError, match=r"^zero_point must be a magnitude such as 25\.0, not"):
        check_zero_point(zero_point)
