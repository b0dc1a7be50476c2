"""Batches from files and memory: the same pixels by every way, repeatable, and loud when bad."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from oneline import one_line
from PIL import Image

from lenszoo.data import (
    DatasetIndex,
    d4,
    d4_elements,
    epoch_order,
    image_dataset,
    plain_errors,
)
from lenszoo.errors import LenszooError


def _drain(dataset) -> tuple[np.ndarray, np.ndarray]:
    parts = [(images.numpy(), labels.numpy()) for images, labels in dataset]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


@pytest.fixture
def index(deeplense) -> DatasetIndex:
    return DatasetIndex.from_directory(deeplense(per_class=7))


@pytest.mark.parametrize("cache", [True, False])
def test_files_in_order(index, cache):
    dataset = image_dataset(index, batch_size=8, cache=cache)
    assert dataset.element_spec[0].shape.as_list() == [None, 12, 12, 1]
    assert int(dataset.cardinality()) == 3
    images, labels = _drain(dataset)
    loaded = index.load()
    np.testing.assert_array_equal(images, loaded.images)
    np.testing.assert_array_equal(labels, loaded.labels)
    assert labels.dtype == np.int32


@pytest.mark.parametrize("cache", [True, False])
def test_an_epoch_is_the_same_at_any_batch_size_and_without_tensorflow(index, cache):
    loaded = index.load()
    order = epoch_order(21, 9, 4)
    turned = d4(loaded.images, d4_elements(21, 9, 4))[order]
    for batch_size in (4, 21):
        images, labels = _drain(
            image_dataset(
                index,
                batch_size=batch_size,
                shuffle_seed=9,
                epoch=4,
                augment="d4",
                cache=cache,
            )
        )
        np.testing.assert_array_equal(images, turned)
        np.testing.assert_array_equal(labels, loaded.labels[order])


def test_memory_is_shared_not_copied(index):
    loaded = index.load()
    dataset = image_dataset(loaded, batch_size=21)
    loaded.images[5] = 77
    assert (_drain(dataset)[0][5] == 77).all()
    plain = image_dataset((np.asfortranarray(loaded.images), loaded.labels), batch_size=21)
    np.testing.assert_array_equal(_drain(plain)[0], loaded.images)


def test_drop_remainder_and_images_without_labels(index):
    images, _ = _drain(image_dataset(index, batch_size=8, drop_remainder=True))
    assert len(images) == 16
    flat = DatasetIndex.from_files(index.paths)
    for cache in (True, False):
        dataset = image_dataset(flat, batch_size=8, cache=cache)
        assert [batch.shape[0] for batch in dataset] == [8, 8, 5]


def test_stream_reads_other_headers_and_other_kinds(tmp_path):
    pixels = np.random.default_rng(2).integers(0, 256, (5, 12, 12))
    np.save(tmp_path / "0.npy", pixels[0] / 255)
    np.save(tmp_path / "1.npy", (pixels[1] / 255).astype(">f8"))
    np.save(tmp_path / "2.npy", pixels[2][None] / 255)
    with (tmp_path / "3.npy").open("wb") as stream:
        np.lib.format.write_array(stream, pixels[3] / 255, version=(2, 0))
    index = DatasetIndex.from_directory(tmp_path)
    (images,) = image_dataset(index, batch_size=5, cache=False)
    np.testing.assert_array_equal(images[..., 0], (pixels[:4] / 255).astype(np.float32))
    Image.fromarray(pixels[4].astype(np.uint8)).save(tmp_path / "4.png")
    index = DatasetIndex.from_directory(tmp_path)
    (images,) = image_dataset(index, batch_size=5, cache=False)
    np.testing.assert_allclose(images[..., 0], pixels / 255, atol=1e-7)


def test_bands_over_files(index):
    paths = tuple(zip(index.paths[:4], index.paths[4:8], strict=True))
    bands = DatasetIndex(index.ids[:4], paths)
    (streamed,) = image_dataset(bands, batch_size=4, cache=False)
    np.testing.assert_array_equal(streamed, bands.load().images)
    assert streamed.shape[-1] == 2


# bad data


def _spoil(path: Path, how: str) -> None:
    image = np.load(path)
    if how == "truncated":
        path.write_bytes(path.read_bytes()[:-9])
    elif how == "pickled":
        np.save(path, np.array([image, 1.0], dtype=object), allow_pickle=True)
    elif how == "shape":
        np.save(path, image[:, :-1])
    else:
        image[0, 3] = {"nan": np.nan, "inf": np.inf, "constant": image[0, 3]}[how]
        np.save(path, np.ones_like(image) if how == "constant" else image)


MESSAGES = {
    "truncated": "truncated",
    "pickled": "lenszoo convert",
    "shape": "11 x 12 pixels",
    "nan": "12 NaN and 0 infinite",
    "inf": "0 NaN and 12 infinite",
    "constant": "is constant",
}


@pytest.mark.parametrize("how", list(MESSAGES))
def test_bad_files_raise_one_line_that_names_them(index, how):
    _spoil(index.paths[10], how)
    with pytest.raises(LenszooError) as at_once:
        image_dataset(index, batch_size=4)
    with pytest.raises(LenszooError) as while_streaming, plain_errors():
        _drain(image_dataset(index, batch_size=4, cache=False, shuffle_seed=0))
    for caught in (at_once, while_streaming):
        text = str(caught.value)
        assert text.startswith(str(index.paths[10]))
        assert MESSAGES[how] in text
        assert "\n" not in text
    assert str(at_once.value) == str(while_streaming.value)


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize("how", ["nan", "constant"])
def test_zero_and_skip(index, how, cache, caplog):
    _spoil(index.paths[10], how)
    with caplog.at_level(logging.WARNING, "lenszoo"):
        images, _ = _drain(image_dataset(index, batch_size=4, cache=cache, on_bad="zero"))
    assert "sphere/3.npy" in caplog.text
    assert np.isfinite(images).all()
    assert len(images) == 21
    assert not images[10, 3].any()
    assert images[10].any() == (how == "nan")
    dataset = image_dataset(
        index, batch_size=4, cache=cache, on_bad="skip", shuffle_seed=1, augment="d4"
    )
    images, labels = _drain(dataset)
    assert len(images) == len(labels) == 20
    assert np.bincount(labels).tolist() == [7, 6, 7]
    loaded = index.load("skip")
    assert loaded.provenance["bad_pixels"] == (12 if how == "nan" else 144)
    assert loaded.provenance["skipped"] == 1 and index.ids[10] not in loaded.ids
    sums = sorted(images.sum((1, 2, 3)))
    np.testing.assert_allclose(sums, sorted(loaded.images.sum((1, 2, 3))), rtol=1e-5)


def test_a_file_that_vanished(index):
    index.paths[3].unlink()
    for cache in (True, False):
        with pytest.raises(LenszooError, match=r"3\.npy: no such file"):
            image_dataset(index, batch_size=4, cache=cache)


def test_plain_errors_lets_others_pass():
    with pytest.raises(ZeroDivisionError), plain_errors():
        _ = 1 / 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "at least 1"),
        ({"augment": "mixup", "shuffle_seed": 0}, "Unknown augmentation 'mixup'"),
        ({"augment": "d4"}, "shuffle_seed"),
        ({"on_bad": "ignore"}, "Unknown policy"),
        ({"shuffle_seed": -1}, "not negative"),
        ({"shuffle_seed": 1, "epoch": -1}, "not negative"),
    ],
)
def test_bad_arguments(index, options, message):
    with pytest.raises(LenszooError, match=message):
        image_dataset(index, **{"batch_size": 4, **options})


def test_augmentation_needs_square_images(tmp_path):
    np.save(tmp_path / "0.npy", np.random.default_rng(0).random((12, 14)))
    index = DatasetIndex.from_directory(tmp_path)
    one_line("square", lambda: image_dataset(index, batch_size=1, shuffle_seed=0, augment="d4"))


def test_without_tensorflow(index, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    one_line("Batches", lambda: image_dataset(index, batch_size=4))
    assert len(index.load().images) == 21


# in processes of their own


def _run(code: str, **environment: str) -> str:
    variables = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=variables, check=False
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout


def test_import_is_light():
    heavy = "tensorflow", "jax", "keras", "sklearn", "astropy", "PIL"
    code = f"import sys, lenszoo.data; print([m for m in {heavy} if m in sys.modules])"
    assert _run(code).strip() == "[]"


FIT = """
import keras
import tensorflow as tf
from lenszoo.data import DatasetIndex, image_dataset

def run(root):
    index = DatasetIndex.from_directory(root)
    options = dict(batch_size=6, shuffle_seed=1, augment="d4", drop_remainder=True)
    model = keras.Sequential([keras.Input((12, 12, 1)), keras.layers.Flatten()])
    model.add(keras.layers.Dense(3))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, jit_compile=True)
    before = keras.ops.convert_to_numpy(model.weights[0]).copy()
    model.fit(image_dataset(index, **options), shuffle=False, verbose=0)
    model.fit(image_dataset(index, cache=False, **options), shuffle=False, verbose=0)
    assert (keras.ops.convert_to_numpy(model.weights[0]) != before).any()
    assert len(model.predict(image_dataset(index, batch_size=6), verbose=0)) == 21
    if keras.config.backend() != "tensorflow":
        assert not tf.config.get_visible_devices("GPU")
    return keras.config.backend()
"""


@pytest.mark.parametrize("backend", ["tensorflow", pytest.param("jax", marks=pytest.mark.slow)])
def test_feeds_fit_under_xla(index, backend):
    import keras

    pytest.importorskip(backend)
    root = str(index.paths[0].parent.parent)
    if keras.config.backend() == backend:
        names: dict = {}
        exec(FIT, names)
        assert names["run"](root) == backend
    else:
        code = f"{FIT}\nprint(run({root!r}))"
        assert _run(code, KERAS_BACKEND=backend).strip() == backend
