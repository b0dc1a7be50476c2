"""Classes and temperature of weights in a ``.keras`` file."""

import keras
import numpy as np
import pytest

from lenszoo import load_model, predict
from lenszoo.errors import LenszooError
from lenszoo.evaluation import calibrate
from lenszoo.inference import open_model, provenance_of
from lenszoo.simulation import sample

NAME = "resnet18_slim.common_test_sim_v2"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("learned") / "m.keras"
    load_model(NAME).save(path)
    return path


def test_a_keras_file_knows_classes_and_temperature(saved):
    sky = sample("common_test_sim", 3, seed=3)
    expected, table = predict(NAME, sky), predict(saved, sky)
    assert table.column_names == expected.column_names
    assert table["predicted"].to_pylist() == ["no", "sphere", "vort"]
    temperature = provenance_of(table)["temperature"]
    assert temperature == provenance_of(expected)["temperature"] != 1
    np.testing.assert_allclose(table["prob_no"], expected["prob_no"], atol=1e-6)


def test_other_weights_may_have_other_classes(saved, tmp_path):
    model = load_model(saved)
    model.set_weights([1.01 * weights for weights in model.get_weights()])
    model.save(tmp_path / "tuned.keras")
    table = predict(tmp_path / "tuned.keras", sample("common_test_sim", 3, seed=3))
    assert "prob_0" in table.column_names and provenance_of(table)["temperature"] == 1


@pytest.mark.parametrize("learned", [7, {"classes": 7}, {"classes": ["a"]}, {"temperature": -1.0}])
def test_odd_notes_are_of_no_use_and_of_no_harm(saved, tmp_path, learned):
    model = load_model(saved)
    guard = model.get_layer("guard")
    weights = guard.learned["weights"]
    guard.learned = learned if learned == 7 else {**learned, "weights": weights}
    model.save(tmp_path / "odd.keras")
    table = predict(tmp_path / "odd.keras", sample("common_test_sim", 1, seed=3))
    assert "prob_0" in table.column_names and provenance_of(table)["temperature"] == 1


def test_a_saved_ensemble_keeps_classes_and_the_temperature_that_was_fitted(tmp_path):
    names = [NAME, "resnet18_slim.common_test_sim"]
    model, sky = load_model(names), sample("common_test_sim", 60, seed=8)
    assert open_model(model).temperature == 1  # of the mean of their logits nobody knows one
    fitted = calibrate(model, sky)
    model.save(tmp_path / "both.keras")
    opened = open_model(tmp_path / "both.keras")
    assert opened.temperature == fitted != 1 and opened.classes == ("no", "sphere", "vort")
    expected, table = predict(model, sky), predict(opened, sky)
    np.testing.assert_allclose(table["prob_no"], expected["prob_no"], atol=1e-6)


def test_a_temperature_that_was_fitted_anew_is_saved(tmp_path):
    model, sky = load_model(NAME), sample("common_test_sim", 60, seed=8)
    before = open_model(model).temperature
    fitted = calibrate(model, sky)
    model.save(tmp_path / "m.keras")
    assert open_model(tmp_path / "m.keras").temperature == fitted != before


def test_a_temperature_is_kept_without_names_and_by_build_model(tmp_path):
    from lenszoo import build_model
    from lenszoo.pretrained.temperature import temperature_of

    model = build_model("simple_cnn", input_shape=(24, 24, 1), num_classes=2, width=4)
    rng = np.random.default_rng(0)
    images = rng.random((40, 24, 24, 1), dtype=np.float32)
    labels = np.argmax(model.predict(images, verbose=0), axis=1)
    labels[::4] = 1 - labels[::4]  # three of four are right, which settles a temperature
    fitted = calibrate(model, (images, labels))
    assert fitted != 1
    model.save(tmp_path / "m.keras")
    path = str(tmp_path / "m.keras")
    for again in (load_model(path), build_model("simple_cnn", weights=path)):
        assert temperature_of(again) == fitted


def test_the_share_of_lenses_is_kept_in_files_and_by_calibrate(tmp_path):
    from lenszoo import build_model
    from lenszoo.pretrained.learned import note_learned
    from lenszoo.pretrained.saving import save_weights

    tiny = {"width": 4, "dim": 8, "heads": 2, "use": "image"}
    keras.utils.set_random_seed(0)
    model = build_model("lens_finder", input_shape=(16, 16, 1), **tiny)
    head = model.get_layer("logits")
    head.set_weights([10 * weights for weights in head.get_weights()])  # which is too sure
    note_learned(model, ("nonlens", "lens"), 0.07)
    rng = np.random.default_rng(0)
    images = rng.random((40, 16, 16, 1), dtype=np.float32)
    logits = model.predict(images, verbose=0)[:, 0]
    labels = (logits > np.median(logits)).astype(int)
    labels[::4] = 1 - labels[::4]
    fitted = [calibrate(model, (images, labels)) for _ in range(2)]
    assert 1 != fitted[0] == pytest.approx(fitted[1], rel=1e-3)  # of the same share
    save_weights(model, tmp_path / "m.weights.h5")
    model.save(tmp_path / "m.keras")
    for name in ("m.weights.h5", "m.keras"):
        assert open_model(str(tmp_path / name)).prevalence == pytest.approx(0.07)
    both = load_model([tmp_path / "m.weights.h5"] * 2)
    with pytest.raises(LenszooError, match="calibrate each of them"):
        calibrate(both, (images, labels))
