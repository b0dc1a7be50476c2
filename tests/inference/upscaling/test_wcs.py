import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from tinyupscaler import bicubic_upscaler

from lenszoo.errors import LenszooError
from lenszoo.inference.upscaling import upscale
from lenszoo.inference.upscaling.wcs import check_places, scaled_header

SIZE = (60, 80)
TAN = {
    "CTYPE1": "RA---TAN",
    "CTYPE2": "DEC--TAN",
    "CRVAL1": 150.1163213,
    "CRVAL2": 2.2009731,
    "CRPIX1": 33.25,
    "CRPIX2": -12.5,
    "CUNIT1": "deg",
    "CUNIT2": "deg",
    "RADESYS": "ICRS",
}
CD = {"CD1_1": -1.2e-5, "CD1_2": 5e-6, "CD2_1": 5e-6, "CD2_2": 1.25e-5}
SIP = {
    "A_ORDER": 3, "A_2_0": 2e-5, "A_0_2": -1e-5, "A_1_1": 3e-5, "A_3_0": -4e-7, "A_1_2": 2e-7,
    "B_ORDER": 3, "B_2_0": 1e-5, "B_1_1": -2e-5, "B_0_3": 3e-7, "A_DMAX": 1.5,
    "AP_ORDER": 2, "AP_1_0": -1e-5, "AP_2_0": -2e-5, "BP_ORDER": 2, "BP_1_1": 2e-5,
}  # fmt: skip
TPV = {f"PV{i}_{k}": v for i in (1, 2) for k, v in ((0, 1e-5), (1, 1.001), (4, 0.01), (7, 0.3))}

HEADERS = {
    "cd": TAN | CD,
    "cd of before the standard": TAN | {"CD001001": -1.2e-5, "CD002002": 1.25e-5},
    "cdelt": TAN | {"CDELT1": -1.3e-5, "CDELT2": 1.3e-5},
    "crota": TAN | {"CDELT1": -1.3e-5, "CDELT2": 1.4e-5, "CROTA2": 31.0},
    "pc": TAN
    | {"CDELT1": -1.3e-5, "CDELT2": 1.3e-5}
    | {"PC1_1": 0.8, "PC1_2": -0.6, "PC2_1": 0.6, "PC2_2": 0.8},
    "pc without cdelt": TAN | {"PC1_1": -1.1e-5, "PC2_2": 1.1e-5, "PC1_2": 2e-6},
    "without crpix": {k: v for k, v in (TAN | CD).items() if not k.startswith("CRPIX")},
    "cd and leftovers of cdelt": TAN | CD | {"CDELT1": 1.0, "CDELT2": 1.0},
    "sip": TAN | CD | SIP | {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP"},
    "tpv": TAN | CD | TPV | {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV"},
    "zpn": TAN | CD | {"CTYPE1": "RA---ZPN", "CTYPE2": "DEC--ZPN", "PV2_1": 1.0, "PV2_3": 42.0},
    "galactic": TAN | CD | {"CTYPE1": "GLON-CAR", "CTYPE2": "GLAT-CAR", "CRVAL2": 0.0},
}


def header_of(cards):
    header = fits.Header()
    header.update(cards)
    return header


def places(header, x, y, key=" "):
    """World coordinates of zero-based pixels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wcs = WCS(header, key=key)
        return np.array(wcs.all_pix2world(x, y, 0)), wcs


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("name", HEADERS)
def test_every_point_keeps_its_place(name, scale):
    header = header_of(HEADERS[name])
    before = header.copy()
    x, y = np.random.default_rng(0).uniform(-0.5, 79.5, (2, 50))
    sky, old = places(header, x, y)
    fine = scaled_header(header, scale, "a.fits")
    finer, new = places(fine, (x + 0.5) * scale - 0.5, (y + 0.5) * scale - 0.5)
    assert header == before
    step = np.sqrt(np.abs(np.linalg.det(old.pixel_scale_matrix)))
    np.testing.assert_allclose(finer, sky, rtol=0, atol=1e-6 * step)
    np.testing.assert_allclose(new.pixel_scale_matrix * scale, old.pixel_scale_matrix, rtol=1e-12)


@pytest.mark.parametrize("scale", [2, 4])
def test_and_back_again_through_inverse_sip_polynomials(scale):
    header = header_of(HEADERS["sip"])
    u, v = np.random.default_rng(1).uniform(-40, 40, (2, 20))  # astropy counts from CRPIX here
    old, new = (places(h, 0, 0)[1] for h in (header, scaled_header(header, scale, "a")))
    back = np.array(old.sip_foc2pix(u, v, 1))
    finer = np.array(new.sip_foc2pix(u * scale, v * scale, 1))
    assert np.abs(back - np.array([u, v]) - np.array([[33.25], [-12.5]])).max() > 0.01
    np.testing.assert_allclose(finer, (back - 0.5) * scale + 0.5, atol=1e-8)


def test_alternative_systems_follow():
    second = {"CTYPE1A": "XPIX", "CTYPE2A": "YPIX", "CRPIX1A": 5.0, "CRPIX2A": 1.0}
    second |= {"CRVAL1A": 1200.0, "CRVAL2A": 900.0, "CDELT1A": 1.0, "CDELT2A": 1.0}
    header = header_of(TAN | CD | second)
    sky, _ = places(header, 3.0, 7.0, "A")
    finer, _ = places(scaled_header(header, 2, "a"), 6.5, 14.5, "A")
    np.testing.assert_allclose(finer, sky, atol=1e-9)


def test_a_slanted_third_axis():
    """PC terms between the sky, whose CDELT changes, and an axis whose CDELT does not."""
    cards = TAN | {"CTYPE3": "WAVE", "CRVAL3": 5e-7, "CRPIX3": 1.0, "CDELT3": 1e-9, "CUNIT3": "m"}
    cards |= {"CDELT1": -1.3e-5, "CDELT2": 1.3e-5, "PC1_1": 1.0, "PC3_1": 0.25, "PC1_3": 0.5}
    header = fits.PrimaryHDU(np.zeros((3, *SIZE), np.float32), header_of(cards)).header
    fine = scaled_header(header, 2, "a")
    x, y, z = np.array([3.0, 50.0]), np.array([7.0, 2.0]), np.array([0.0, 2.0])
    sky = WCS(header).all_pix2world(x, y, z, 0)
    finer = WCS(fine).all_pix2world((x + 0.5) * 2 - 0.5, (y + 0.5) * 2 - 0.5, z, 0)
    np.testing.assert_allclose(finer, sky, rtol=1e-12)


def test_the_detectors_pixels_and_pixel_sizes_follow():
    cards = {"LTV1": -100.0, "LTV2": 3.5, "LTM1_1": 0.5, "LTM2_2": 1.0}
    sizes = {"PIXAR_SR": 4e-14, "PIXAR_A2": 0.0016, "PIXSCALE": 0.04, "CCDSEC": "[1:80,1:60]"}
    fine = scaled_header(header_of(cards | sizes), 2, "a")
    for axis, pixel in ((1, 10.0), (2, 20.0)):
        detector = (pixel - cards[f"LTV{axis}"]) / cards[f"LTM{axis}_{axis}"]
        finer = detector * fine[f"LTM{axis}_{axis}"] + fine[f"LTV{axis}"]
        assert finer == pytest.approx((pixel - 0.5) * 2 + 0.5)
    assert fine["PIXAR_SR"] == pytest.approx(1e-14) and fine["PIXAR_A2"] == pytest.approx(4e-4)
    assert fine["PIXSCALE"] == 0.02 and fine["CCDSEC"] == "[1:80,1:60]"


def test_cards_of_the_old_pixels_go_and_others_stay():
    stale = {"BSCALE": 2.0, "BZERO": 1.0, "BLANK": -1, "DATAMIN": 0.0, "DATAMAX": 9.0}
    kept = {"OBJECT": "COSMOS 5921+0638", "EXPTIME": 2028.0, "BUNIT": "electron/s"}
    header = header_of(stale | {"CHECKSUM": "abc", "DATASUM": "1"} | kept)
    header.add_comment("by hand")
    fine = scaled_header(header, 2, "a.fits")
    assert list(fine) == [*kept, "COMMENT"]
    assert {key: fine[key] for key in kept} == kept


def test_a_header_without_coordinates_gets_none():
    assert not WCS(scaled_header(header_of({"OBJECT": "x"}), 2, "a")).wcs.ctype[0]
    assert "CRPIX1" not in scaled_header(header_of({"OBJECT": "x"}), 2, "a")


@pytest.mark.parametrize(
    ("cards", "message"),
    [
        ({"CPDIS1": "LOOKUP"}, "distorted by a table of its own pixels (CPDIS1 = 'LOOKUP')"),
        ({"D2IMDIS2": "LOOKUP"}, "(D2IMDIS2"),
        ({"CTYPE1": "RA---TAB"}, "(CTYPE1 = 'RA---TAB')"),
        ({"AMDX1": 67.2}, "(AMDX1"),
        ({"CRPIX1": "middle"}, "a card of its coordinates is not a number"),
        ({"CD1_1": "north"}, "a card of its coordinates is not a number"),
    ],
)
def test_what_cannot_follow_is_refused(cards, message):
    with pytest.raises(LenszooError) as error:
        scaled_header(header_of(TAN | CD | cards), 2, "a.fits")
    assert message in str(error.value)
    assert str(error.value).startswith("a.fits: ") and "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["cd", "crota", "pc", "sip"])
def test_a_source_stays_where_it_is_in_the_sky(name, tmp_path):
    """From pixels to pixels: centroids of a star, measured before and after."""
    x, y = 41.3, 22.8
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    star = 50 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 2.5**2))
    fits.writeto(tmp_path / "a.fits", star.astype("f4"), header_of(HEADERS[name]))
    upscale(bicubic_upscaler(), tmp_path / "a.fits", tmp_path / "b.fits")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(tmp_path / "b.fits") as hdus:
            image, fine = hdus[0].data, WCS(hdus[0].header)
    assert fine.array_shape == image.shape == (120, 160)
    rows, columns = np.mgrid[:120, :160]
    weight = image.clip(0)
    found = [(axis * weight).sum() / weight.sum() for axis in (columns, rows)]
    before = places(header_of(HEADERS[name]), x, y)[0]
    back = np.array(fine.all_world2pix(*before, 0))
    np.testing.assert_allclose(found, back, atol=0.01)


@pytest.mark.parametrize("name", HEADERS)
def test_corners_are_checked_and_a_header_that_did_not_follow_is_refused(name):
    header = header_of(HEADERS[name])
    fine = scaled_header(header, 2, "a.fits")
    check_places(header, fine, 2, SIZE, "a.fits")
    with pytest.raises(LenszooError, match=r"a\.fits: .* a corner would move by"):
        check_places(header, header, 2, SIZE, "a.fits")
