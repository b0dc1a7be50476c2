"""Several devices on TensorFlow, of one process: ``tf.distribute.MirroredStrategy``.

Each device computes a step on its own part of a batch, and the gradients are averaged. So each
normalises by the statistics of its part (BatchNormalization), and only their running means are
shared.
"""

import contextlib
import functools
from typing import Any

import keras
import tensorflow as tf

from lenszoo.data.batches import ThreadedDataset
from lenszoo.data.tf_data import from_batches
from lenszoo.errors import LenszooError
from lenszoo.training.build_loss import settle
from lenszoo.training.devices import Devices


class EvenBatches(ThreadedDataset):
    """Batches whose rows the devices can share equally: a short last one is cut for it.

    Keras weighs devices alike, so that with unequal parts some images would count for more.

    Args:
        batches: batches of one length, the last may be short.
        count: devices.
    """

    def __init__(self, batches: ThreadedDataset, count: int) -> None:
        super().__init__()
        self.batches, self.count = batches, count
        self.last = batches[len(batches) - 1]
        self.rows = len(keras.tree.flatten(self.last)[0]) // count * count

    def __len__(self) -> int:
        """Batches that hold a row for each device."""
        return len(self.batches) - (not self.rows)

    def __getitem__(self, index: int) -> Any:
        """Batch ``index``."""
        if index < len(self.batches) - 1:
            return self.batches[index]
        return keras.tree.map_structure(lambda array: array[: self.rows], self.last)

    @property
    def signature(self) -> Any:
        """Shapes and types of a batch, as TensorFlow has them."""
        return keras.tree.map_structure(
            lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), self.last
        )


class MirroredDevices(Devices):
    """Devices of one TensorFlow process."""

    def __init__(self, names: list[str]) -> None:
        self.strategy = _strategy(tuple(names))
        self.count = len(names)

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Variables made in here are mirrored on every device."""
        return self.strategy.scope()

    def check(self, model: keras.Model, recipe: Any) -> None:
        """Refuse what would be another training: Keras sums such losses over the devices."""
        own_loss = type(model).compute_loss is not keras.Model.compute_loss
        for fault, present in {
            "a loss that compares images of a batch, or answers of a teacher": own_loss,
            "optimizer.clip_norm": recipe.optimizer.clip_norm is not None,
        }.items():
            if present:
                raise LenszooError(
                    f"devices = {recipe.devices}: on TensorFlow several devices do not train with "
                    f"{fault}: set KERAS_BACKEND=jax, or leave devices out."
                )

    def fit(self, model: keras.Model, batches: Any, **options: Any) -> Any:
        """Train an epoch on batches of equal parts."""
        with self.scope():
            settle(model, batches)
        even = EvenBatches(batches, self.count)
        # Keras looks at a first batch, which a dataset of threads would then yield last
        data = from_batches(even, even.signature)
        # or Keras goes on to an empty step, which still moves the weights
        data = data.apply(tf.data.experimental.assert_cardinality(len(even)))
        return model.fit(data, **options)

    def scorer(self, model: keras.Model) -> keras.Model:
        """Return a model of the same layers that answers once, not once a device."""
        return keras.Model(model.inputs, model.outputs, name=model.name)


@functools.cache
def _strategy(names: tuple[str, ...]) -> tf.distribute.Strategy:
    """Return the one strategy of these devices: the collectives of two would be mixed up."""
    on_cpu = names[0].startswith("CPU")
    reduction = tf.distribute.ReductionToOneDevice() if on_cpu else None
    return tf.distribute.MirroredStrategy(names, cross_device_ops=reduction)


def available() -> list[str]:
    """Name the GPUs, or where there are none the CPU's (logical) devices."""
    logical = tf.config.list_logical_devices
    return [device.name.removeprefix("/device:") for device in logical("GPU") or logical("CPU")]


def share(names: list[str], count: int) -> MirroredDevices:
    """Return the first ``count`` devices."""
    return MirroredDevices(names[:count])
