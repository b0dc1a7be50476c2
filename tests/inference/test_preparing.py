"""Cut, sky, zero point and scaling come in this order, and each does what its name says."""

import inspect
import logging

import numpy as np
import pytest
from astropy.io import fits
from oneline import one_line

import lenszoo
from lenszoo.errors import LenszooError
from lenszoo.evaluation import calibrate
from lenszoo.inference import embedding_table
from lenszoo.inference.mining import mine
from lenszoo.inference.preparing import Preparing, prepare, preparing_of

TAKE_OPTIONS = (
    lenszoo.predict, lenszoo.embed, lenszoo.evaluate, lenszoo.realism, lenszoo.completeness,
    embedding_table, mine, calibrate,
)  # fmt: skip


def draw(side=12, bands=2):
    rng = np.random.default_rng(0)
    return rng.normal(5.0, 1.0, (side, side, bands)).astype(np.float32)


def test_nothing_asked_for_changes_nothing():
    image = draw()
    preparation = prepare({}, 25.0)
    np.testing.assert_array_equal(preparation.apply(image.copy(), None, "a"), image)
    assert preparation.facts() == {}


@pytest.mark.parametrize(("target", "factor"), [(27.5, 100.0), (None, 10.0)])
def test_fluxes_are_brought_to_the_zero_point_of_the_training(target, factor):
    image = draw()
    found = prepare({"zero_point": 22.5}, target).apply(image.copy(), None, "a")
    np.testing.assert_allclose(found, factor * image, rtol=1e-5)


def test_the_sky_is_that_of_the_cut_and_the_scaling_comes_last():
    image = draw(16)
    image[:2] += 1000.0  # outside of the cut
    options = {"crop": 8, "sky": "median", "zero_point": 20.0, "scaling": "minmax"}
    found = prepare(options, 25.0).apply(image.copy(), None, "a")
    assert found.shape == (8, 8, 2)
    cut = image[4:12, 4:12] - np.median(image[4:12, 4:12], axis=(0, 1))
    expected = (cut - cut.min()) / (cut.max() - cut.min())
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert prepare(options, 25.0).facts() == options


def test_a_header_gives_the_zero_point_and_is_told_of_once(tmp_path, caplog):
    path = tmp_path / "a.fits"
    fits.writeto(path, draw(bands=1)[..., 0], fits.Header({"MAGZERO": 30.0}))
    preparation = prepare({}, 25.0)
    image = draw(bands=1)
    with caplog.at_level(logging.INFO, "lenszoo"):
        for _ in range(2):
            found = preparation.apply(image.copy(), path, "a.fits")
    np.testing.assert_allclose(found, 0.01 * image, rtol=1e-5)
    (line,) = caplog.messages
    assert line.startswith("a.fits: its header says that flux 1 is 30 mag")
    np.testing.assert_array_equal(prepare({}, None).apply(image.copy(), path, "a.fits"), image)


def test_zero_points_of_some_bands_alone_are_refused_where_they_would_change_fluxes(tmp_path):
    image = draw(bands=2)
    known, dark = tmp_path / "g.fits", tmp_path / "r.fits"
    fits.writeto(dark, image[..., 1])
    fits.writeto(known, image[..., 0], fits.Header({"MAGZERO": 30.0}))
    preparation = prepare({}, 25.0)
    with pytest.raises(LenszooError, match=r"^a: the header of .*r\.fits names no zero point"):
        preparation.apply(image.copy(), (known, dark), "a")
    kept = preparation.apply(image.copy(), (known, dark), "a", bands=(0,))
    np.testing.assert_allclose(kept[..., 0], 0.01 * image[..., 0], rtol=1e-5)
    given = prepare({"zero_point": 30.0}, 25.0).apply(image.copy(), (known, dark), "a")
    np.testing.assert_allclose(given, 0.01 * image, rtol=1e-5)
    for files in ((dark, dark), (known, None)):  # no header names one; a band that is missing
        preparation.apply(image.copy(), files, "a")
    fits.writeto(known, image[..., 0], fits.Header({"MAGZERO": 25.0}), overwrite=True)
    np.testing.assert_array_equal(preparation.apply(image.copy(), (known, dark), "a"), image)


def test_images_of_unknown_zero_points_among_others_are_told_of_once(tmp_path, caplog):
    image = draw(bands=1)
    fits.writeto(tmp_path / "a.fits", image[..., 0], fits.Header({"MAGZERO": 30.0}))
    fits.writeto(tmp_path / "b.fits", image[..., 0])
    preparation = prepare({}, 25.0)
    for _ in range(2):
        for name in ("b.fits", "a.fits"):
            preparation.apply(image.copy(), tmp_path / name, name)
    (line,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert "b.fits and perhaps others name no zero point" in line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"crop": 0}, "crop must be a whole number, at least 1, not 0"),
        ({"crop": 2.5}, "crop must be a whole number, at least 1, not 2.5"),
        ({"zero_point": float("nan")}, "zero_point must be a magnitude"),
        ({"zero_point": "22"}, "zero_point must be a magnitude such as 25.0, not '22'"),
        ({"sky": "mean"}, "mean"),
        ({"scaling": "log"}, "log"),
    ],
)
def test_an_illegal_option_is_refused(options, message):
    one_line(message, lambda: prepare(options, 25.0))


@pytest.mark.parametrize("function", TAKE_OPTIONS)
def test_signatures_name_every_option_and_take_no_other(function):
    parameters = inspect.signature(function).parameters
    assert Preparing.__annotations__.keys() <= parameters.keys()
    assert inspect.Parameter.VAR_KEYWORD not in {each.kind for each in parameters.values()}
    with pytest.raises(TypeError, match=rf"^{function.__name__}\(\) got .* 'band_names'"):
        function(band_names=["g", "r"])


def test_options_left_at_their_defaults_are_not_asked_for():
    assert preparing_of(None, None, None, None, False) == {}
    assert preparing_of(8, None, 0.0, None, True) == {
        "crop": 8, "zero_point": 0.0, "any_scale": True
    }  # fmt: skip
