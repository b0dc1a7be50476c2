"""From a run folder to a manifest entry: what is refused, what is kept, and every task's scores."""

import json
import tomllib
from configparser import ConfigParser
from pathlib import Path

import keras
import numpy as np
import pytest
import release as release_tool
from entries import add_entry
from oneline import one_line
from release import release
from tinycampaign import FIRST, IMAGES, empty_root, write_list

from lenszoo import load_model, tasks
from lenszoo.errors import LenszooError
from lenszoo.pretrained.loading import save_weights
from lenszoo.pretrained.manifest import FILE_NAME, get_entry, load_manifest
from lenszoo.training import Recipe
from lenszoo.training.devices import Devices
from lenszoo.training.loop import _enter_phase
from lenszoo.training.run_folder import BEST, RECIPE, write_run
from lenszoo.training.state import Progress, save_state

ROOT = Path(__file__).parents[2]
NAME = "simple_cnn.first"
SR = """
task = "super_resolve"
model = "srcnn"
options = { width = 4 }
epochs = 1
[data]
preset = "sr_75_150"
"""
FINDER = """
task = "find_lenses"
model = "lens_finder"
options = { width = 4, dim = 8, heads = 2 }
epochs = 1
[data]
preset = "lens_finding_easy"
bands = ["g", "i"]
images = 8
val_images = 4
test_images = 4
"""
PRETEXT = 'task = "pretext"\nmethod = "rotation"\n' + FIRST


def finished(folder, text, *, done=True, seed=None):
    """A run folder as ``train`` leaves it, of a network that has learnt nothing."""
    recipe = Recipe(**tomllib.loads(text))
    keras.utils.set_random_seed(recipe.seed if seed is None else seed)
    folder.mkdir(parents=True)
    task = tasks.find(recipe.task).task(recipe)
    model = task.build()
    _enter_phase(task, model, Devices(), 0)
    (folder / RECIPE).write_text(json.dumps(recipe.model_dump(mode="json")))
    write_run(folder, task, model, Devices())
    save_weights(task.answers(model), folder / BEST)
    row = {"epoch": 1, "loss": 1.0, "seconds": 36.0}
    save_state(folder, model, Progress(epoch=1, finished=done, history=[row]))
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("release")


@pytest.fixture(scope="module")
def recipe(place):
    return write_list(place / "own", first=FIRST).parent / f"{NAME}.toml"


@pytest.fixture(scope="module")
def run(place):
    return finished(place / "run", FIRST)


@pytest.fixture(scope="module")
def released(place, run, recipe):
    """A root with one entry."""
    root = empty_root(place / "root")
    release(run, NAME, recipe=recipe, root=root, images=IMAGES)
    return root


def test_what_is_released_loads_by_name(released, monkeypatch, tmp_path):
    (entry,) = load_manifest(released / FILE_NAME).entries
    assert entry.recipe == f"{NAME}.toml" and entry.classes == ("no", "sphere", "vort")
    assert entry.data["epochs"] == 1 and entry.data["hours"] == 0.01
    assert {"test", "shortcut", "float16", "measured"} == set(entry.metrics)
    assert entry.metrics["test"]["n"] == IMAGES
    command = entry.metrics["measured"]["command"]
    assert command.endswith(f"RUN {NAME} --images {IMAGES} --recipe {NAME}.toml")
    monkeypatch.setenv("LENSZOO_MANIFEST", str(released / FILE_NAME))
    monkeypatch.setenv("LENSZOO_CACHE", str(tmp_path))
    assert load_model(NAME).output_shape == (None, 3)


def test_scores_measured_elsewhere_stand_beside(place, run, recipe):
    root, file = empty_root(place / "further"), place / "scores.json"
    file.write_text('{"space_warps": {"auc": 0.8}}')
    entry = release(run, NAME, recipe=recipe, root=root, images=IMAGES, further=file)
    assert entry.metrics["space_warps"] == {"auc": 0.8} and entry.metrics["test"]["n"] == IMAGES
    assert entry.metrics["measured"]["command"].endswith(" --further scores.json")
    file.write_text(json.dumps({"space_warps": {"auc": 0.9, "weights_sha256": entry.sha256}}))
    entry = release(run, NAME, recipe=recipe, root=root, images=IMAGES, further=file)
    assert entry.metrics["space_warps"]["auc"] == 0.9


def test_scores_of_other_weights_are_refused(place, run, recipe):
    root, file = empty_root(place / "of_others"), place / "of_others.json"
    file.write_text(json.dumps({"space_warps": {"weights_sha256": "0" * 64}}))
    with pytest.raises(LenszooError, match="space_warps is of weights with the sha256 0000"):
        release(run, NAME, recipe=recipe, root=root, images=IMAGES, further=file)
    file.write_text("[0.8]")
    with pytest.raises(LenszooError, match="no JSON file of scores by name"):
        release(run, NAME, recipe=recipe, root=root, images=IMAGES, further=file)


def test_the_same_weights_again_change_their_scores_only(released, run, recipe):
    file = released / "weights" / f"{NAME}.weights.h5"
    old, written = get_entry(NAME, manifest=load_manifest(released / FILE_NAME)), file.stat()
    new = release(run, NAME, recipe=recipe, root=released, images=IMAGES + 3)
    assert new.metrics["test"]["n"] == IMAGES + 3
    assert new.model_dump(exclude={"metrics"}) == old.model_dump(exclude={"metrics"})
    assert file.stat().st_mtime_ns == written.st_mtime_ns


def test_other_weights_get_a_name_of_their_own(released, recipe, place, monkeypatch):
    other = finished(place / "other", FIRST, seed=99)
    with pytest.raises(LenszooError, match=rf"{NAME} is published with other .* as {NAME}_v2\.$"):
        release(other, NAME, recipe=recipe, root=released, images=IMAGES)
    monkeypatch.setattr(release_tool, "PART_BYTES", 10_000)
    entry = release(other, f"{NAME}_v2", recipe=recipe, root=released, images=IMAGES, replaces=NAME)
    assert len(entry.files) > 1 and entry.recipe == f"{NAME}.toml"
    manifest = load_manifest(released / FILE_NAME)
    assert manifest.names() == [f"{NAME}_v2"]
    monkeypatch.setenv("LENSZOO_MANIFEST", str(released / FILE_NAME))
    monkeypatch.setenv("LENSZOO_CACHE", str(place / "cache"))
    assert load_model(f"{NAME}_v2").output_shape == (None, 3)  # put together from its parts
    for name, model in ((NAME, None), ("first", "simple_cnn")):
        with pytest.raises(LenszooError, match=rf"{NAME} are retired; {NAME}_v2 took their place"):
            get_entry(name, model=model, manifest=manifest)
    with pytest.raises(LenszooError, match=rf"release these as {NAME}_v3"):
        release(other, NAME, recipe=recipe, root=released, images=IMAGES)
    one_line(
        "is retired in",
        lambda: add_entry(entry.model_copy(update={"name": NAME}), released / FILE_NAME),
    )
    given = {"recipe": recipe, "root": released, "images": IMAGES}
    again = release(other, f"{NAME}_v2", **given, replaces=NAME)  # as the last time
    assert again.sha256 == entry.sha256 and load_manifest(released / FILE_NAME) == manifest
    one_line(
        "cannot take its own place",
        lambda: release(other, f"{NAME}_v2", **given, replaces=f"{NAME}_v2"),
    )
    content = json.loads((released / FILE_NAME).read_text())
    for retired, told in {
        f"{NAME}_v2": f"'{NAME}_v2' is retired and has an entry",
        "a.b": "'a.b' is retired and 'a.c' has no entry",
    }.items():
        wrong = place / "wrong.json"
        wrong.write_text(json.dumps(content | {"retired": {retired: "a.c"}}))
        with pytest.raises(LenszooError, match=told):
            load_manifest(wrong)


def test_refusals(run, recipe, place, tmp_path, monkeypatch):
    root = empty_root(tmp_path / "root")

    def refused(told, folder=run, name=NAME, **changes):
        given = {"recipe": recipe, "root": root, "images": IMAGES} | changes
        with pytest.raises(LenszooError, match=told) as error:
            release(folder, name, **given)
        assert "\n" not in str(error.value)

    refused("is no run folder", folder=tmp_path / "gone")
    refused("is not finished", folder=finished(tmp_path / "half", FIRST, done=False))
    refused("no weights_manifest.json in", root=tmp_path)
    refused("Weights are called like their recipe", recipe=None)
    refused(r"is no run of srcnn.*\.toml \(batch_size: 12", name="srcnn.sr_75_150_sim", recipe=None)
    refused("are called simple_cnn.TAG", name="srcnn.first")
    refused("'simple_cnn.my tag' cannot name weights", name="simple_cnn.my tag")
    refused("call the recipe with letters", recipe=recipe.with_name("my tag.toml"))
    refused("Unknown weights 'simple_cnn.typo'", replaces="simple_cnn.typo")
    refused("macro_ovr_auc is undefined on 2 scenes: give more images", images=2)
    folder, own = tmp_path / "files", tmp_path / "own.toml"
    own.write_text(FIRST.partition("preset")[0] + 'directory = "images"\n')
    folder.mkdir()
    (folder / RECIPE).write_text(json.dumps(Recipe.load(own).model_dump(mode="json")))
    (folder / "run.json").write_text("{}")
    refused("trained on files of its own", folder=folder, recipe=own)
    np.savez(tmp_path / "real.npz", x=np.zeros((3, 9, 9, 1)), label=["no", "vort", "sphere"])
    np.savez(tmp_path / "two.npz", x=np.zeros((2, 150, 150, 1)), label=["no", "sphere"])
    refused("two.npz: no image of 'vort'; an AUC needs every class", real=tmp_path / "two.npz")
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 nothing")
    refused("give an npz with x and label", real=tmp_path / "bad.npz")
    refused(r"x of shape \(3, 9, 9, 1\) for 3 labels", real=tmp_path / "real.npz")
    monkeypatch.setattr(release_tool, "TOTAL_BYTES", 1 << 10)
    refused(r"all weights would be 0\.\d MiB, more than")
    assert load_manifest(root / FILE_NAME).names() == []
    assert not (root / "weights").exists()


def test_files_of_retired_weights_count_too(run, recipe, tmp_path, monkeypatch):
    root = empty_root(tmp_path / "root")
    (root / "weights").mkdir()
    (root / "weights" / "simple_cnn.old.weights.h5").write_bytes(b"0" * 40_000)
    monkeypatch.setattr(release_tool, "TOTAL_BYTES", 40_000)
    one_line(
        "all weights would be", lambda: release(run, NAME, recipe=recipe, root=root, images=IMAGES)
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text", "images", "beside"),
    [
        ("srcnn.tiny", SR, 4, {"bicubic", "floor"}),
        ("lens_finder.tiny", FINDER, 40, {"baselines"}),
        ("simple_cnn.tiny", PRETEXT, 180, {"random"}),
    ],
)
def test_every_task_is_scored(name, text, images, beside, tmp_path):
    folder, root = finished(tmp_path / "run", text), empty_root(tmp_path / "root")
    (tmp_path / "tiny.toml").write_text(text)
    given = {"recipe": tmp_path / "tiny.toml", "root": root, "images": images}
    entry = release(folder, name, **given)
    # also in a process that has built other networks: a counter names some of their layers
    assert release(folder, name, **given).sha256 == entry.sha256
    key = tasks.find(Recipe.load(tmp_path / "tiny.toml").task).headline.key
    assert np.isfinite(entry.metrics["test"][key])
    assert set(entry.metrics) == {"test", "float16", "measured"} | beside
    assert load_manifest(root / FILE_NAME).names() == [name]


def test_what_goes_into_the_wheel_is_small():
    config = ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    patterns = config["options.package_data"]["lenszoo._data.weights"].split(",")
    sizes = [f.stat().st_size for p in patterns for f in (ROOT / "weights").glob(p.strip())]
    assert sizes and max(sizes) <= 3 << 20 and sum(sizes) <= 12 << 20
