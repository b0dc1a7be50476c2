import json

import keras
import numpy as np
import pytest
from oneline import one_line
from tinyrun import SHAPE, moved, run_epoch, snapshot

import lenszoo
from lenszoo import build_model
from lenszoo.errors import LenszooError
from lenszoo.metrics import classification as metrics
from lenszoo.pretrained.loading import save_weights
from lenszoo.tasks.classify.task import ClassifyTask, predict_logits
from lenszoo.training import Recipe


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
    one_line(
        "does not say them: choose a teacher by name",
        lambda: ClassifyTask(Recipe(**start, distill=distill)).build(),
    )


def test_a_teacher_of_any_size_will_do(start, tmp_path):
    model = build_model("simple_cnn", input_shape=(None, None, 1), num_classes=2, width=4)
    path = save_weights(model, tmp_path / "open.weights.h5")
    model = ClassifyTask(Recipe(**start, distill={"teacher": str(path)})).build()
    assert model.teacher.input_shape == (None, None, None, 1)
