"""No pipeline of the zoo leaves TensorFlow's tuner on, for which the end of a pass would wait."""

import numpy as np
import pytest

from lenszoo.data import image_dataset
from lenszoo.data.graph import untuned
from lenszoo.simulation import SimulatedDataset, stream

tf = pytest.importorskip("tensorflow")


def test_the_same_batches_without_the_tuner() -> None:
    tuned = tf.data.Dataset.range(10).batch(4).prefetch(tf.data.AUTOTUNE)
    ours = untuned(tuned)
    assert ours.options().autotune.enabled is False
    for one, other in zip(tuned.as_numpy_iterator(), ours.as_numpy_iterator(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "make",
    [
        lambda: image_dataset((np.zeros((4, 6, 6, 1), np.float32), None), batch_size=2),
        lambda: stream(SimulatedDataset("common_test_sim", 2, batch_size=2)),
        lambda: stream(SimulatedDataset("sr_75_150", 2, batch_size=2)),
    ],
    ids=["image_dataset", "stream", "stream of pairs"],
)
def test_pipelines_are_untuned(make) -> None:
    assert make().options().autotune.enabled is False
