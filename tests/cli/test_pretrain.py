import json

import pytest
from tinyrun import write_images

from lenszoo import load_model

pytestmark = pytest.mark.usefixtures("own_manifest", "blank_figures")


@pytest.fixture
def pool(tmp_path):
    return write_images(tmp_path / "pool", per_class=8)


def test_a_folder_without_labels(lenszoo, pool, tmp_path):
    out = tmp_path / "run"
    said = lenszoo(
        *("pretrain", "simple_cnn", "--method", "rotation", "--images-in", pool),
        *("--epochs", 1, "--batch-size", 4, "--learning-rate", 1e-2, "--seed", 4, "--out", out),
    ).stdout
    metrics = json.loads((out / "report.json").read_text())["metrics"]
    assert f"score {metrics['score']:.4f}, " in said
    recipe = json.loads((out / "recipe.json").read_text())
    assert (recipe["task"], recipe["method"], recipe["seed"]) == ("pretext", "rotation", 4)
    assert recipe["optimizer"]["learning_rate"] == 1e-2
    assert load_model(out).output_shape == (None, 4)


def test_bad_wishes_are_one_line(refused, pool, tmp_path):
    out = ("--out", tmp_path / "run")
    assert "either --images-in FOLDER or --preset" in refused("pretrain", "simple_cnn", *out)
    images = ("--images-in", pool)
    assert "no classifier" in refused("pretrain", "srcnn", *images, *out)
    assert "Did you mean 'simple_cnn'" in refused("pretrain", "simple_cn", *images, *out)
    assert "files are all used" in refused("pretrain", "simple_cnn", *images, "--images", 9, *out)
    both = ("--preset", "common_test_sim")
    assert "either" in refused("pretrain", "simple_cnn", *images, *both, *out)
