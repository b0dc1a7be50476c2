import keras
import numpy as np
import pytest

from lenszoo.data.augment import d4
from lenszoo.errors import LenszooError
from lenszoo.simulation import SimulatedDataset, sample, stream

NAME = "common_test_sim"


def test_batches_are_the_sample():
    dataset = SimulatedDataset(NAME, 10, seed=3, batch_size=4, start=5, strength=2.0)
    expected = sample(NAME, 10, seed=3, start=5, strength=2.0)
    batches = [dataset[i] for i in range(len(dataset))]
    assert [len(images) for images, _ in batches] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([b[0] for b in batches]), expected.images)
    np.testing.assert_array_equal(np.concatenate([b[1] for b in batches]), expected.labels)


def test_stream_is_the_dataset():
    dataset = SimulatedDataset(NAME, 10, seed=3, batch_size=4, augment="d4")
    streamed = list(stream(dataset).as_numpy_iterator())
    assert len(streamed) == len(dataset)
    for (images, labels), i in zip(streamed, range(len(dataset)), strict=True):
        np.testing.assert_array_equal(images, dataset[i][0])
        np.testing.assert_array_equal(labels, dataset[i][1])


def test_augmentation_turns_images_and_is_the_same_again():
    plain = SimulatedDataset(NAME, 12, seed=3, batch_size=12)[0][0]
    turned = SimulatedDataset(NAME, 12, seed=3, batch_size=12, augment="d4")[0][0]
    again = SimulatedDataset(NAME, 12, seed=3, batch_size=12, augment="d4")[0][0]
    np.testing.assert_array_equal(turned, again)
    assert np.abs(turned - plain).max() > 0.1
    for before, after in zip(plain, turned, strict=True):
        np.testing.assert_array_equal(np.sort(before, axis=None), np.sort(after, axis=None))


def test_scenes_seen_again_come_in_another_order_and_turned_anew():
    def images(epoch, augment=None):
        data = SimulatedDataset(NAME, 10, seed=3, batch_size=4, augment=augment, epoch=epoch)
        return np.concatenate([data[i][0] for i in range(len(data))])

    first, again = images(0), images(1)
    assert not np.array_equal(first, again)
    np.testing.assert_array_equal(
        np.sort(first.sum(axis=(1, 2, 3))), np.sort(again.sum(axis=(1, 2, 3)))
    )
    np.testing.assert_array_equal(images(1, "d4"), images(1, "d4"))
    order = [int(np.argmin(np.abs(first - image).sum(axis=(1, 2, 3)))) for image in again]
    assert sorted(order) == list(range(10))
    turns = [turn(*pair) for pair in zip(first, images(0, "d4"), strict=True)]
    anew = [turn(*pair) for pair in zip(again, images(1, "d4"), strict=True)]
    assert [turns[i] for i in order] != anew


def turn(before, after):
    """The element of D4 that makes one image the other."""
    (found,) = [k for k in range(8) if np.array_equal(d4(before[None], np.array([k]))[0], after)]
    return found


def test_a_model_fits_on_it():
    dataset = SimulatedDataset(NAME, 24, seed=3, batch_size=8)
    model = keras.Sequential([keras.layers.AveragePooling2D(10), keras.layers.Flatten()])
    model.add(keras.layers.Dense(3))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    history = model.fit(dataset, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert np.isfinite(model.fit(stream(dataset), verbose=0).history["loss"]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "at least 1"),
        ({"n": 4, "batch_size": 0}, "at least 1"),
        ({"n": 4, "augment": "flip"}, "'d4'"),
        ({"n": 4, "preset": "sky"}, "Unknown preset"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(LenszooError, match=message):
        SimulatedDataset(**{"preset": NAME, **options})
