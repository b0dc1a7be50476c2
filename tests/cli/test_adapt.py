import json

import numpy as np
import pytest

from lenszoo import build_model, load_model
from lenszoo.cli.adapt import _named
from lenszoo.pretrained.loading import save_weights

pytestmark = pytest.mark.usefixtures("own_manifest", "blank_figures")


@pytest.fixture(scope="module")
def skies(tmp_path_factory):
    """Weights of a lens finder on a table, and two catalogues of 40 objects."""
    root = tmp_path_factory.mktemp("skies")
    model = build_model("lens_finder", use="table", columns=["colour", "size"], dim=8, heads=2)
    save_weights(model, root / "start.weights.h5")
    rng = np.random.default_rng(0)
    for name, scale in (("easy", 1.0), ("hard", 2.0)):
        colours, sizes = rng.normal(0, scale, 40), rng.normal(size=40)
        rows = [f"{i},{i % 2},{colours[i] + 0.3 * (i % 2)},{sizes[i]}" for i in range(40)]
        (root / f"{name}.csv").write_text("\n".join(["id,label,colour,size", *rows]))
    return root


@pytest.mark.slow
def test_a_catalogue_to_another(lenszoo, skies, tmp_path):
    out = tmp_path / "run"
    said = lenszoo(
        *("adapt", skies / "start.weights.h5", "--source", skies / "easy.csv"),
        *("--data", skies / "hard.csv", "--method", "joint", "--label-fraction", 0.5),
        *("--epochs", 2, "--batch-size", 8, "--learning-rate", 1e-2, "--seed", 4, "--out", out),
    ).stdout
    metrics = json.loads((out / "report.json").read_text())["metrics"]
    assert f"AUC {metrics['auc']:.4f}, " in said
    assert f"AUC {metrics['before']['auc']:.4f} before" in said
    recipe = json.loads((out / "recipe.json").read_text())
    assert (recipe["task"], recipe["method"], recipe["label_fraction"]) == ("adapt", "joint", 0.5)
    assert recipe["optimizer"]["learning_rate"] == 1e-2
    assert load_model(out).name == "lens_finder"


def test_bad_wishes_are_one_line(refused, skies, tmp_path):
    start, out = skies / "start.weights.h5", tmp_path / "run"
    target = ("--data", skies / "hard.csv")
    assert "--data CATALOGUE-or-FOLDER or --preset" in refused("adapt", start, "--out", out)
    both = refused("adapt", start, *target, "--preset", "lens_finding_hard", "--out", out)
    assert "either" in both
    assert "needs a source" in refused("adapt", start, *target, "--method", "dann", "--out", out)
    missing = ("--source", "no_such_sky", "--method", "joint")
    assert "no_such_sky" in refused("adapt", start, *target, *missing, "--out", out)


def test_source_is_a_path_or_a_sky(tmp_path):
    assert _named("lens_finding_easy") == (None, "lens_finding_easy")
    assert _named("easy.csv") == ("easy.csv", None)
    assert _named(str(tmp_path)) == (str(tmp_path), None)
