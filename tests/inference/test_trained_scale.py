"""Images in another unit, or with the sky left in, are told of or refused, and can be converted."""

import dataclasses
import logging

import keras
import numpy as np
import pytest
from astropy.io import fits
from oneline import one_line

from lenszoo import build_model, embed, predict
from lenszoo.data import Dataset
from lenszoo.data.input_scale import measure_scale
from lenszoo.data.readers import ImageFiles
from lenszoo.errors import LenszooError
from lenszoo.inference import open_model, provenance_of

UNITS = {"nanomaggies": 22.5, "nJy": 31.4, "Jy": 8.9, "erg/s/cm2/Hz": -48.6}


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    images = rng.normal(0.0, 0.02, (12, 32, 32, 1)).astype(np.float32)
    images[:, 12:20, 12:20] += rng.uniform(0.2, 2.0, (12, 1, 1, 1)).astype(np.float32)
    return images


@pytest.fixture(scope="module")
def finder(images):
    keras.utils.set_random_seed(1)
    model = build_model("lens_finder", input_shape=(32, 32, 1), width=4, dim=8, heads=2)
    model.get_layer("stretch").adapt(images)
    return dataclasses.replace(open_model(model), inputs=measure_scale(images, 25.0))


@pytest.fixture(scope="module")
def adaptive(images):
    keras.utils.set_random_seed(1)
    options = {"width": 4, "dim": 8, "heads": 2, "stretch": "noise"}
    model = build_model("lens_finder", input_shape=(32, 32, 1), **options)
    return dataclasses.replace(open_model(model), inputs=measure_scale(images, 25.0))


def logits(table):
    return table["logit_lens"].to_numpy() - table["logit_nonlens"].to_numpy()


def in_unit(images, zero_point):
    return images * np.float32(10 ** (0.4 * (zero_point - 25.0)))


def test_images_as_in_training_are_silent(finder, images, caplog):
    predict(finder, images)
    assert not caplog.records


@pytest.mark.parametrize("zero_point", UNITS.values(), ids=UNITS)
def test_another_unit_is_refused_and_converted(finder, images, zero_point):
    expected, moved = logits(predict(finder, images)), in_unit(images, zero_point)
    for use in (predict, embed):
        with pytest.raises(LenszooError, match=r"image 0 and others of 12 .* noise .* any_scale"):
            use(finder, moved)
    assert logits(predict(finder, moved, zero_point=zero_point)) == pytest.approx(
        expected, abs=1e-4
    )
    assert embed(finder, moved, zero_point=zero_point) == pytest.approx(
        embed(finder, images), abs=1e-4
    )


def test_a_far_scale_is_let_through_with_a_warning(finder, images, caplog):
    with caplog.at_level(logging.WARNING, "lenszoo"):
        predict(finder, 1000 * images, any_scale=True)
    (record,) = caplog.records
    assert "1e+03 times that of the training" in record.getMessage()
    assert record.getMessage().endswith("do not trust its answers.")


def test_images_scaled_one_by_one_are_refused(finder, images):
    low = images.min((1, 2, 3), keepdims=True)
    scaled = (images - low) / (images - low).max((1, 2, 3), keepdims=True)
    one_line("every image is scaled to", lambda: predict(finder, scaled))


def test_a_sky_is_told_of_and_subtracted(finder, images, caplog):
    expected = logits(predict(finder, images, sky="border"))
    with caplog.at_level(logging.WARNING, "lenszoo"):
        table = predict(finder, images + np.float32(0.1))
    (record,) = caplog.records
    assert provenance_of(table)["notes"] == [record.getMessage()]
    assert "times the noise off that of the training: subtract it, sky=" in record.getMessage()
    caplog.clear()
    table = predict(finder, images + np.float32(0.1), sky="border")
    assert logits(table) == pytest.approx(expected, abs=1e-4)
    assert not caplog.records and provenance_of(table)["notes"] == []


@pytest.mark.parametrize("card", [{"MAGZERO": 31.4}, {"BUNIT": "nJy"}], ids=str)
def test_the_zero_point_of_a_header_is_used(finder, images, tmp_path, card, caplog):
    expected, moved = logits(predict(finder, images)), in_unit(images, 31.4)
    for i, image in enumerate(moved):
        fits.writeto(tmp_path / f"{i:02}.fits", image[..., 0], fits.Header(card))
    with caplog.at_level(logging.INFO, "lenszoo"):
        table = predict(finder, tmp_path)
    assert logits(table) == pytest.approx(expected, abs=1e-4)
    (record,) = caplog.records
    assert "flux 1 is 31.4 mag (AB); fluxes are brought to 25 mag" in record.getMessage()
    one_line("times that of the training", lambda: predict(finder, tmp_path, zero_point=33.9))


def test_bands_of_several_zero_points(images, tmp_path):
    keras.utils.set_random_seed(1)
    model = build_model("lens_finder", input_shape=(32, 32, 2), width=4, dim=8, heads=2)
    pair = np.concatenate([images, images[::-1]], axis=3)
    opened = dataclasses.replace(open_model(model), inputs=measure_scale(pair, 25.0))
    paths = []
    for i, image in enumerate(pair):
        names = [tmp_path / f"{i}_{band}.fits" for band in "gr"]
        fits.writeto(names[0], in_unit(image[..., 0], 30.0), fits.Header({"MAGZERO": 30.0}))
        fits.writeto(names[1], in_unit(image[..., 1], 22.5), fits.Header({"BUNIT": "nanomaggy"}))
        paths.append(names)
    files = Dataset(tuple(map(str, range(len(pair)))), files=ImageFiles(paths))
    assert logits(predict(opened, files)) == pytest.approx(logits(predict(opened, pair)), abs=1e-4)


@pytest.mark.parametrize("zero_point", UNITS.values(), ids=UNITS)
def test_a_stretch_by_the_noise_of_each_image_needs_none_of_this(
    adaptive, images, zero_point, caplog
):
    expected = logits(predict(adaptive, images))
    moved = in_unit(images + np.float32(0.1), zero_point)
    assert logits(predict(adaptive, moved)) == pytest.approx(expected, abs=1e-4)
    assert not caplog.records


def test_crop_and_scaling(finder, images):
    wide = np.pad(images, ((0, 0), (4, 4), (5, 3), (0, 0)))
    assert logits(predict(finder, wide, crop=32))[0] != logits(predict(finder, images))[0]
    shifted = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)))
    assert logits(predict(finder, shifted, crop=32)) == pytest.approx(
        logits(predict(finder, images)), abs=1e-5
    )
    one_line("no square of 33 to cut out", lambda: predict(finder, images, crop=33))
    halved = predict(finder, images, scaling=(0.0, 2.0))
    assert logits(halved) == pytest.approx(
        logits(predict(finder, images / 2, any_scale=True)), abs=1e-4
    )
    assert provenance_of(halved)["scaling"] == [0.0, 2.0]


def test_one_absurd_pixel_is_a_row_without_an_answer(finder, adaptive, images):
    hostile = images.copy()
    hostile[3, 16, 16], hostile[7] = 1e10, np.where(images[7] > 0, 3e38, -3e38)
    for opened in (finder, adaptive):
        table = predict(opened, hostile, on_bad="skip")
        assert np.flatnonzero(table["prob_lens"].is_null().to_numpy()).tolist() == [3, 7]
        assert "times brighter than any" in table["error"][3].as_py()
        assert np.flatnonzero(np.isnan(embed(opened, hostile, on_bad="skip")).any(1)).tolist() == [
            3,
            7,
        ]
        with pytest.raises(LenszooError, match=r"image 3: a pixel is .* any_scale=True"):
            predict(opened, hostile)
    one_line(
        "image 7: the model's answer is not finite",
        lambda: predict(finder, hostile, any_scale=True),
    )
