"""Campaigns: order, what is skipped, what goes on, what fails, and who is alone."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import campaign as tool
import filelock
import pytest
import typer
from campaign import _check, _needs, campaign, read_list, table
from oneline import one_line
from tinycampaign import FIRST, IMAGES, RECIPES, empty_root, write_list
from typer.testing import CliRunner

from lenszoo import load_model
from lenszoo.errors import LenszooError
from lenszoo.pretrained.manifest import FILE_NAME, load_manifest
from lenszoo.training import Recipe, deadline
from lenszoo.training.state import read_progress

ROOT = Path(__file__).parents[2]

app = typer.Typer()
app.command()(tool.main)


class Clock:
    """Says zero for a number of times, and then that it is very late."""

    def __init__(self, times):
        self.left = times

    def monotonic(self):
        self.left -= 1
        return 0.0 if self.left >= 0 else float("inf")


def states(steps):
    return {step.name.partition(".")[2]: step.state for step in steps}


def command(recipes, *arguments, **environment):
    return [sys.executable, ROOT / "tools" / "campaign.py", str(recipes), *map(str, arguments)]


class TestTheZoosOwnList:
    def test_every_recipe_loads_and_comes_after_what_it_needs(self):
        names = read_list()
        for i, name in enumerate(names):
            recipe = Recipe.load(name)
            _check(name, recipe)
            assert set(_needs(recipe)) <= set(names[:i]), name
        assert "simple_cnn.common_test_sim" in names  # taught by another, so the above is not empty

    def test_it_holds_the_recipe_of_every_weight(self):
        recipes = {entry.recipe.removesuffix(".toml") for entry in load_manifest().entries}
        assert recipes <= set(read_list())


def test_lists(tmp_path):
    path = write_list(tmp_path / "own", **RECIPES)
    assert read_list(path)[0] == str(tmp_path / "own" / "simple_cnn.first.toml")
    for text, told in {
        "a.b\na.b # again\n": r"lists a\.b twice",
        "# none": "lists no recipe",
    }.items():
        path.write_text(text)
        with pytest.raises(LenszooError, match=told):
            read_list(path)
    with pytest.raises(LenszooError, match=r"Cannot read the list of recipes .*gone"):
        read_list(tmp_path / "gone")


@pytest.mark.usefixtures("blank_figures")
def test_a_campaign_is_cut_and_goes_on(tmp_path, monkeypatch):
    root, runs = empty_root(tmp_path / "root"), tmp_path / "runs"
    names = read_list(write_list(tmp_path / "own", **RECIPES))
    given = {"names": names, "root": root, "images": IMAGES}

    plan = campaign(runs, **given, dry_run=True)
    assert states(plan) == {
        "first": "left", "broken": "left", "orphan": "waits", "second": "left"
    }  # fmt: skip
    assert not runs.exists() and plan[2].note == "for the weights simple_cnn.nowhere"

    with monkeypatch.context() as patched:
        patched.setattr(deadline, "time", Clock(2))  # an epoch's begin and its only step
        steps = campaign(runs, **given, hours=1)
    assert steps[0].note == "epoch 1 of 2"
    assert set(states(steps).values()) == {"left", "waits"}
    assert load_manifest(root / FILE_NAME).names() == []

    steps = campaign(runs, **given)
    assert states(steps) == {
        "first": "released", "broken": "failed", "orphan": "waits", "second": "released"
    }  # fmt: skip
    assert "Did you mean 'common_test_sim'" in steps[1].note
    entries = {entry.name: entry for entry in load_manifest(root / FILE_NAME).entries}
    assert list(entries) == ["simple_cnn.first", "simple_cnn.second"]
    assert entries["simple_cnn.first"].data["images_seen"] == 24
    assert len(read_progress(runs / "simple_cnn.first").history) == 2
    monkeypatch.setenv("LENSZOO_MANIFEST", str(root / FILE_NAME))
    monkeypatch.setenv("LENSZOO_CACHE", str(tmp_path / "cache"))
    assert load_model("simple_cnn.second").output_shape == (None, 3)

    before = (root / FILE_NAME).read_bytes()
    again = campaign(runs, **given, only=["*.first", "*.second"])
    assert states(again) == {"first": "stands", "second": "stands"}
    assert table(again).splitlines()[0].startswith("simple_cnn.first   stands    macro_ovr_auc 0.")
    assert (root / FILE_NAME).read_bytes() == before

    alone = pytest.raises(LenszooError, match=r"Another campaign is at work in .*runs")
    with filelock.FileLock(runs / ".campaign.lock"), alone:
        campaign(runs, **given)


def test_refusals(tmp_path):
    root, runs = empty_root(tmp_path / "root"), tmp_path / "runs"
    with pytest.raises(LenszooError, match=r"no weights_manifest\.json in .*nowhere"):
        campaign(runs, root=tmp_path / "nowhere")
    one_line(
        "No recipe is called like resnet99*", lambda: campaign(runs, root=root, only=["resnet99*"])
    )
    one_line("hours is 0", lambda: campaign(runs, root=root, hours=0))
    (tmp_path / "file").write_text("")
    one_line(
        "Cannot write the folder", lambda: campaign(tmp_path / "file", root=root, only=["srcnn.*"])
    )
    one_line("images is 0", lambda: campaign(runs, root=root, images=0))
    one_line(
        "Unknown preset 'common_test_sum'",
        lambda: campaign(runs, root=root, real={"common_test_sum": "x.npz"}),
    )
    one_line(
        "no file x.npz, of real images for common_test_sim",
        lambda: campaign(runs, root=root, real={"common_test_sim": "x.npz"}),
    )
    one_line(
        "a/net.x.toml and b/net.x.toml are both recipes of",
        lambda: campaign(runs, root=root, names=["a/net.x.toml", "b/net.x.toml"]),
    )
    names = ["resnet18.five_fold", write_list(tmp_path / "own", x=FIRST).parent / "wrong.x.toml"]
    Path(names[1]).write_text(FIRST)
    steps = campaign(runs, root=root, names=list(map(str, names)), dry_run=True)
    assert [step.state for step in steps] == ["failed", "failed"]
    assert "trains on files" in steps[0].note and "simple_cnn.TAG.toml" in steps[1].note


def test_the_command(tmp_path):
    root = empty_root(tmp_path / "root")
    own = write_list(tmp_path / "own", orphan=RECIPES["orphan"])

    def run(*arguments, code=0):
        given = [own, "--out", tmp_path / "runs", "--root", root, *arguments]
        result = CliRunner().invoke(app, list(map(str, given)))
        assert result.exit_code == code, result.output
        return result.output

    assert "simple_cnn.orphan  waits     for the weights simple_cnn.nowhere\n" in run()
    assert "give PRESET=NPZ" in run("--real", "x.npz", code=2)
    own.write_text("resnet18.five_fold\n")
    assert "resnet18.five_fold  failed" in run(code=1)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_killed_at_any_time_it_ends_the_same(tmp_path):
    own = write_list(tmp_path / "own", first=FIRST.replace("epochs = 2", "epochs = 4"))
    ends = []
    for place in ("whole", "cut"):
        root = empty_root(tmp_path / place)
        line = command(own, "--out", root / "runs", "--root", root, "--images", IMAGES)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        if place == "cut":
            process = subprocess.Popen(line, env=environment, stderr=subprocess.PIPE, text=True)
            for said in process.stderr:
                if said.startswith("epoch 2/"):
                    break
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert load_manifest(root / FILE_NAME).names() == []
        subprocess.run(line, env=environment, check=True, capture_output=True)
        (entry,) = load_manifest(root / FILE_NAME).entries
        ends.append((entry.sha256, entry.metrics["test"]))
    assert ends[0] == ends[1]


@pytest.mark.slow
@pytest.mark.usefixtures("blank_figures")
def test_a_run_of_another_machine_goes_on_under_jax_without_tensorflow(tmp_path, monkeypatch):
    pytest.importorskip("jax")
    root, runs = empty_root(tmp_path / "root"), tmp_path / "runs"
    own = write_list(tmp_path / "own", first=FIRST)
    with monkeypatch.context() as patched:
        patched.setattr(deadline, "time", Clock(2))
        campaign(runs, names=read_list(own), root=root, hours=1, images=IMAGES)
    arguments = [own, "--out", runs, "--root", root, "--images", IMAGES]
    code = "import sys; sys.modules['tensorflow'] = None\n"
    code += "import typer, campaign; typer.run(campaign.main)"
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/tools", "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "simple_cnn.first  released  macro_ovr_auc" in done.stdout
    assert "goes on elsewhere" in done.stderr and "backend tensorflow, now jax" in done.stderr
    assert "epoch 1/2" not in done.stderr and "epoch 2/2" in done.stderr
    (entry,) = load_manifest(root / FILE_NAME).entries
    assert "jax" in entry.metrics["measured"]["machine"]
    known = json.loads((runs / "simple_cnn.first" / "run.json").read_text())
    assert known["environment"]["backend"] == "jax"
    assert [place["backend"] for place in known["earlier"]] == ["tensorflow"]
