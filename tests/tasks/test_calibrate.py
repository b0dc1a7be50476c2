"""A temperature goes with a classifier: fitted, saved, loaded, and used by predict."""

import shutil

import keras
import numpy as np
import pytest
from tinyrun import recipe_fields, write_images

from lenszoo import evaluate, load_model, predict
from lenszoo.data import DatasetIndex
from lenszoo.errors import LenszooError
from lenszoo.evaluation import calibrate, expected_calibration_error, fit_temperature, log_softmax
from lenszoo.inference import provenance_of
from lenszoo.pretrained.loading import build_model, save_weights
from lenszoo.pretrained.temperature import set_temperature, temperature_of
from lenszoo.tasks.classify.task import predict_logits
from lenszoo.training import train

CLASSES = ["bar", "dot"]


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """Images of which every fourth has the wrong class: sure answers are too sure."""
    root = write_images(tmp_path_factory.mktemp("calibrate") / "images", per_class=24)
    for i in range(0, 24, 4):
        a, b = (root / name / f"{i}.npy" for name in CLASSES)
        kept = a.rename(root / "kept.npy")
        b.rename(a)
        kept.rename(b)
    return DatasetIndex.from_directory(root)


@pytest.fixture(scope="module")
def trained(noisy):
    """A network that has learnt the true classes of the same images."""
    keras.utils.set_random_seed(1)
    net = build_model("simple_cnn", input_shape=(24, 24, 1), num_classes=2, width=2)
    net.compile(
        keras.optimizers.Adam(1e-2), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    images, wrong = noisy.load(), np.arange(len(noisy)) % 4 == 0
    net.fit(images.images, images.labels ^ wrong, batch_size=12, epochs=20, verbose=0)
    return net


@pytest.fixture
def model(trained):
    return build_plain(trained)


def test_images_are_prepared_as_for_predict(model, noisy):
    images = noisy.load()
    padded = np.pad(images.images, ((0, 0), (4, 4), (4, 4), (0, 0)), constant_values=9.0)
    with pytest.raises(LenszooError, match="32 x 32"):
        calibrate(model, (padded, images.labels), classes=CLASSES)
    fitted = calibrate(model, (padded, images.labels), classes=CLASSES, crop=24)
    assert fitted == pytest.approx(calibrate(model, noisy, classes=CLASSES), rel=1e-4)


def columns(table, kind):
    return np.stack([table[f"{kind}_{name}"].to_numpy() for name in CLASSES], axis=1)


def test_a_fitted_temperature_changes_probabilities_and_no_logit(model, noisy, tmp_path):
    images = noisy.load()
    logits = predict_logits(model, images.images)
    fitted = calibrate(model, noisy, classes=CLASSES)
    assert fitted == pytest.approx(fit_temperature(noisy.labels, logits), rel=1e-4)
    assert 1 < fitted < 20 and temperature_of(model) == fitted
    table = predict(model, images.images, classes=CLASSES)
    np.testing.assert_allclose(columns(table, "logit"), logits, rtol=1e-5)
    expected = np.exp(log_softmax(logits / fitted))
    np.testing.assert_allclose(columns(table, "prob"), expected, atol=1e-6)
    assert provenance_of(table)["temperature"] == fitted

    saved = save_weights(model, tmp_path / "a.weights.h5")
    again = load_model(saved)
    assert temperature_of(again) == fitted
    same = predict(saved, images.images, classes=CLASSES)
    np.testing.assert_array_equal(columns(same, "prob"), columns(table, "prob"))
    plain = columns(predict(build_plain(again), images.images, classes=CLASSES), "prob")
    before, after = (
        expected_calibration_error(noisy.labels, np.log(p + 1e-300))
        for p in (plain, columns(table, "prob"))
    )
    assert after < before


def build_plain(model):
    """The same weights without the temperature."""
    other = build_model("simple_cnn", input_shape=(24, 24, 1), num_classes=2, width=2)
    other.set_weights(model.get_weights())
    return other


def test_a_temperature_is_that_of_the_weights_it_was_fitted_to(model):
    set_temperature(model, 2.0)
    assert temperature_of(model) == 2
    head = model.get_layer("logits")
    head.set_weights([w + 1 for w in head.get_weights()])
    assert temperature_of(model) == 1


def test_a_new_head_starts_without_a_temperature(model, tmp_path):
    path = save_weights(set_temperature(model, 2.0), tmp_path / "a.weights.h5")
    assert temperature_of(build_model("simple_cnn", weights=path)) == 2
    assert temperature_of(build_model("simple_cnn", weights=path, dropout=0.2)) == 2
    assert temperature_of(build_model("simple_cnn", weights=path, num_classes=5)) == 1


def test_a_temperature_that_is_none_is_refused(model, tmp_path):
    import h5py

    path = tmp_path / "a.weights.h5"
    model.save_weights(path)
    for value in (-1.0, np.nan, np.inf, "hot"):
        with h5py.File(path, "r+") as file:
            file.attrs["lenszoo_temperature"] = value
        with pytest.raises(LenszooError, match="temperature"):
            build_model("simple_cnn", input_shape=(24, 24, 1), num_classes=2, width=2, weights=path)


@pytest.mark.usefixtures("blank_figures")
def test_a_training_fits_one_and_the_report_tells_both_errors(noisy, tmp_path):
    fields = recipe_fields(noisy.paths[0].parent.parent) | {"options": {"width": 4}}
    fields["optimizer"] = {"learning_rate": 1e-2}
    run = train(fields | {"epochs": 2}, tmp_path / "run").run_dir
    model = load_model(run)
    fitted = temperature_of(model)
    assert fitted != 1
    shutil.move(run / "best.weights.h5", tmp_path / "alone.weights.h5")
    assert temperature_of(load_model(tmp_path / "alone.weights.h5")) == fitted
    shutil.move(tmp_path / "alone.weights.h5", run / "best.weights.h5")
    report = evaluate(run, noisy)
    logits = predict_logits(model, noisy.load().images)
    calibrated = report.metrics["calibrated"]
    assert calibrated["temperature"] == fitted
    for value, scores in ((report.metrics, logits), (calibrated, logits / fitted)):
        assert value["ece"] == pytest.approx(expected_calibration_error(noisy.labels, scores))
    assert "uncalibrated" in report.to_html() and "at temperature" in report.to_html()
