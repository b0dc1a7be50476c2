"""Pretexts: problems with known answers, losses beside their formulas, runs that start others."""

import logging

import keras
import numpy as np
import pytest
from cutshort import train_whole_and_cut
from tinyrun import write_images

from lenszoo import build_model, load_model
from lenszoo.errors import LenszooError
from lenszoo.tasks.pretext.posed import denoising, rotation
from lenszoo.tasks.pretext.recipe import Denoising
from lenszoo.tasks.pretext.task import PretextTask
from lenszoo.tasks.pretext.views import (
    PredictEachOther,
    ViewModel,
    margin_loss,
    nt_xent,
    retrieval,
    unit,
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


def test_the_answer_of_a_rotation_is_how_it_was_turned():
    images = np.random.default_rng(0).random((10, 6, 6, 2), np.float32)
    posed, turns = rotation().pose(images, np.random.default_rng(1))
    assert sorted(np.bincount(turns, minlength=4)) == [2, 2, 3, 3]
    for image, turned, k in zip(images, posed, turns, strict=True):
        np.testing.assert_array_equal(turned, np.rot90(image, k))


def test_the_answer_of_a_denoising_is_the_strength_of_its_noise():
    recipe = Denoising(levels=3, weakest=0.1, strongest=10.0)
    images = np.random.default_rng(0).random((200, 30, 30, 2), np.float32) * [[[[1, 3]]]]
    posed, levels = denoising(recipe).pose(images.astype(np.float32), np.random.default_rng(1))
    own = np.sqrt(images.var(axis=(1, 2)).mean(axis=-1))
    ratio = (posed - images).std(axis=(1, 2, 3)) / own
    np.testing.assert_allclose(ratio, np.array([0.1, 1.0, 10.0])[levels], rtol=0.12)
    assert np.bincount(levels).min() > 40


def vectors(n=5, length=7, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, n, length)).astype(np.float32)


def test_margin_loss_is_its_formula():
    one, other = vectors()
    u, v = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (one, other))
    d = np.linalg.norm(u[:, None] - v[None], axis=-1)
    for margin in (0.5, 1.3):
        hinge = np.maximum(margin - d, 0) ** 2
        far = hinge[~np.eye(5, dtype=bool)].mean()
        expected = 0.5 * (np.mean(np.diag(d) ** 2) + far)
        assert float(margin_loss(one, other, margin)) == pytest.approx(expected, abs=1e-5)


def test_nt_xent_is_its_formula():
    one, other = vectors()
    z = np.concatenate([one, other]).astype(np.float64)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    s = np.exp(z @ z.T / 0.3)
    np.fill_diagonal(s, 0)
    expected = np.mean([-np.log(s[i, (i + 5) % 10] / s[i].sum()) for i in range(10)])
    assert float(nt_xent(one, other, 0.3)) == pytest.approx(expected, abs=1e-4)


def test_a_view_takes_no_gradient_as_what_is_predicted():
    """SimSiam's remedy against collapse: only the predicting side learns."""
    from lenszoo.tasks.pretext import views as pretext_views

    loss = PredictEachOther(6, 3)
    one, other = vectors(8, 6)
    value = float(loss(one, other))
    assert -1.0 <= value <= 1.0
    stopped = []
    stop = keras.ops.stop_gradient
    pretext_views.ops.stop_gradient = lambda x: stopped.append(x) or stop(x)
    try:
        assert float(loss(one, other)) == pytest.approx(value, abs=1e-6)
    finally:
        pretext_views.ops.stop_gradient = stop
    norm = [unit(loss.norm(x, training=True)) for x in (other, one)]
    for found, expected in zip(stopped, norm, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_retrieval_finds_partners_and_nothing_in_a_collapse():
    one, other = vectors(30, 8)
    assert retrieval(one, one + 1e-3 * other) == 1.0
    assert retrieval(one, other) < 0.2
    assert retrieval(np.ones((30, 8)), np.ones((30, 8))) == 0.0


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
    with pytest.raises(LenszooError, match="square"):
        PretextTask(Recipe(**fields(tmp_path / "wide", "simsiam")))


def test_a_collapse_is_told(folder, caplog):
    task = PretextTask(Recipe(**fields(folder, "simsiam")))
    model = task.build()
    assert isinstance(model, ViewModel)
    network = task.answers(model)
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
        ({"method": "jigsaw"}, "method"),
        ({"simsiam": {}}, "a table simsiam is for that method, not for rotation"),
        ({"method": "simsiam", "batch_size": 1}, "compares images"),
        ({"method": "denoising", "denoising": {"weakest": 2.0}}, "weakest is not below strongest"),
        ({"data": {"images_in": "nowhere"}}, "nowhere"),
        ({"data": {"preset": "sr_75_150"}}, "sky of pairs"),
        ({"data": {}}, "give exactly one of preset, images_in"),
        ({"freeze": 1, "weights": "x"}, "are for classifiers"),
        ({"input_shape": (30, 30, 1)}, "is not that of the images"),
    ],
)
def test_bad_recipes_are_one_line(folder, tmp_path, changes, message):
    with pytest.raises(LenszooError, match=message) as caught:
        train(fields(folder, **changes), tmp_path / "run")
    assert "\n" not in str(caught.value)


def test_nan_and_too_few_images(tmp_path):
    folder = write_images(tmp_path / "pool", per_class=2)
    image = np.load(folder / "bar" / "0.npy")
    image[0, 3, 3] = np.nan
    np.save(folder / "bar" / "0.npy", image)
    with pytest.raises(LenszooError, match=r"bar/0\.npy"):
        train(fields(folder), tmp_path / "run")
    skip = {"images_in": str(folder), "on_bad": "skip"}
    with pytest.raises(LenszooError, match="3 images are too few"):
        train(fields(folder, data=skip), tmp_path / "again")
