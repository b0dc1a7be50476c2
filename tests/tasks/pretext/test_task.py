"""Pretexts: problems with known answers, losses beside their formulas, runs that start others."""

import logging

import numpy as np
import pytest
from cutshort import train_whole_and_cut
from oneline import one_line
from tinyrun import write_images

from lenszoo import build_model, load_model
from lenszoo.errors import LenszooError
from lenszoo.tasks.pretext.task import PretextTask
from lenszoo.tasks.pretext.views import (
    ViewModel,
)
from lenszoo.training import Recipe, train

pytestmark = pytest.mark.usefixtures("blank_figures")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("pool"), per_class=20)


STILL = {"strength": 1e-4}  # as good as neither moved nor blurred


def fields(folder, method="rotation", **changes):
    recipe = {
        "task": "pretext",
        "method": method,
        "model": "simple_cnn",
        "options": {"width": 4},
        "epochs": 2,
        "batch_size": 8,
        "data": {"images_in": str(folder)},
        "optimizer": {"learning_rate": 3e-3},
        "seed": 5,
    }
    return recipe | changes


@pytest.mark.parametrize(
    "method",
    ["rotation", "simsiam"]
    + [pytest.param(name, marks=pytest.mark.slow) for name in ("denoising", "contrastive")],
)
def test_a_run_scores_and_starts_a_classifier(folder, tmp_path, method):
    settings = {method: {"projection": 12}} if method in ("contrastive", "simsiam") else {}
    recipe = fields(folder, method, **settings)
    result = train(recipe, tmp_path / "run")
    assert 0 <= result.metrics["score"] <= 1
    assert {"val_score", "embedding_std", "effective_rank"} <= set(result.history[0])
    assert result.metrics["pretext"]["probe_auc"] is None  # nobody knows labels
    pretext = load_model(tmp_path / "run")
    assert pretext.output_shape[-1] == {"rotation": 4, "denoising": 8}.get(method, 12)
    model = build_model("simple_cnn", num_classes=3, weights=tmp_path / "run")
    for old, new in zip(pretext.weights, model.weights, strict=True):
        if "logits" not in old.path:
            np.testing.assert_array_equal(old, new)
    assert model.output_shape == (None, 3)


def test_the_score_is_that_of_the_epoch_that_was_kept(folder, tmp_path):
    class FirstIsBest(PretextTask):
        def validate(self, model):
            return super().validate(model) | {"val_score": scores.pop()}

    scores = [1.0, 2.0, 3.0]
    recipe = Recipe(**fields(folder, epochs=3, seed=2))
    result = train(recipe, tmp_path / "run", task=FirstIsBest(recipe))
    assert [row["val_score"] for row in result.history] == [3.0, 2.0, 1.0]
    assert result.metrics["score"] == 3.0


@pytest.mark.slow
def test_rotation_is_learned_where_the_sky_has_a_direction(tmp_path):
    """Bars lie along a row: a quarter turn is told from none, half a turn is not."""
    folder = write_images(tmp_path / "bars", per_class=40)
    result = train(fields(folder / "bar", epochs=12, options={}, batch_size=16), tmp_path / "run")
    assert 0.4 < result.metrics["score"] <= 0.75


def test_a_sky_is_probed_with_its_labels(tmp_path):
    data = {"preset": "common_test_sim", "images": 16, "val_images": 8, "test_images": 240}
    recipe = fields("", "rotation", data=data, epochs=1)
    metrics = train(recipe, tmp_path / "run").metrics
    for name in ("pretext", "start"):
        assert metrics[name]["probe_labels"] == 215
        assert 0.3 < metrics[name]["probe_auc"] < 1.0
    html = (tmp_path / "run" / "report.html").read_text()
    assert "A linear head on the frozen backbone, 215 labels in 5 folds" in html


@pytest.mark.slow
@pytest.mark.parametrize("method", ["denoising", "simsiam"])
def test_a_run_that_was_cut_ends_the_same(folder, tmp_path, method):
    """With what simsiam keeps besides: its predictor, and the draws of its views."""
    train_whole_and_cut(PretextTask, Recipe(**fields(folder, method)), tmp_path)


def test_views_turn_only_where_the_recipe_does(folder):
    for augment in ("d4", "none"):
        task = PretextTask(Recipe(**fields(folder, "simsiam", augment=augment, simsiam=STILL)))
        task.validate(task.answers(task.build()))
        one, other = task._posed
        assert np.allclose(one, other, atol=1e-2) == (augment == "none")


def test_views_that_are_not_turned_need_not_be_square(tmp_path):
    (tmp_path / "wide").mkdir()
    for i in range(12):
        image = np.random.default_rng(i).random((20, 24))
        np.save(tmp_path / "wide" / f"{i}.npy", image)
    PretextTask(Recipe(**fields(tmp_path / "wide", "simsiam", augment="none")))
    one_line("square", lambda: PretextTask(Recipe(**fields(tmp_path / "wide", "simsiam"))))


def test_a_collapse_is_told(folder, caplog):
    task = PretextTask(Recipe(**fields(folder, "simsiam")))
    model = task.build()
    assert isinstance(model, ViewModel)
    network = task.answers(model)
    caplog.clear()  # of the few images that are held out
    with caplog.at_level(logging.WARNING, "lenszoo"):
        task.validate(network)
        assert not caplog.records
        for weight in network.trainable_weights:
            weight.assign(np.zeros(weight.shape))
        scores = task.validate(network)
    assert scores["val_score"] == 0.0
    assert "The embedding has collapsed" in caplog.text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "srcnn"}, "srcnn is no classifier: a pretext needs"),
        ({"model": "equivariant_transformer"}, "same answer to every quarter turn"),
        ({"data": {"images_in": "nowhere"}}, "nowhere"),
        ({"data": {"preset": "sr_75_150"}}, "sky of pairs"),
        ({"input_shape": (30, 30, 1)}, "is not that of the images"),
    ],
)
def test_bad_recipes_are_one_line(folder, tmp_path, changes, message):
    with pytest.raises(LenszooError, match=message) as caught:
        train(fields(folder, **changes), tmp_path / "run")
    assert "\n" not in str(caught.value)
