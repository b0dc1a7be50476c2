"""Runs, weights and recipes that an older version wrote still do their work."""

import importlib
import json
import os
import runpy
import shutil
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import keras
import numpy as np
import pyarrow.parquet as pq
import pytest
from make_files import answers

import lenszoo
import lenszoo.layers
from lenszoo.data import DatasetIndex, image_dataset, read_image
from lenszoo.evaluation import classification_report, log_softmax
from lenszoo.simulation import write_dataset
from lenszoo.training import Recipe, train

pytestmark = pytest.mark.usefixtures("blank_figures", "files", "nothing_odd")

HERE = Path(__file__).parent / "files"
ROOT = Path(__file__).parents[2]
CLOSE = {"rtol": 1e-5, "atol": 1e-5}
# fields of a recipe that have another name now; the old one is still read
RENAMED = {"widen": "grow"}
ENSEMBLE = ["runs/classify_files", "runs/classify_again"]


@pytest.fixture(scope="module", params=sorted(path.name for path in HERE.iterdir()))
def unpacked(request, tmp_path_factory):
    """The files of a version, in a folder that they have never seen."""
    place = tmp_path_factory.mktemp("files")
    shutil.copytree(HERE / request.param, place, dirs_exist_ok=True)
    with zipfile.ZipFile(place / "files.zip") as archive:
        archive.extractall(place)
    return place


@pytest.fixture
def files(unpacked, monkeypatch):
    monkeypatch.chdir(unpacked)
    return unpacked


@pytest.fixture
def nothing_odd(caplog):
    """No warning of Python and none in the log, such as of weights that found no place."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield
    odd = [
        r.getMessage() for r in caplog.records if r.name.startswith("lenszoo") and r.levelno > 20
    ]
    assert not odd


@pytest.fixture
def outputs():
    with np.load("outputs.npz") as file:
        return dict(file)


@pytest.fixture
def expected():
    return json.loads(Path("expected.json").read_text())


@pytest.fixture
def command(capsys, monkeypatch):
    """Run ``python -m lenszoo`` in this process; return what it printed to standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["lenszoo", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            runpy.run_module("lenszoo", run_name="__main__")
        said = capsys.readouterr()
        assert not end.value.code, said.err
        return said.err

    return run


def fresh(code: str) -> str:
    """Run code in a process of its own, from the folder of the files."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE.parent)])}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_file_answers_as_before(outputs):
    paths = [name for name in outputs if name.startswith(("models/", "runs/"))]
    assert len(paths) > 20
    for path in paths:
        np.testing.assert_allclose(
            answers(lenszoo.load_model(path)), outputs[path], **CLOSE, err_msg=path
        )


def test_runs_answer_together(outputs):
    """Version 0.1.0 answered the mean of log-probabilities, now it is that of logits."""
    ensemble = answers(lenszoo.load_model(ENSEMBLE))
    np.testing.assert_allclose(log_softmax(ensemble), log_softmax(outputs["ensemble"]), **CLOSE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("imports", "load", "pattern"),
    [
        ("lenszoo", "lenszoo.load_model", "s*.keras"),
        ("lenszoo", "keras.saving.load_model", "*.keras"),
    ],
)
def test_a_fresh_process_loads_keras_files(imports, load, pattern, outputs):
    fresh(f"""
from pathlib import Path
import numpy as np
import {imports}
import keras
models = {{path.as_posix(): {load}(path) for path in Path("models").glob("{pattern}")}}
from make_files import answers
np.savez("fresh.npz", **{{path: answers(model) for path, model in models.items()}})
""")
    with np.load("fresh.npz") as file:
        assert len(file.files) > 3
        for path in file.files:
            np.testing.assert_allclose(file[path], outputs[path], **CLOSE, err_msg=path)


def test_registered_names_stay(expected):
    # those that only training needs are registered with its tasks
    for module in ("lenszoo.tasks.optimizers", "lenszoo.tasks.super_resolve.losses"):
        importlib.import_module(module)
    for name in expected["registered"]:
        assert keras.saving.get_registered_object(name) is not None, name


def test_weights_build_a_model_with_another_head():
    old = lenszoo.load_model("runs/classify_files")
    for weights in ("runs/classify_files", "models/simple_cnn.weights.h5"):
        model = lenszoo.build_model("simple_cnn", weights=weights, num_classes=5)
        assert model.output_shape == (None, 5)
        assert model.input_shape == old.input_shape


@pytest.mark.parametrize("run", ["classify_files", "classify_sky", "find_lenses", "super_resolve"])
def test_a_finished_run_is_finished(run):
    fields = json.loads(Path("runs", run, "recipe.json").read_text())
    before = Path("runs", run, "state.npz").stat().st_mtime_ns
    result = train(fields, Path("runs", run))
    report = json.loads(Path("runs", run, "report.json").read_text())
    assert result.metrics == report["metrics"]
    assert len(result.history) == fields["epochs"]
    assert Path("runs", run, "state.npz").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "name",
    ["classify"]
    + [
        pytest.param(task, marks=pytest.mark.slow) for task in ("super_resolve", "pretext", "adapt")
    ],
)
def test_an_unfinished_run_ends_as_if_it_had_gone_through(name, outputs, expected):
    run = Path("unfinished", name)
    done = (run / "history.csv").read_text().splitlines()
    fields = json.loads((run / "recipe.json").read_text())
    backend = json.loads((run / "run.json").read_text())["environment"]["backend"]
    if backend != keras.backend.backend():
        pytest.skip("another backend draws another Dropout")
    assert len(done) == fields["epochs"]  # a header, and every epoch but the last
    result = train(fields, run)
    history = expected["unfinished"][name]
    assert len(result.history) == len(history) == fields["epochs"]
    for row, old in zip(result.history, history, strict=True):
        assert old.keys() <= row.keys()
        for key, value in old.items():
            assert row[key] == pytest.approx(value, rel=1e-4, abs=1e-5), key
    # Epochs of adapt tie in AUC: version 0.1.0 kept the first, later ones the lowest log loss.
    kept = "last" if name == "adapt" else "outputs"
    np.testing.assert_allclose(answers(lenszoo.load_model(run)), outputs[f"{name}/{kept}"], **CLOSE)
    last = lenszoo.load_model(run / "last.weights.h5")
    np.testing.assert_allclose(answers(last), outputs[f"{name}/last"], **CLOSE)
    assert (run / "report.html").is_file()


@pytest.mark.parametrize(
    ("run", "weights"),
    [
        ("find_lenses", "runs/find_lenses"),
        ("super_resolve", "runs/super_resolve"),
        pytest.param("classify_files", "models/simple_cnn.keras", marks=pytest.mark.slow),
        pytest.param("adapt", "models/lens_finder.weights.h5", marks=pytest.mark.slow),
    ],
)
def test_training_starts_from_old_weights(run, weights, tmp_path):
    """A step so small that the new run answers as the old weights do."""
    fields = json.loads(Path("runs", run, "recipe.json").read_text())
    still = {"learning_rate": 1e-9}
    train(fields | {"weights": weights, "epochs": 1, "optimizer": still}, tmp_path / "run")
    graph, old = (lenszoo.load_model(path) for path in (tmp_path / "run", weights))
    for new, value in zip(graph.trainable_weights, old.trainable_weights, strict=True):
        np.testing.assert_allclose(new, value, atol=1e-6, err_msg=new.path)


def test_recipes_by_hand_mean_the_same(expected):
    assert expected["recipes"]
    for name, old in expected["recipes"].items():
        assert contains(Recipe.load(Path("recipes", name)).model_dump(mode="json"), old), name


def contains(new, old):
    """Whether all that was said is said: there may be newer fields."""
    if isinstance(old, dict):
        names = {key: RENAMED.get(key, key) for key in old}
        return all(key in new and contains(new[key], old[name]) for name, key in names.items())
    return new == old


@pytest.mark.slow
@pytest.mark.parametrize("name", ["classify", "find_lenses", "super_resolve", "pretext", "adapt"])
def test_recipes_by_hand_train(name, tmp_path):
    train(Path("recipes", f"{name}.toml"), tmp_path / "run")


def test_predictions_are_the_same():
    old = pq.read_table("predictions.parquet")
    new = lenszoo.predict("runs/classify_files", "data/images")
    assert set(old.column_names) <= set(new.column_names)
    for name in old.column_names:
        if name.startswith(("prob_", "logit_")):
            np.testing.assert_allclose(new[name].to_numpy(), old[name].to_numpy(), **CLOSE)
        else:
            assert new[name].to_pylist() == old[name].to_pylist()
    facts, told = (json.loads(t.schema.metadata[b"lenszoo"]) for t in (old, new))
    assert facts.keys() <= told.keys()
    for key in ("weights", "weights_sha256", "recipe", "seed", "classes"):
        assert facts[key] == told[key]


def test_features_are_the_same(outputs):
    features = lenszoo.embed("runs/classify_files", "data/images")
    np.testing.assert_allclose(features, outputs["embed"], **CLOSE)


def test_an_old_run_scores_as_it_did():
    run = Path("runs/classify_files")
    fields = json.loads((run / "recipe.json").read_text())
    index = DatasetIndex.from_directory("data/images")
    _, held = index.split(fields["data"]["val_fraction"], fields["seed"])
    images, labels = next(iter(image_dataset(held, batch_size=len(held), shuffle_seed=None)))
    logits = lenszoo.load_model(run).predict(images, verbose=0)
    report = classification_report(np.asarray(labels), logits, index.class_names)
    old = json.loads((run / "report.json").read_text())["metrics"]
    assert report.metrics["macro_ovr_auc"] == pytest.approx(old["macro_ovr_auc"])
    assert report.metrics["log_loss"] == pytest.approx(old["log_loss"], abs=1e-5)


def test_a_written_dataset_goes_on():
    call = json.loads(Path("data/written/dataset.json").read_text())
    image = min(Path("data/written/train").rglob("*.png"))
    before = read_image(image)
    image.unlink()
    options = {name: call[name] for name in ("preset", "seed", "format", "strength")}
    options |= {"n_train": call["splits"]["train"], "n_val": call["splits"]["val"]}
    write_dataset(**options, out="data/written")
    np.testing.assert_allclose(read_image(image), before, atol=1e-4)


def test_the_command_predicts_scores_and_upscales(command, tmp_path):
    table = tmp_path / "scores.csv"
    survey = ["data/survey/table.csv", "--pattern", "{band}/{id}.npy", "--band-names", "g,r"]
    command("predict", "runs/find_lenses", *survey, "--out", table)
    assert len(table.read_text().splitlines()) == 25
    command("evaluate", ",".join(ENSEMBLE), "--data", "data/images", "--out", tmp_path / "scores")
    report = json.loads((tmp_path / "scores" / "report.json").read_text())
    assert report["metrics"]["n"] == 20
    command("upscale", "models/srresnet_1.keras", "data/fine/0.npy", "--out", tmp_path / "fine")
    assert [p.name for p in (tmp_path / "fine").iterdir()]


def test_the_command_trains_on_a_pretext(command, tmp_path):
    options = ["--data", "data/images", "--weights", "runs/pretext", "--epochs", 1]
    command("train", "simple_cnn", *options, "--out", tmp_path / "run")
    assert lenszoo.load_model(tmp_path / "run").output_shape == (None, 2)
