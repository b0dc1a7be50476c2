"""Fine-tuning: frozen layers, distillation and test-time augmentation of a run."""

import copy
import json

import keras
import numpy as np
import pytest
from cutshort import train_whole_and_cut
from oneline import one_line
from tinyrun import SHAPE, moved, run_epoch, snapshot

import lenszoo
from lenszoo import build_model
from lenszoo.pretrained.loading import save_weights
from lenszoo.tasks.classify.task import ClassifyTask
from lenszoo.training import Recipe, train
from lenszoo.training.loop import _is_best
from lenszoo.training.state import STATE_FILE, Progress

pytestmark = pytest.mark.usefixtures("blank_figures")


ALL = {"conv1", "bn1", "conv2", "bn2", "conv3", "bn3", "conv4", "bn4", "logits"}


@pytest.mark.parametrize(
    ("choice", "kept"),
    [
        pytest.param("backbone", ALL - {"logits"}, marks=pytest.mark.slow),
        (2, {"conv1", "bn1", "conv2", "bn2"}),
    ],
)
def test_frozen_layers_keep_every_bit_until_they_are_unfrozen(choice, kept, start):
    task = ClassifyTask(Recipe(**start, freeze=choice, unfreeze_after=2))
    model = task.build()
    before = snapshot(model)
    task.compile(model, 0)
    run_epoch(task, model, 0)
    assert moved(before, model) == ALL - kept
    task.compile(model, 2)
    run_epoch(task, model, 2)
    assert moved(before, model) == ALL


def test_frozen_for_good_without_unfreeze_after(start):
    task = ClassifyTask(Recipe(**start, freeze="backbone"))
    assert task.phases == (0,)


def test_the_rate_goes_on_over_the_boundary_and_the_moments_start_anew(start):
    task = ClassifyTask(Recipe(**start, freeze="backbone", unfreeze_after=2))
    model = task.build()
    task.compile(model, 3)
    plain = ClassifyTask(Recipe(**start))
    other = plain.build()
    plain.compile(other, 0)
    other.optimizer.iterations.assign(2 * plain.steps_per_epoch)
    assert float(model.optimizer.learning_rate) == float(other.optimizer.learning_rate)
    assert int(model.optimizer.iterations) == 0


def test_layer_decay_leaves_the_first_layers_almost_where_they_were(start):
    start["optimizer"] = {"learning_rate": 1e-3, "schedule": "constant", "layer_decay": 0.1}
    task = ClassifyTask(Recipe(**start, augment="none"))
    model = task.build()
    before = snapshot(model)
    task.compile(model, 0)
    run_epoch(task, model, 0)
    way = {path: np.abs(value - before[path]).max() for path, value in snapshot(model).items()}
    steps = task.steps_per_epoch
    for depth, name in enumerate(["logits", "conv4", "conv3", "conv2", "conv1"]):
        # a step of Adam is of the size of the rate, whatever the gradient
        assert 0.1 < way[f"{name}/kernel"] / (steps * 1e-3 * 0.1**depth) < 1.5


def test_patience_begins_when_all_layers_train(start):
    recipe = Recipe(**start, freeze="backbone", unfreeze_after=3, early_stopping={"patience": 1})
    task = ClassifyTask(recipe)
    row = {"epoch": 1, task.monitor: 0.9}
    progress = Progress(best=0.9, best_epoch=1, history=[row])
    for epoch, stops in ((2, False), (3, False), (4, True)):
        progress.epoch = epoch
        progress.history.append({"epoch": epoch, task.monitor: 0.5})
        assert not _is_best(task, progress)
        assert progress.stopped is stops


def test_a_run_with_everything_leaves_a_plain_student_and_both_scores(start, teacher, tmp_path):
    start |= {"epochs": 2, "freeze": 1, "unfreeze_after": 1, "tta": True}
    start["optimizer"] |= {"layer_decay": 0.7}
    start["distill"] = {"teacher": [str(teacher), str(teacher)], "temperature": 4.0}
    result = train(start, tmp_path / "run")
    student = lenszoo.load_model(tmp_path / "run")
    assert [layer.name for layer in student.layers] == [
        layer.name for layer in build_model("simple_cnn", input_shape=SHAPE).layers
    ]
    with np.load(tmp_path / "run" / STATE_FILE) as state:
        model = build_model("simple_cnn", input_shape=SHAPE, num_classes=2, width=4)
        # weights and the seed of dropout, Adam's two moments, its step, and the progress
        expected = len(model.variables) + 2 * len(model.trainable_variables) + 2
        assert len(state.files) == expected
    assert result.metrics["tta"].keys() < result.metrics.keys()
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Test-time augmentation" in page and "Grad-CAM" in page
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["metrics"]["tta"] == result.metrics["tta"]
    assert report["provenance"]["teacher"] == [str(teacher)] * 2
    # the same recipe again finds the finished run
    assert train(copy.deepcopy(start), tmp_path / "run").metrics == result.metrics


def test_half_precision_reaches_student_teacher_and_loss(start, teacher):
    distill = {"teacher": str(teacher)}
    task = ClassifyTask(Recipe(**start, distill=distill, mixed_precision="mixed_float16"))
    model = task.build()
    task.compile(model, 0)
    assert model.get_layer("conv1").compute_dtype == "float16"
    assert model.teacher.get_layer("conv1").compute_dtype == "float16"
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert np.isfinite(run_epoch(task, model, 0))


def test_probabilities_are_no_logits_to_train_on(fields):
    fields["options"] = {"activation": "softmax"}
    one_line("answers probabilities", lambda: ClassifyTask(Recipe(**fields)).build())


@pytest.fixture
def lora(fields, tmp_path):
    """Fields of a recipe that adapts a small transformer, and the network."""
    options = {"patch": 8, "dim": 8, "depth": 1, "heads": 2, "mlp_dim": 12}
    keras.utils.set_random_seed(1)
    model = build_model("vit_ti16", input_shape=SHAPE, num_classes=2, **options)
    start = save_weights(model, tmp_path / "start.weights.h5")
    fields |= {"model": "vit_ti16", "weights": str(start), "options": options, "lora": 2}
    return fields | {"epochs": 2, "optimizer": {"weight_decay": 0.1}}, model


def test_lora_moves_the_kernels_of_the_blocks_and_the_head_alone(lora, tmp_path):
    recipe, model = Recipe(**lora[0]), lora[1]
    assert recipe.optimizer.learning_rate == 1e-3
    before, task = snapshot(model), ClassifyTask(recipe)
    trained = task.build()
    task.compile(trained, 0)
    run_epoch(task, trained, 0)
    after = lenszoo.load_model(save_weights(trained, tmp_path / "after.weights.h5"))
    assert moved(before, after) == {"block1_attention", "block1_mlp1", "block1_mlp2", "logits"}
    biases = [path for path in before if path.endswith("bias") and not path.startswith("logits")]
    assert all(np.array_equal(before[path], snapshot(after)[path]) for path in biases)


@pytest.mark.slow
def test_a_run_with_lora_goes_on_exactly(lora, tmp_path):
    train_whole_and_cut(ClassifyTask, Recipe(**lora[0]), tmp_path)
