"""Skies of one survey: depth, colours, and lenses as wide as groups."""

import numpy as np
import pytest

from lenszoo.simulation import get_preset, get_survey, sample, sample_scenes
from lenszoo.simulation.presets.lens_finding_surveys import CFHTLS, EUCLID_VIS, PS1, megacam
from lenszoo.simulation.survey import flux

SEED = 3


def test_lenses_of_the_wide_sky_reach_the_scale_of_groups():
    wide = sample("lens_finding_cfhtls", 64, seed=SEED)
    radius = wide.truth["einstein_radius"][wide.labels == 1]
    assert radius.min() >= 0.7 and 3.0 < radius.max() <= 4.5
    assert wide.images.shape == (64, 64, 64, 3)
    corner = wide.images[:, :4, :4, 2]
    noise = 1.4826 * np.median(np.abs(corner - np.median(corner)))
    assert noise == pytest.approx(CFHTLS.noise[2], rel=0.5)
    # red centres: g - r of MegaCam is that of SDSS times 0.87
    centre = wide.images[wide.labels == 1][:, 30:34, 30:34].sum((1, 2))
    colour = -2.5 * np.log10(centre[:, 0] / centre[:, 1])
    assert 1.2 < np.median(colour) < 1.6


def test_colour_terms_of_megacam():
    g, r, i = flux([21.0, 20.0, 19.5])
    seen = 25.0 - 2.5 * np.log10(megacam(np.array([g, r, i])))
    np.testing.assert_allclose(seen, [21.0 - 0.153, 20.0 - 0.024 * 0.5, 19.5 + 0.085 * 0.5])


@pytest.fixture(scope="module")
def ps1():
    return sample("lens_finding_ps1", 96, seed=SEED)


def test_lenses_of_pan_starrs_are_galaxies_and_quasars(ps1):
    assert get_preset("lens_finding_ps1").bands == ("g", "r", "i", "z", "y")
    kind, lens = ps1.truth["kind"], ps1.labels == 1
    assert set(kind[lens]) == {"lens", "quasar"}
    assert 0.25 < np.mean(kind[lens] == "quasar") < 0.6  # of 48; the law says 0.45
    radius = ps1.truth["einstein_radius"]
    assert radius[lens].min() >= 0.8 and radius[lens].max() <= 5.5
    assert np.isnan(radius[~lens]).all() and np.isfinite(ps1.images).all()
    again = sample_scenes("lens_finding_ps1", [50, 7], SEED)
    np.testing.assert_array_equal(again.images, ps1.images[[50, 7]])


def test_depths_of_pan_starrs_differ_from_image_to_image(ps1):
    steps = np.diff(ps1.images[:, :4], axis=2).reshape(96, -1, 5)
    noise = 1.4826 * np.median(np.abs(steps), 1) / np.sqrt(2 * (1 - PS1.correlation))
    np.testing.assert_allclose(np.median(noise, 0) / PS1.noise, 1.0, atol=0.2)
    assert 0.15 < np.log(noise).std(0).mean() < 0.45  # the law says 0.25; some edges hold galaxies


def test_the_dark_energy_survey_has_four_bands_and_no_quasars():
    des = sample("lens_finding_des", 32, seed=SEED)
    assert get_preset("lens_finding_des").bands == ("g", "r", "i", "z")
    assert "quasar" not in des.truth["kind"] and des.images.shape == (32, 64, 64, 4)


def test_euclid_has_cutouts_of_its_survey_and_small_radii():
    euclid = sample("lens_finding_euclid", 64, seed=SEED)
    survey = get_survey("euclid_vis")
    size = survey.cutout_size_pixels
    assert euclid.images.shape == (64, size, size, 1)
    assert get_preset("lens_finding_euclid").pixel_scale == survey.pixel_scale_arcsec
    radius = euclid.truth["einstein_radius"][euclid.labels == 1]
    assert 0.4 <= radius.min() < 0.9 and 2.0 < radius.max() <= 4.0
    steps = np.diff(euclid.images[:, :4], axis=2)
    noise = 1.4826 * np.median(np.abs(steps)) / np.sqrt(2)
    assert noise == pytest.approx(EUCLID_VIS.noise[0], rel=0.15)
