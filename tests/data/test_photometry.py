"""Photometry against profiles whose light, size and shape are known."""

import numpy as np
import pytest
from scipy.special import gamma, gammainc, gammaincinv

from lenszoo.data import measure, measured_columns
from lenszoo.errors import LenszooError

SCALE, SIDE, APERTURE = 0.2, 64, 7.5  # arcsec a pixel, pixels, pixels
FINE = 5


def _sersic(
    n: float, r_e: float, q: float = 1.0, angle: float = 0.0, centre=(0.3, -0.2), flux: float = 1e4
) -> np.ndarray:
    """Return (SIDE, SIDE): a Sersic profile of a total flux, averaged over each pixel."""
    b = gammaincinv(2 * n, 0.5)
    p = (np.arange(SIDE * FINE) + 0.5) / FINE - 0.5 - (SIDE - 1) / 2
    y, x = np.meshgrid(p - centre[0], p - centre[1], indexing="ij")
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    r = np.sqrt(q * along**2 + across**2 / q)
    norm = flux * b ** (2 * n) / (2 * np.pi * n * r_e**2 * gamma(2 * n))
    light = norm * np.exp(-b * (r / r_e) ** (1 / n))
    return light.reshape(SIDE, FINE, SIDE, FINE).mean((1, 3))


def _one(image: np.ndarray, **options) -> dict[str, float]:
    images = np.asarray(image, np.float32).reshape(1, SIDE, SIDE, -1)
    bands = options.pop("bands", ["r"])
    measured = measure(images, pixel_scale=SCALE, bands=bands, **options)
    return {name: float(values[0]) for name, values in measured.items()}


@pytest.mark.parametrize(("n", "r_e", "off"), [(0.5, 4, 0.02), (1, 3, 0.03), (1.5, 3, 0.07)])
def test_flux_and_half_light_radius_of_a_sersic_profile(n, r_e, off):
    measured = _one(_sersic(n, r_e))
    inside = gammainc(2 * n, gammaincinv(2 * n, 0.5) * (APERTURE / r_e) ** (1 / n))
    flux = 10 ** (-0.4 * (measured["mag_r"] - 25))
    assert flux == pytest.approx(1e4 * inside, rel=0.01)
    assert measured["half_light_radius"] == pytest.approx(SCALE * r_e, rel=off)  # Petrosian light


def test_magnitudes_follow_the_zero_point_and_the_aperture():
    image = _sersic(1, 3)
    assert _one(image, zero_point=30)["mag_r"] == pytest.approx(_one(image)["mag_r"] + 5)
    assert _one(image, aperture=5)["mag_r"] == pytest.approx(15, abs=0.01)


@pytest.mark.parametrize(("q", "angle"), [(1.0, 0.0), (0.7, 0.0), (0.7, 0.6), (0.4, 2.2)])
def test_ellipticity_of_a_gaussian_at_any_angle(q, angle):
    assert _one(_sersic(0.5, 4, q, angle))["ellipticity"] == pytest.approx(1 - q, abs=0.01)


def test_concentration_grows_with_the_sersic_index():
    gaussian, disc, bulge = (_one(_sersic(n, 4))["concentration"] for n in (0.5, 1, 4))
    assert gaussian == pytest.approx(2.145, abs=0.03)  # 5 log10 of the quantiles' ratio
    assert disc == pytest.approx(2.80, abs=0.12)  # Petrosian light ends before the profile does
    assert bulge > 3.5


def test_colours_are_ratios_of_flux():
    image = _sersic(1, 3)
    bands = np.stack([image, 2 * image, 5 * image], axis=-1)
    measured = _one(bands, bands=["g", "r", "i"])
    assert measured["color_g_r"] == pytest.approx(2.5 * np.log10(2), abs=2e-5)
    assert measured["color_r_i"] == pytest.approx(2.5 * np.log10(2.5), abs=2e-5)


def test_symmetric_galaxies_are_symmetric_and_neighbours_are_not():
    assert abs(_one(_sersic(0.5, 4))["asymmetry"]) < 0.01
    pair = _sersic(0.5, 4) + _sersic(0.5, 2, centre=(7, 4), flux=3e3)
    assert _one(pair)["asymmetry"] > 0.2


def test_the_light_around_a_star_does_not_move_its_centre():
    star = _sersic(0.5, 1.2, centre=(0.45, 0.2), flux=1e4)
    halo = _sersic(1, 6, centre=(4, -3), flux=500)
    measured = _one(star + halo)
    assert measured["asymmetry"] < 0.2
    assert measured["half_light_radius"] == pytest.approx(1.25 * SCALE, rel=0.1)


def test_noise_is_taken_out_of_the_asymmetry():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 20, (100, SIDE, SIDE, 1))
    images = (_sersic(0.5, 4)[None, ..., None] + noise).astype(np.float32)
    measured = measure(images, pixel_scale=SCALE, bands=["r"])
    assert abs(measured["asymmetry"].mean()) < 0.05
    assert measured["sky_rms_r"].mean() == pytest.approx(20, rel=0.03)
    area = np.pi * APERTURE**2
    expected = 1e4 * (1 - 0.5 ** ((APERTURE / 4) ** 2)) / (20 * np.sqrt(area))
    assert measured["signal_to_noise"].mean() == pytest.approx(expected, rel=0.04)


def test_faint_flux_has_an_asinh_magnitude():
    rng = np.random.default_rng(0)
    images = rng.normal(0, 1, (200, SIDE, SIDE, 1)).astype(np.float32)
    magnitudes = measure(images, pixel_scale=SCALE, bands=["r"])["mag_r"]
    assert np.isfinite(magnitudes).all()
    limit = 25 - 2.5 * np.log10(np.sqrt(np.pi) * APERTURE)  # the noise of the flux
    assert np.median(magnitudes) == pytest.approx(limit, abs=0.2)


def test_without_noise_a_negative_flux_has_no_magnitude():
    image = np.zeros((SIDE, SIDE))
    image[30:34, 30:34] = -1
    assert np.isnan(_one(image)["mag_r"])
    assert _one(-image)["mag_r"] == pytest.approx(25 - 2.5 * np.log10(16))


def test_the_centroid_is_followed():
    centred, shifted = _one(_sersic(0.5, 3, centre=(0, 0))), _one(_sersic(0.5, 3, centre=(2, -1.5)))
    for name in ("mag_r", "half_light_radius", "ellipticity", "concentration"):
        assert shifted[name] == pytest.approx(centred[name], abs=0.02)


def test_the_level_of_the_sky_does_not_matter():
    plain, raised = _one(_sersic(0.5, 3)), _one(_sersic(0.5, 3) + 50)
    for name, value in plain.items():
        assert raised[name] == pytest.approx(value, abs=0.01, nan_ok=True)


def test_rows_do_not_touch_each_other_and_nan_stays_in_its_row():
    rng = np.random.default_rng(0)
    images = (_sersic(1, 3)[None, ..., None] + rng.normal(0, 5, (40, SIDE, SIDE, 2))).astype("f4")
    whole = measure(images, pixel_scale=SCALE, bands=["g", "r"])
    images[3] = np.nan
    images[5, ..., 1] = np.nan
    images[6, 32, 32, 0] = np.inf
    images[7, 0, 0, 0] = np.nan
    spoilt = measure(images, pixel_scale=SCALE, bands=["g", "r"])
    others = np.delete(np.arange(40), [3, 5, 6, 7])
    for name, values in spoilt.items():
        assert values.dtype == np.float32
        assert values.shape == (40,)
        assert np.isnan(values[3])
        np.testing.assert_allclose(values[others], whole[name][others], rtol=1e-4, atol=1e-4)
    gone = [name for name, values in spoilt.items() if np.isnan(values[5])]
    assert gone == ["mag_r", "color_g_r", "sky_rms_r"]
    assert np.isnan(spoilt["mag_g"][6])
    assert np.isfinite(spoilt["mag_r"][6])
    assert spoilt["mag_g"][7] == pytest.approx(whole["mag_g"][7], abs=0.01)


def test_names_are_stable_and_empty_input_is_fine():
    names = measured_columns(["g", "r"])
    assert names == (
        "mag_g", "mag_r", "color_g_r", "half_light_radius", "ellipticity", "concentration",
        "asymmetry", "signal_to_noise", "sky_rms_g", "sky_rms_r",
    )  # fmt: skip
    empty = measure(np.zeros((0, 20, 20, 2), np.float32), pixel_scale=0.2, bands=["g", "r"])
    assert tuple(empty) == names
    assert all(values.shape == (0,) for values in empty.values())


@pytest.mark.parametrize("value", [1e30, -1e30, np.finfo(np.float32).max])
def test_a_pixel_of_a_fill_value_changes_nothing_elsewhere(value):
    rng = np.random.default_rng(0)
    image = _sersic(1, 3) + rng.normal(0, 5, (SIDE, SIDE))
    usual, filled = _one(image), image.copy()
    filled[0, 0] = value
    found = _one(filled)
    for name in ("mag_r", "half_light_radius", "signal_to_noise", "sky_rms_r"):
        assert found[name] == pytest.approx(usual[name], rel=0.05), name


@pytest.mark.parametrize("digits", [14, 30, -20])
def test_the_unit_of_the_flux_does_not_matter(digits):
    rng = np.random.default_rng(0)
    image = _sersic(1, 3) + rng.normal(0, 5, (SIDE, SIDE))
    usual, tiny = _one(image), _one(image * 10.0**-digits)
    assert tiny["mag_r"] == pytest.approx(usual["mag_r"] + 2.5 * digits, abs=1e-3)
    assert tiny["sky_rms_r"] == pytest.approx(usual["sky_rms_r"] * 10.0**-digits, rel=1e-3)
    for name in (
        "half_light_radius", "ellipticity", "concentration", "asymmetry", "signal_to_noise",
    ):  # fmt: skip
        assert tiny[name] == pytest.approx(usual[name], rel=1e-3)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((1, 64, 64), {}, r"shape \(n, H, W, 1\)"),
        ((1, 64, 64, 2), {}, r"shape \(n, H, W, 1\)"),
        ((1, 64, 64, 1), {"bands": [""]}, "need names"),
        ((1, 64, 64, 2), {"bands": ["r", "r"]}, "need names"),
        ((1, 64, 64, 1), {"pixel_scale": 0}, "pixel scale"),
        ((1, 10, 10, 1), {}, "does not fit into 10 x 10"),
        ((1, 64, 64, 1), {"aperture": -1}, "does not fit"),
    ],
)
def test_bad_arguments(shape, options, message):
    with pytest.raises(LenszooError, match=message):
        measure(np.zeros(shape, np.float32), **({"pixel_scale": 0.2, "bands": ["r"]} | options))
