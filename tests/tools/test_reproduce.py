"""Weights are trained again from their recipe and compared with what the manifest says."""

import json
from dataclasses import replace

import pytest
import typer
from oneline import one_line
from reproduce import Reproduction, _smaller, main, reproduce
from typer.testing import CliRunner

from lenszoo.training import Recipe

app = typer.Typer()
app.command()(main)
NAME, PRESET = "simple_cnn.tiny_sim", "deeplense_model_2"
RECIPE = f"""
model = "simple_cnn"
epochs = 2
batch_size = 8
options = {{width = 4}}
[data]
preset = "{PRESET}"
images = 16
val_images = 12
test_images = 12
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return tmp_path_factory.mktemp("run") / "run"


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Write the recipe, and a manifest in which the weights have a figure; return the recipe."""
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(RECIPE)
    monkeypatch.setenv("LENSZOO_MANIFEST", str(tmp_path / "m.json"))

    def write(auc=0.5, interval=(0.4, 0.6), **fields):
        entry = {
            "name": NAME,
            "model": "simple_cnn",
            "input_shape": [64, 64, 1],
            "num_classes": 3,
            "files": [{"path": f"{NAME}.weights.h5", "sha256": "0" * 64, "bytes": 1}],
            "recipe": "tiny.toml",
            "data": {"preset": PRESET},
            "metrics": {
                "test": {"macro_ovr_auc": auc, "intervals": {"macro_ovr_auc": interval}},
                "measured": {"images": 24, "seed": 2026},
            },
            "licence": "Apache-2.0",
            "fingerprint": {"seed": 0, "logits": [[0.0]], "atol": 0.01},
            "created": "2026-01-31",
            "lenszoo_version": "0.1.0",
        }
        content = {"schema_version": 1, "entries": [entry | fields]}
        (tmp_path / "m.json").write_text(json.dumps(content))
        return recipe

    return write


@pytest.mark.slow
@pytest.mark.usefixtures("blank_figures")
def test_trains_again_and_says_whether_it_came_out(publish, run):
    recipe = publish(0.0, (0.0, 0.0001))
    command = [NAME, "--out", str(run), "--recipe", str(recipe)]
    refuted = CliRunner().invoke(app, command)
    assert refuted.exit_code == 1, refuted.output
    assert "Not reproduced: the intervals do not overlap." in refuted.stdout
    (shown,) = (line for line in refuted.stdout.split("\n") if line.startswith("here "))
    figure = float(shown.split()[1])
    publish(figure, (figure, figure))
    found = reproduce(NAME, run, recipe=recipe)  # the run is finished: it is scored again
    assert found.overlap and found.here == pytest.approx(figure, abs=1e-4)
    assert found.scenes == f"24 scenes of {PRESET}, seed 2026" and shown in str(found)
    low, high = found.interval
    assert 0 < low < found.here < high < 1


def test_intervals_decide_and_both_figures_are_looked_at():
    found = Reproduction("a.b", "psnr", "5 scenes", 1.0, (0.9, 1.1), 1.2, (1.05, 1.35), "")
    assert found.overlap and "Reproduced" in str(found)
    assert "here is outside the published interval" in str(found)
    assert "published one is outside that of here" in str(found)
    apart = replace(found, interval=(1.11, 1.35))
    assert not apart.overlap and "Not reproduced" in str(apart)
    trial = replace(found, trial="1 of 9 epochs")
    assert str(trial).endswith("Not a reproduction: 1 of 9 epochs.")


def test_a_trial_is_smaller_and_says_so():
    full = Recipe.load("resnet18_slim.common_test_sim")
    small, said = _smaller(full, 2, 64)
    assert said == "2 of 45 epochs and at most 64 images an epoch and to score on"
    assert (small.epochs, small.data.images, small.data.val_images) == (2, 64, 64)
    assert not small.curriculum and small.optimizer == full.optimizer
    assert _smaller(full, None, None) == (full, "")
    adapted, _ = _smaller(Recipe.load("lens_finder.hard_sim"), None, 10)
    assert (adapted.source.images, adapted.data.images, adapted.epochs) == (10, 10, 4)


def test_what_cannot_be_reproduced(publish, run):
    recipe = publish()
    one_line("recipe tiny.toml, which lenszoo does not hold", lambda: reproduce(NAME, run))
    publish(data={"preset": "deeplense_model_3"})
    one_line("its recipe is another", lambda: reproduce(NAME, run, recipe=recipe))
    publish(metrics={"test": {"macro_ovr_auc": 0.9}})
    one_line("no macro_ovr_auc with an interval", lambda: reproduce(NAME, run, recipe=recipe))
