import numpy as np
import pytest
from oneline import one_line
from tinyzoo import CLASSES

from lenszoo import build_model, load_model
from lenszoo.errors import LenszooError
from lenszoo.evaluation import log_loss, roc_auc, tta_logits
from lenszoo.inference import predict
from lenszoo.simulation import Sample
from lenszoo.tasks.evaluate import evaluate

pytestmark = pytest.mark.usefixtures("blank_figures", "own_manifest")


def test_scores_are_those_of_the_predictions(zoo, opened):
    report = evaluate(opened, zoo.data / "val", seed=1)
    table = predict(opened, zoo.data / "val")
    labels = [CLASSES.index(name.split("/")[0]) for name in table["id"].to_pylist()]
    logits = np.stack([table[f"logit_{name}"].to_numpy() for name in CLASSES], axis=1)
    assert report.metrics["macro_ovr_auc"] == pytest.approx(roc_auc(labels, logits))
    assert report.metrics["n"] == 24 and report.metrics["shortcut"]["macro_ovr_auc"] is not None
    assert report.provenance["weights_sha256"] == opened.provenance["weights_sha256"]
    assert report.details["history"]["epoch"]  # of a run folder the history is shown too


@pytest.mark.parametrize("activation", [None, "softmax"])
def test_eight_looks_beside_one(zoo, stack, activation):
    """Whatever the model answers, and whatever the batches and the images left out."""
    images, labels = stack[0].copy(), stack[1]
    model = build_model("simple_cnn", weights=zoo.run, activation=activation)
    images[4] = np.nan
    sky = Sample(images, labels, {"scene": np.arange(30)}, CLASSES)
    report = evaluate(model, sky, classes=CLASSES, on_bad="skip", batch_size=7, tta=True)
    kept = np.arange(30) != 4
    looks = tta_logits(load_model(zoo.run), images[kept])
    assert report.metrics["tta"]["log_loss"] == pytest.approx(log_loss(labels[kept], looks), 1e-4)
    assert report.metrics["tta"]["macro_ovr_auc"] == pytest.approx(roc_auc(labels[kept], looks))
    assert report.metrics["tta"]["log_loss"] != report.metrics["log_loss"]
    (table,) = [t for t in report.tables if t.title == "Test-time augmentation"]
    assert [row[0] for row in table.rows] == ["one look", "eight looks"]
    assert "tta" not in evaluate(model, sky, classes=CLASSES, on_bad="skip").metrics


def test_looks_need_squares(stack):
    model = build_model("simple_cnn", input_shape=(20, 16, 1), width=4)
    sky = Sample(stack[0][:, :, :16], stack[1], {"scene": np.arange(30)}, CLASSES)
    one_line("needs square images", lambda: evaluate(model, sky, classes=CLASSES, tta=True))


def test_a_sample_is_scored_and_its_classes_checked(opened, stack):
    images, labels = stack
    truth = {"scene": np.arange(len(labels))}
    right = evaluate(opened, Sample(images, labels, truth, CLASSES)).metrics
    shifted = Sample(images, (labels + 1) % 3, truth, ("vort", "no", "sphere"))
    assert evaluate(opened, shifted).metrics["accuracy"] == right["accuracy"] > 0.9
    with pytest.raises(LenszooError, match=r"class 'sub' is unknown .* which knows no, sph"):
        evaluate(opened, Sample(images, labels % 2, truth, ("no", "sub")))


def test_arrays_with_labels_and_pipelines_score_as_a_sample(stack, opened):
    images, labels = stack
    sky = Sample(images, labels, {"scene": np.arange(30)}, CLASSES)
    expected = evaluate(opened, sky).metrics
    names = [CLASSES[k] for k in labels]
    tf = pytest.importorskip("tensorflow")
    pipeline = tf.data.Dataset.from_tensor_slices((images, labels))
    for data in (
        (images, labels),
        (images, names),
        (list(images), np.eye(3)[labels]),
        pipeline.batch(8),
        pipeline,
    ):
        metrics = evaluate(opened, data).metrics
        assert metrics["confusion_matrix"] == expected["confusion_matrix"]
        assert metrics["log_loss"] == pytest.approx(expected["log_loss"], abs=1e-6)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(29, int), r"shape \(29,\), but there are 30 images"),
        (np.full(30, 3), "must be 0 to 2, the positions of no, sphere, vort"),
        (np.full(30, -1), "must be 0 to 2"),
        (np.full(30, 0.5), "must be 0 to 2"),
        (["lens"] * 30, "'lens'"),
        (None, "images with their labels"),
    ],
)
def test_labels_that_are_none_are_refused(stack, opened, labels, message):
    with pytest.raises(LenszooError, match=message) as caught:
        evaluate(opened, (stack[0], labels))
    assert "\n" not in str(caught.value)
