"""Fine-tuning: frozen layers, distillation and test-time augmentation of a run."""

import copy
import json

import keras
import numpy as np
import pytest

import lenszoo
from lenszoo import build_model
from lenszoo.errors import LenszooError
from lenszoo.metrics import classification as metrics
from lenszoo.pretrained.loading import save_weights
from lenszoo.tasks.classify.task import ClassifyTask, predict_logits
from lenszoo.training import Recipe, train
from lenszoo.training.loop import _is_best
from lenszoo.training.state import STATE_FILE, Progress

pytestmark = pytest.mark.usefixtures("blank_figures")

SHAPE = (24, 24, 1)


@pytest.fixture
def start(fields, tmp_path):
    """Fields of a recipe that fine-tunes a small network whose weights are no defaults."""
    keras.utils.set_random_seed(1)
    model = build_model("simple_cnn", input_shape=SHAPE, num_classes=2, width=4)
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if layer.name.startswith("bn"):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    path = save_weights(model, tmp_path / "start.weights.h5")
    fields["optimizer"] = {"learning_rate": 1e-2, "weight_decay": 0.1}
    return fields | {"weights": str(path), "options": {"width": 4}, "epochs": 4}


def snapshot(model):
    return {w.path: w.numpy().copy() for layer in model.layers for w in layer.weights}


def moved(before, model):
    """Names of the layers of which any weight, moving statistics included, is another bit."""
    after = snapshot(model)
    return {path.split("/")[0] for path in before if not np.array_equal(before[path], after[path])}


def run_epoch(task, model, epoch):
    return model.fit(task.epoch(epoch), verbose=0, shuffle=False).history["loss"][0]


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


@pytest.fixture
def teacher(tmp_path):
    keras.utils.set_random_seed(2)
    model = build_model("simple_cnn", input_shape=SHAPE, num_classes=2, width=4)
    for layer in model.layers:  # as unlike a fresh network as a trained one
        if layer.name == "logits":
            layer.set_weights([9 * w for w in layer.get_weights()])
    return save_weights(model, tmp_path / "teacher.weights.h5")


def test_the_loss_is_that_of_hinton(start, teacher):
    distill = {"teacher": str(teacher), "temperature": 3.0, "weight": 0.3}
    task = ClassifyTask(Recipe(**start, distill=distill, label_smoothing=0.1))
    model = task.build()
    task.compile(model, 0)
    images = np.random.default_rng(0).random((5, *SHAPE), dtype="float32")
    labels = np.array([0, 1, 1, 0, 1])
    logits = np.random.default_rng(1).normal(size=(5, 2)).astype("float32")
    loss = model.compute_loss(images, labels, keras.ops.convert_to_tensor(logits))

    told = predict_logits(lenszoo.load_model(teacher), images)
    p, q = (metrics.log_softmax(z / 3.0) for z in (told, logits))
    soft = (np.exp(p) * (p - q)).sum(1).mean()
    target = 0.9 * np.eye(2)[labels] + 0.05
    hard = -(target * metrics.log_softmax(logits)).sum(1).mean()
    assert float(loss) == pytest.approx(0.7 * hard + 0.3 * 9.0 * soft, rel=1e-5)


def test_a_student_of_the_teacher_alone_comes_to_answer_as_it_does(start, teacher):
    start["optimizer"] = {"learning_rate": 1e-2, "schedule": "constant"}
    distill = {"teacher": str(teacher), "weight": 1.0}
    task = ClassifyTask(Recipe(**start, distill=distill))
    model = task.build()
    task.compile(model, 0)
    guide = model.teacher
    before = snapshot(guide)
    losses = [run_epoch(task, model, epoch) for epoch in range(5)]  # T^2 KL and nothing else
    assert losses[-1] < 0.5 * losses[0]
    assert moved(before, guide) == set()


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


@pytest.mark.parametrize(
    ("shape", "classes", "names", "message"),
    [
        ((24, 24, 3), 2, None, r"takes images of \(24, 24, 3\), not \(24, 24, 1\)"),
        ((32, 32, 1), 2, None, r"takes images of \(32, 32, 1\), not \(24, 24, 1\)"),
        ((24, 24, 1), 3, None, "has 3 classes, the images have 2"),
        ((24, 24, 1), 2, ["dot", "bar"], "tells dot, bar apart, the images are of bar, dot"),
    ],
)
def test_a_teacher_that_does_not_fit_is_named_in_one_line(
    shape, classes, names, message, start, tmp_path
):
    folder = tmp_path / "teacher"
    folder.mkdir()
    model = build_model("simple_cnn", input_shape=shape, num_classes=classes, width=4)
    path = save_weights(model, folder / "best.weights.h5")
    if names:
        (folder / "run.json").write_text(json.dumps({"classes": names}))
    task = ClassifyTask(Recipe(**start, distill={"teacher": str(path)}))
    with pytest.raises(LenszooError, match=message) as caught:
        task.build()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def named_teacher(folder, classes):
    """A run folder, in all that a teacher needs, of a network that tells these classes apart."""
    folder.mkdir()
    keras.utils.set_random_seed(3)
    model = build_model("simple_cnn", input_shape=SHAPE, num_classes=len(classes), width=4)
    (folder / "run.json").write_text(json.dumps({"classes": classes}))
    return save_weights(model, folder / "best.weights.h5")


def test_a_teacher_of_more_classes_answers_with_the_mean_of_their_likelihoods(start, tmp_path):
    path = named_teacher(tmp_path / "teacher", ["long", "dot", "short"])
    distill = {"teacher": str(path), "merge": {"bar": ["short", "long"]}}
    teacher = ClassifyTask(Recipe(**start, distill=distill)).build().teacher
    images = np.random.default_rng(0).random((6, *SHAPE), dtype="float32")
    apart = np.exp(metrics.log_softmax(predict_logits(lenszoo.load_model(path), images)))
    bar, dot = apart[:, [0, 2]].mean(1), apart[:, 1]  # classes of the images: bar, dot
    expected = np.stack([bar, dot], 1) / (bar + dot)[:, None]
    merged = np.exp(metrics.log_softmax(predict_logits(teacher, images)))
    assert merged == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("merge", "message"),
    [
        ({"bar": ["long"]}, "the images are of long, dot: name each of its classes once"),
        ({"bar": ["long", "short", "dot"]}, "name each of its classes once"),
        ({"bars": ["long", "short"]}, "the images are of bar, dot: name each"),
        ({"bar": ["long", "shirt"]}, "the images are of long, shirt, dot: name each"),
    ],
)
def test_a_merger_that_does_not_fit_is_named_in_one_line(merge, message, start, tmp_path):
    path = named_teacher(tmp_path / "teacher", ["long", "dot", "short"])
    task = ClassifyTask(Recipe(**start, distill={"teacher": str(path), "merge": merge}))
    with pytest.raises(LenszooError, match=message) as caught:
        task.build()
    assert "\n" not in str(caught.value)


def test_a_merger_needs_the_names_of_the_teachers_classes(start, teacher):
    distill = {"teacher": str(teacher), "merge": {"bar": ["long", "short"]}}
    with pytest.raises(LenszooError, match="does not say them: choose a teacher by name"):
        ClassifyTask(Recipe(**start, distill=distill)).build()


def test_a_teacher_of_any_size_will_do(start, tmp_path):
    model = build_model("simple_cnn", input_shape=(None, None, 1), num_classes=2, width=4)
    path = save_weights(model, tmp_path / "open.weights.h5")
    model = ClassifyTask(Recipe(**start, distill={"teacher": str(path)})).build()
    assert model.teacher.input_shape == (None, None, None, 1)


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
    with pytest.raises(LenszooError, match="answers probabilities"):
        ClassifyTask(Recipe(**fields)).build()
