"""Images of another pixel scale than the model's are told of, once and in a line."""

import dataclasses
import json
import logging

import numpy as np
import pytest
from astropy.io import fits
from oneline import one_line

from lenszoo import build_model, predict
from lenszoo.data import Cutouts, Dataset, DatasetIndex
from lenszoo.inference import open_model, provenance_of


@pytest.fixture(scope="module")
def opened():
    model = open_model(build_model("simple_cnn", input_shape=(16, 16, 1), width=4))
    return dataclasses.replace(model, pixel_scale=0.2)


def folder(root, scale, size=16):
    head = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"})
    head.update({"CD1_1": -scale / 3600, "CD2_2": scale / 3600, "CD1_2": 0.0, "CD2_1": 0.0})
    rng = np.random.default_rng(0)
    for i in range(3):
        fits.writeto(root / f"{i}.fits", rng.random((size, size), np.float32), head)
    return root


def test_the_same_scale_is_silent(opened, tmp_path, caplog):
    predict(opened, folder(tmp_path, 0.205))
    assert not caplog.records


def test_another_is_told_once_with_what_to_do(opened, tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "lenszoo"):
        answers = predict(opened, folder(tmp_path, 0.4))
    assert len(answers) == 3
    (record,) = caplog.records
    said = record.getMessage()
    assert said.endswith(
        "0.fits: 0.4 arcsec a pixel, but simple_cnn learned at 0.2 and will take all for 0.5 times "
        "as large: resample to 0.2 first (reproject does), or train it on such images."
    )


def test_what_resizing_does_to_it_is_counted(opened, tmp_path, caplog):
    predict(opened, folder(tmp_path, 0.1, size=32), resize=True)  # 0.1 arcsec, half as many pixels
    assert not caplog.records
    (tmp_path / "b").mkdir()
    predict(opened, folder(tmp_path / "b", 0.2, size=32), resize=True)
    assert "0.2 arcsec a pixel, 0.4 once resized, but" in caplog.text


def test_candidates_in_memory_say_theirs(opened, caplog):
    images = np.random.default_rng(0).random((2, 16, 16, 1), np.float32)
    given = Cutouts(
        ("a", "b"), images, np.empty((2, 0), np.float32), (), provenance={"pixel_scale": 0.1}
    )
    predict(opened, given)
    assert "0.1 arcsec a pixel, but simple_cnn learned at 0.2 and will take all for 2 times" in (
        caplog.text
    )


def brightness(opened, images, caplog, **options):
    caplog.clear()
    with caplog.at_level(logging.WARNING, "lenszoo"):
        predict(opened, images, **options)
    return [record.getMessage() for record in caplog.records]


def test_images_in_counts_are_told_of_where_training_had_them_in_0_to_1(opened, caplog):
    images = np.random.default_rng(0).random((2, 16, 16, 1), np.float32)
    facts = opened.provenance | {"recipe": "simple_cnn.common_test_sim.toml"}
    published = dataclasses.replace(opened, provenance=facts)
    assert not brightness(published, images, caplog)
    (said,) = brightness(published, 2 * images, caplog)
    assert "pixels from" in said and "not in [0, 1]" in said
    assert said.endswith("simple_cnn learned on other images: do not trust its answers.")
    counts = np.uint8(255 * images)
    line = one_line("knows nothing of such images", lambda: predict(published, counts))
    assert "scaling='minmax' does" in line and "any_scale=True" in line
    assert len(brightness(published, counts, caplog, any_scale=True)) == 1
    assert not brightness(published, counts, caplog, scaling="minmax")
    assert not brightness(opened, 255 * images, caplog)  # of which nobody knows the training


@pytest.mark.parametrize(("data", "told"), [({"preset": "sky"}, 1), ({"directory": "d"}, 0)])
def test_a_run_on_files_may_have_had_any_brightness(data, told, opened, caplog, tmp_path):
    (tmp_path / "recipe.json").write_text(json.dumps({"data": data}))
    facts = opened.provenance | {"recipe": str(tmp_path / "recipe.json")}
    run = dataclasses.replace(opened, provenance=facts, run_dir=tmp_path)
    images = 4 * np.random.default_rng(0).random((2, 16, 16, 1), np.float32)
    assert len(brightness(run, images, caplog)) == told


def test_a_dataset_in_memory_is_looked_at_too(opened, caplog):
    images = np.random.default_rng(0).random((2, 16, 16, 1), np.float32)
    facts = opened.provenance | {"recipe": "simple_cnn.common_test_sim.toml"}
    published = dataclasses.replace(opened, provenance=facts)
    (line,) = brightness(published, Dataset(("a", "b"), 3 * images), caplog)
    assert "image a: pixels from" in line


def test_images_of_other_bands_are_refused_before_anything_is_told_of_them(opened, caplog):
    images = 50 * np.random.default_rng(0).random((2, 16, 16, 3), np.float32)
    given = Dataset(("a", "b"), images, provenance={"pixel_scale": 0.1})
    with caplog.at_level(logging.WARNING, "lenszoo"):
        one_line("image a: 3 bands, but", lambda: predict(opened, given))
    assert not caplog.records


def told(opened, inputs, caplog):
    """Lines that a prediction logs, and the notes that its table keeps."""
    caplog.clear()
    with caplog.at_level(logging.WARNING, "lenszoo"):
        table = predict(opened, inputs)
    lines = [record.getMessage() for record in caplog.records]
    assert provenance_of(table)["notes"] == lines
    return lines


def write(path, columns, rows=None):
    head = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"})
    head.update({"CDELT1": -columns / 3600, "CDELT2": (rows or columns) / 3600})
    pixels = np.random.default_rng(0).random((16, 16), np.float32)
    fits.writeto(path, pixels, head)
    return path


def test_images_behind_the_first_are_looked_at_too(opened, tmp_path, caplog):
    same, other = write(tmp_path / "a.fits", 0.2), write(tmp_path / "b.fits", 0.8)
    np.save(tmp_path / "c.npy", np.random.default_rng(0).random((16, 16)))
    (line,) = told(opened, [same, other], caplog)
    assert "b.fits (1 of 2 images looked at): 0.8 arcsec a pixel, but simple_cnn learned" in line
    (line,) = told(opened, [tmp_path / "c.npy", other], caplog)
    assert "b.fits: 0.8 arcsec" in line


def test_each_axis_is_compared(opened, tmp_path, caplog):
    (line,) = told(opened, write(tmp_path / "a.fits", 0.1, 0.4), caplog)  # 0.2 in the mean
    assert "0.1 x 0.4 arcsec a pixel, but simple_cnn learned at 0.2" in line
    assert "will take all for 2 x 0.5 times as large" in line


def test_bands_of_two_scales_are_told_of(tmp_path, caplog):
    model = open_model(build_model("simple_cnn", input_shape=(16, 16, 2), width=4))
    bands = write(tmp_path / "g.fits", 0.2), write(tmp_path / "r.fits", 0.6)
    index = DatasetIndex(("a",), (bands,), source="two files")
    (line,) = told(model, index, caplog)
    assert "r.fits: 0.6 arcsec a pixel, but" in line and "another band of the same image" in line
