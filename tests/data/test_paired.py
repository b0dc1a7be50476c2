import numpy as np
import pytest
import tensorflow as tf
from oneline import one_line

from lenszoo.data.paired import as_labels, is_pipeline, read_pipeline

CLASSES = ("no", "sphere", "vort")
IMAGES = np.random.default_rng(0).random((5, 8, 8, 1)).astype(np.float32)
LABELS = np.array([2, 0, 1, 1, 0])


@pytest.mark.parametrize("batch", [None, 2, 5])
def test_a_pipeline_in_batches_or_one_by_one_is_the_same_images(batch):
    pipeline = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))
    pipeline = pipeline if batch is None else pipeline.batch(batch)
    images, labels = read_pipeline(pipeline)
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, LABELS)
    alone = read_pipeline(pipeline.map(lambda image, label: image))
    np.testing.assert_array_equal(alone.images, IMAGES)
    assert alone.labels is None
    assert is_pipeline(pipeline) and not is_pipeline(IMAGES)


def test_a_pipeline_that_cannot_be_read_is_refused():
    slices = tf.data.Dataset.from_tensor_slices
    one_line("repeats without end", lambda: read_pipeline(slices(IMAGES).repeat()))
    one_line("is empty", lambda: read_pipeline(slices(IMAGES).take(0)))
    one_line("images (n, H, W, bands)", lambda: read_pipeline(slices(LABELS)))


@pytest.mark.parametrize(
    "values",
    [
        LABELS,
        LABELS.astype(float)[:, None],
        np.eye(3)[LABELS],
        [CLASSES[k] for k in LABELS],
        ["axion", "no_sub", "cdm", b"cdm", "no"],
        ["2.0", "0.0", "1.0", b"1", "0"],
    ],
)
def test_labels_are_positions_names_aliases_or_one_hot(values):
    labels = as_labels(values, CLASSES, 5)
    assert labels.dtype == np.int64 and labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (LABELS[:4], "shape (4,), but there are 5 images"),
        (np.ones((5, 3)), "shape (5, 3), but there are 5 images"),
        (LABELS + 1, "must be 0 to 2"),
        (LABELS + 0.5, "must be 0 to 2"),
        (["spiral"] * 5, "spiral"),
    ],
)
def test_labels_that_do_not_fit_are_refused(values, message):
    one_line(message, lambda: as_labels(values, CLASSES, 5))
