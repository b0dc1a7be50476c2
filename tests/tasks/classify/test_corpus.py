"""Scenes kept on disk: the scenes of the sky, a teacher's answers, a making cut short."""

import json

import keras
import numpy as np
import pytest

import lenszoo
from lenszoo import build_model
from lenszoo.data.augment import d4
from lenszoo.errors import LenszooError
from lenszoo.pretrained.loading import save_weights
from lenszoo.simulation import SPLIT_START, sample
from lenszoo.tasks.classify import corpus as module
from lenszoo.tasks.classify.corpus import CorpusBatches, open_corpus
from lenszoo.tasks.classify.task import ClassifyTask, predict_logits
from lenszoo.training import Recipe

SIDE, N = 48, 12
SQUARE = slice(51, 99)


@pytest.fixture
def fields(tmp_path, monkeypatch):
    """Fields of a recipe with a corpus and a teacher that looks at the square alone."""
    monkeypatch.setenv("LENSZOO_CACHE", str(tmp_path / "cache"))
    keras.utils.set_random_seed(1)
    guide = build_model("simple_cnn", num_classes=3, width=2, crop=SIDE)
    (tmp_path / "teacher").mkdir()
    save_weights(guide, tmp_path / "teacher" / "best.weights.h5")
    classes = {"classes": lenszoo.simulation.get_preset("common_test_sim").classes}
    (tmp_path / "teacher" / "run.json").write_text(json.dumps(classes))
    return {
        "model": "simple_cnn",
        "options": {"width": 2, "crop": SIDE},
        "data": {"preset": "common_test_sim", "images": 6, "val_images": 6, "test_images": 6},
        "seed": 3,
        "batch_size": 4,
        "corpus": {"scenes": N, "turns": 8},
        "distill": {"teacher": str(tmp_path / "teacher"), "weight": 1.0},
        "optimizer": {"learning_rate": 1e-2, "schedule": "constant"},
    }


def opened(fields):
    recipe = Recipe(**fields)
    task = ClassifyTask(recipe)
    return recipe, open_corpus(recipe, task._teacher)


def test_it_holds_the_scenes_of_the_sky_and_an_answer_for_each_turn(fields):
    _, corpus = opened(fields)
    drawn = sample("common_test_sim", N, 3, SPLIT_START["train"])
    np.testing.assert_array_equal(corpus.labels, drawn.labels)
    square = drawn.images[:, SQUARE, SQUARE]
    np.testing.assert_allclose(corpus.images, square, atol=3e-4)
    teacher = lenszoo.load_model(fields["distill"]["teacher"])
    for turn in range(8):
        told = predict_logits(teacher, d4(drawn.images, np.full(N, turn)))
        np.testing.assert_allclose(corpus.answers[:, turn], told, atol=1e-5)
    assert np.ptp(corpus.answers, axis=1).max() > 0


def test_batches_go_through_all_scenes_and_bring_the_answer_to_what_is_shown(fields):
    recipe, corpus = opened(fields)
    teacher = lenszoo.load_model(fields["distill"]["teacher"])
    epochs = [CorpusBatches(corpus, recipe, epoch, (150, 150, 1)) for epoch in range(4)]
    seen = [epoch.rows for epoch in epochs]
    assert sorted([*seen[0], *seen[1]]) == sorted([*seen[2], *seen[3]]) == list(range(N))
    assert [len(epoch) for epoch in epochs] == [2] * 4
    for epoch in epochs:
        images, target = epoch[1]
        assert images.shape == (2, 150, 150, 1) and images.dtype == np.float32
        np.testing.assert_allclose(predict_logits(teacher, images), target["answers"], atol=1e-3)
        np.testing.assert_array_equal(target["labels"], corpus.labels[epoch.rows[4:]])
    assert np.any(epochs[0].turns != epochs[2].turns)


def test_a_making_that_was_cut_goes_on_and_a_finished_one_is_only_read(fields, monkeypatch):
    _, whole = opened(fields)
    kept = {name: np.array(getattr(whole, name)) for name in ("images", "labels", "answers")}
    fields["seed"], fields["data"]["seed"] = 4, 3  # the same scenes
    _, shared = opened(fields)
    np.testing.assert_array_equal(shared.images, kept["images"])
    monkeypatch.setattr(module, "_CHUNK", 5)
    monkeypatch.setenv("LENSZOO_CACHE", fields["distill"]["teacher"])
    calls = []

    def cut_off(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return sample(*arguments)

    monkeypatch.setattr(module, "sample", cut_off)
    with pytest.raises(KeyboardInterrupt):
        opened(fields)
    _, again = opened(fields)
    assert [arguments[1] for arguments in calls] == [5, 5, 5, 2]
    for name, array in kept.items():
        np.testing.assert_allclose(getattr(again, name), array, atol=1e-5)
    opened(fields)
    assert len(calls) == 4


def test_a_student_learns_from_it_what_the_teacher_answers(fields):
    task = ClassifyTask(Recipe(**fields))
    model = task.build()
    assert model.teacher is None
    task.compile(model, 0)
    history = [
        model.fit(task.epoch(i), verbose=0, shuffle=False).history["loss"][0] for i in range(20)
    ]
    assert sum(history[-5:]) < 0.5 * sum(history[:5])


def test_the_stages_of_a_curriculum_are_streamed_before_it(fields):
    fields |= {"curriculum": [{"epochs": 1, "strength": 4.0}], "epochs": 2}
    task = ClassifyTask(Recipe(**fields))
    model = task.build()
    task.compile(model, 0)
    stage, later = task.epoch(0), task.epoch(1)
    assert isinstance(later, CorpusBatches) and not isinstance(stage, CorpusBatches)
    for batches in (stage, later):  # the streamed one asks the teacher, the other brings answers
        loss = model.fit(batches, verbose=0, shuffle=False).history["loss"][0]
        assert np.isfinite(loss)


def test_without_a_teacher_labels_alone_are_kept(fields):
    del fields["distill"], fields["corpus"]["turns"]
    recipe = Recipe(**fields)
    corpus = open_corpus(recipe, ClassifyTask(recipe)._teacher)
    assert corpus.answers is None
    _, labels = CorpusBatches(corpus, recipe, 0, (150, 150, 1))[0]
    assert labels.shape == (4,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"corpus": {"scenes": 13}}, "corpus.scenes 13 is no multiple of data.images 6"),
        (
            {"data": {"preset": "common_test_sim", "fresh": False}},
            "needs data.preset and data.fresh",
        ),
    ],
)
def test_what_does_not_fit_is_refused(fields, change, message):
    with pytest.raises(LenszooError, match=message):
        Recipe(**{**fields, **change})
