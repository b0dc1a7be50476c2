import math
import re
from typing import get_args

import numpy as np
import pytest
from oneline import one_line

from lenszoo.simulation import ImagingSurvey, PaintLaw, get_survey, list_surveys, read_survey
from lenszoo.simulation.surveys import SurveyBand

SURVEYS = (
    "ps1_grizy", "des_grizY", "hsc_grizy", "kids_ugri", "legacy_grz", "cfhtls_gri", "euclid_vis",
    "lsst_ugrizy",
)  # fmt: skip
OWN = """
pixel_scale_arcsec = 0.2
cutout_size_pixels = 64
[[bands]]
name = "g"
wavelength_nm = [400, 550]
zero_point_mag = 27.0
psf_fwhm_arcsec = 0.8
gain_electrons_per_flux = 4.0
sky_rms_flux = 0.5
"""


@pytest.fixture
def own(tmp_path):
    """Write a survey's file with something replaced, and name it."""

    def write(old="", new=""):
        assert old in OWN
        path = tmp_path / "own.toml"
        path.write_text(OWN.replace(old, new) if old else OWN)
        return path

    return write


def test_a_survey_of_another_size_or_in_some_bands_lies_where_it_lay(own):
    survey = read_survey(own())
    assert survey.folder == survey.sized(48).folder == survey.with_bands(("g",)).folder != ""
    assert survey.sized(48).cutout_size_pixels == 48


def test_packaged_surveys():
    assert set(list_surveys()) >= set(SURVEYS)
    for name in list_surveys():
        survey = get_survey(name)
        assert survey.name == name
        assert survey.summary and survey.reference
        assert "".join(survey.names) == name.split("_")[1] or survey.names == ("VIS",)
        edges = [band.wavelength_nm for band in survey.bands]
        assert edges == sorted(edges)
        for band in survey.bands:
            assert 0.1 < band.psf_fwhm_arcsec < 1.6
            # 5 sigma within an aperture as wide as 2 FWHM, in magnitudes of real surveys
            rms = band.sky_rms(survey.pixel_scale_arcsec)
            pixels = math.pi * (band.psf_fwhm_arcsec / survey.pixel_scale_arcsec) ** 2
            depth = band.zero_point_mag - 2.5 * math.log10(5 * rms * math.sqrt(pixels))
            assert 20.0 < depth < 28.0, (name, band.name, depth)


def test_kids_noise_is_its_published_depth():
    band = get_survey("kids_ugri").bands[2]
    assert band.name == "r"
    aperture = math.pi * 1.0**2 / 0.2**2
    depth = -2.5 * math.log10(5 * band.sky_rms(0.2) * math.sqrt(aperture))
    assert depth == pytest.approx(25.02, abs=0.01)


def test_ps1_depth_is_near_its_published_depth():
    # 5 sigma of a point source in the stacks, Chambers et al. 2016, abstract
    survey = get_survey("ps1_grizy")
    for band, published in zip(survey.bands, (23.3, 23.2, 23.1, 22.3, 21.4), strict=True):
        width = band.psf_fwhm_arcsec / survey.pixel_scale_arcsec
        noise = 5 * band.sky_rms(survey.pixel_scale_arcsec) * math.sqrt(2.266) * width
        depth = band.zero_point_mag - 2.5 * math.log10(noise)
        assert depth == pytest.approx(published, abs=0.75), band.name


@pytest.mark.parametrize("model", [PaintLaw, ImagingSurvey, SurveyBand])
def test_every_number_has_its_unit(model):
    units = {"_arcsec": "arcsec", "_nm": "nm", "_mag": "mag", "_s": "s", "_pixels": "pixels"}
    for name, field in model.model_fields.items():
        assert field.description, name
        numbers = {int, float} & {field.annotation, *get_args(field.annotation)}
        unit = re.search(r"\[(.+?)\]", field.description)
        assert unit or not numbers, f"{name} has no unit"
        for ending, expected in units.items():
            if name.endswith(ending):
                assert unit[1].startswith(expected), name


def test_gain(own):
    assert read_survey(own()).bands[0].gain(0.2) == 4.0
    rate = "exposure_s = 100.0\nelectron_zero_point_mag = 26.0"
    band = read_survey(own("gain_electrons_per_flux = 4.0", rate)).bands[0]
    # a star of flux 1, of magnitude 27, makes 10^(-0.4) electrons a second
    assert band.gain(0.2) == pytest.approx(100 * 10**-0.4)
    sky = "sky_brightness_mag_per_arcsec2 = 21.0"
    band = read_survey(own("gain_electrons_per_flux = 4.0", sky)).bands[0]
    electrons = band.gain(0.2) * band.flux(21.0) * 0.04
    assert math.sqrt(electrons) / band.gain(0.2) == pytest.approx(0.5)


def test_own_file(own):
    survey = get_survey(str(own()))
    assert (survey.name, survey.names) == ("own", ("g",))
    assert survey.sized(80).cutout_size_pixels == 80
    assert get_survey("des_grizY").with_bands(("r", "g")).names == ("r", "g")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("gain_electrons_per_flux = 4.0", "gain_electrons_per_flux = -1.0", "must be above 0"),
        ("gain_electrons_per_flux = 4.0", "gain_electrons_per_flux = 0", "must be above 0"),
        ("gain_electrons_per_flux = 4.0", "", "band g needs one gain"),
        ("zero_point_mag = 27.0", "", "band g, zero_point_mag: Field required"),
        ("zero_point_mag", "zeropoint_mag", "Unknown field 'zeropoint_mag'"),
        ("psf_fwhm_arcsec = 0.8", "", "band g needs one of psf_fwhm_arcsec"),
        ("psf_fwhm_arcsec = 0.8", "psf_fwhm_arcsec = 0.0", "greater than 0"),
        ("[400, 550]", "[550, 400]", "must rise"),
        ("[[bands]]", 'noise = "rms_map"\n[[bands]]', 'rms_map goes with noise = "rms_map"'),
        ("sky_rms_flux = 0.5", "sky_rms_flux = nan", "finite"),
        ("pixel_scale_arcsec = 0.2", "pixel_scale_arcsec = 0.2.2", "not a TOML file"),
    ],
)
def test_bad_file(own, old, new, message):
    path = own(old, new)
    assert str(path) in one_line(message, lambda: read_survey(path))


def test_unknown(tmp_path):
    assert "Did you mean 'des_grizY'" in one_line("Unknown survey", lambda: get_survey("des_griz"))
    one_line("no such file", lambda: get_survey(str(tmp_path / "none.toml")))
    survey = get_survey("des_grizY")
    one_line("Unknown band of des_grizY", lambda: survey.with_bands(("u",)))


def test_noise_in_another_unit():
    survey = get_survey("cfhtls_gri")
    rms = np.array([band.sky_rms(0.186) for band in survey.bands])
    survey.check_noise(2 * rms, "cutouts")
    line = one_line("another unit of flux", lambda: survey.check_noise(rms * [1, 0.01, 1], "cut"))
    assert line.startswith("cut: the sky noise in band r")
    assert "A zero point of about 25.0 would fit" in line
