import json
import os
import shutil

import pytest
from oneline import one_line
from tinyzoo import CLASSES, NAME

from lenszoo.errors import LenszooError
from lenszoo.files import sha256_of
from lenszoo.inference import open_model
from lenszoo.pretrained import manifest, source
from lenszoo.pretrained.loading import build_model, load_model, save_weights
from lenszoo.pretrained.source import as_path, resolve


@pytest.fixture(scope="module")
def zoo():
    from tinyzoo import tiny_zoo

    return tiny_zoo()


@pytest.fixture(autouse=True)
def _own_manifest(zoo, monkeypatch):
    monkeypatch.setenv("LENSZOO_MANIFEST", str(zoo.manifest))


def test_a_name_and_a_run_folder_tell_the_same(zoo):
    named, run = resolve(NAME), resolve(zoo.run)
    assert (named.label, run.label) == (NAME, str(zoo.run))
    assert named.classes == run.classes == CLASSES
    assert named.seed == run.seed == 7
    assert named.config == run.config and named.config.model == "simple_cnn"
    assert named.sha256 == sha256_of(named.file) and run.sha256 == sha256_of(run.file)
    assert (named.run_dir, run.run_dir) == (None, zoo.run)
    assert run.recipe == str(zoo.run / "recipe.json")
    assert resolve(NAME.partition(".")[2], model="simple_cnn").label == NAME
    assert resolve(run) is run


def test_real_galaxies_of_a_training_and_of_the_one_before_are_counted(zoo, tmp_path, monkeypatch):
    monkeypatch.delenv("LENSZOO_MANIFEST")
    painted = resolve("lens_finder.des_griz_painted")
    assert painted.real_galaxies == {painted.label: 32}
    assert resolve("simple_cnn.common_test_sim").real_galaxies == {}
    run = shutil.copytree(zoo.run, tmp_path / "run")
    facts = json.loads((run / "run.json").read_text())
    facts["data"] = {"real": {"others": 5}}
    facts["start"] = {"weights": {"name": "mine", "sha256": painted.sha256}}
    (run / "run.json").write_text(json.dumps(facts))
    assert resolve(run).real_galaxies == {str(run): 5, painted.label: 32}


def test_nothing_is_fetched_or_hashed_before_it_is_asked_for(monkeypatch):
    def fetch(name):
        raise AssertionError(name)

    monkeypatch.setattr(source, "fetch_weights", fetch)
    weights = resolve(NAME)
    assert weights.classes == CLASSES and weights.config is not None and len(weights.sha256) == 64
    with pytest.raises(AssertionError, match=NAME):
        _ = weights.file


def test_a_file_alone_knows_its_network_and_no_more(zoo, tmp_path):
    file = shutil.copy(zoo.run / "best.weights.h5", tmp_path / "mine.weights.h5")
    alone = resolve(file)
    assert alone.config == resolve(zoo.run).config
    assert (alone.classes, alone.bands, alone.pixel_scale, alone.recipe) == ((), (), None, None)
    assert alone.unchanged
    os.utime(file, ns=(1, 1))
    assert not alone.unchanged


def test_aliases_are_the_same_classes(zoo):
    weights = resolve(zoo.run)
    assert weights.has_classes(("no_sub", "CDM", "axion"))
    assert not weights.has_classes(("no", "vort", "sphere"))


@pytest.mark.parametrize(
    ("text", "is_path"),
    [
        ("resnet18.tag", False),
        ("a/b", True),
        ("x.keras", True),
        ("x.weights.h5", True),
        ("~/run", True),
    ],
)
def test_paths_are_told_from_names(text, is_path):
    assert (as_path(text) is not None) == is_path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"options": {"width": 10**7}}, "too large"),
        ({"options": {"dropout": float("inf")}}, "finite"),
        ({"num_classes": 10**9}, "num_classes"),
        ({"input_shape": [20, 20, 10**6]}, "band"),
        ({"input_shape": [10**7, 20, 1]}, "pixels"),
        ({"model": "no_such_model"}, "Unknown model"),
    ],
)
def test_absurd_configurations_are_refused_before_anything_is_built(change, message, zoo, tmp_path):
    shutil.copytree(zoo.run, run := tmp_path / "run")
    import h5py

    with h5py.File(run / "best.weights.h5", "r+") as file:
        stored = json.loads(file.attrs["lenszoo"])
        file.attrs["lenszoo"] = json.dumps(stored | change)
    with pytest.raises(LenszooError, match=message) as caught:
        _ = resolve(run).config
    assert str(run / "best.weights.h5") in str(caught.value)


def test_the_manifest_is_parsed_once_until_it_changes(zoo, tmp_path, monkeypatch):
    path = shutil.copy(zoo.manifest, tmp_path / "weights_manifest.json")
    monkeypatch.setenv("LENSZOO_MANIFEST", str(path))
    first = manifest.load_manifest()
    assert manifest.load_manifest() is first
    content = json.loads(path.read_text())
    content["base_url"] = ["https://example.org/another"]
    path.write_text(json.dumps(content))
    assert manifest.load_manifest().base_url == ("https://example.org/another",)


@pytest.mark.parametrize(
    "name",
    [
        "a\0b",
        "a\0b.keras",
        "x" * 5000,
        "x" * 300 + ".keras",
        "~no such user/a.keras",
        "",
        "\n",
        "/",
    ],
)
def test_names_that_no_weights_can_have(name):
    with pytest.raises(LenszooError) as caught:
        resolve(name)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("weights", [5, True, None, "", [None], [""]])
@pytest.mark.parametrize("load", [load_model, open_model])
def test_what_is_no_name_of_weights_is_said_in_one_line(load, weights):
    one_line("Weights are a name such as", lambda: load(weights))
    if weights is not None:  # a random start
        one_line("Weights are a name such as", lambda: build_model("vit_ti16", weights=weights))


@pytest.mark.parametrize(
    "change",
    [
        *[{"classes": value} for value in (5, [1, 2], [["a"]], {"a": 1}, "ab")],
        *[{"bands": value} for value in (5, [[1]], "gr")],
        *[{"pixel_scale": value} for value in ("x", -1, 0, float("nan"), float("inf"), [1])],
    ],
)
def test_fields_of_a_run_that_no_run_writes(change, zoo, tmp_path):
    shutil.copytree(zoo.run, run := tmp_path / "run")
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | change))
    field = next(iter(change))
    with pytest.raises(LenszooError, match=rf"run\.json is damaged: its field '{field}'"):
        getattr(resolve(run), field)


def test_a_run_folder_that_is_called_like_published_weights_is_ambiguous(
    zoo, tmp_path, monkeypatch
):
    shutil.copytree(zoo.run, tmp_path / NAME)
    monkeypatch.chdir(tmp_path)
    one_line(f"write ./{NAME} for the folder", lambda: resolve(NAME))
    for path in (f"./{NAME}", tmp_path / NAME):
        assert resolve(path).run_dir is not None
    monkeypatch.chdir(tmp_path.parent)
    assert resolve(NAME).entry is not None


def test_weights_of_another_network_have_no_classes_of_the_run_beside_them(zoo, tmp_path, caplog):
    shutil.copytree(zoo.run, tmp_path / "run")
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    other = build_model("simple_cnn", input_shape=(16, 16, 1), num_classes=5, width=4)
    save_weights(other, tmp_path / "run" / "mine.weights.h5")
    assert resolve(tmp_path / "run").classes == tuple(run["classes"])
    assert resolve(tmp_path / "run" / "mine.weights.h5").classes == ()
    assert "holds another network than the run of its folder" in caplog.text


def _keras_beside_a_run(zoo, folder, classes, **settings):
    """A ``.keras`` file with the tiny zoo's classes, in the folder of a run with others."""
    shutil.copytree(zoo.run, folder)
    run = json.loads((folder / "run.json").read_text()) | settings
    (folder / "run.json").write_text(json.dumps(run | {"classes": classes}))
    load_model(NAME).save(folder / "mine.keras")
    return folder / "mine.keras"


def test_a_keras_file_has_its_own_classes_in_the_folder_of_another_run(zoo, tmp_path, caplog):
    settings = {"bands": ["z"], "pixel_scale": 0.2}
    path = _keras_beside_a_run(zoo, tmp_path / "a", [*reversed(CLASSES)], **settings)
    opened = open_model(path)
    assert (opened.classes, opened.bands, opened.pixel_scale) == (CLASSES, (), None)
    assert "mine.keras holds other classes than the run of its folder" in caplog.text
    caplog.clear()
    model = build_model("simple_cnn", input_shape=(16, 16, 1), num_classes=3, width=4)
    model.save(path.with_name("other.keras"))
    assert resolve(path.with_name("other.keras")).bands == ()
    assert "other.keras holds another network than the run of its folder" in caplog.text


def test_a_keras_file_of_the_run_is_known_by_it(zoo, tmp_path, caplog):
    path = _keras_beside_a_run(zoo, tmp_path / "a", list(CLASSES), bands=["z"])
    assert open_model(path).bands == ("z",)
    assert not caplog.records
