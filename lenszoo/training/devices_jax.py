"""Several devices on JAX, of one process or of many: ``keras.distribution.DataParallel``.

A step is one program over the whole batch, of which each device computes a part: loss, gradients,
the statistics of BatchNormalization and Dropout are those of one device, up to rounding.
"""

import contextlib
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import jax
import keras
import numpy as np
from jax.experimental import multihost_utils

from lenszoo.errors import LenszooError, one_line
from lenszoo.training.build_loss import settle
from lenszoo.training.devices import Devices

T = TypeVar("T")

_PROCESSES = ("KERAS_DISTRIBUTION_NUM_PROCESSES", "SLURM_STEP_NUM_TASKS")
"""Variables of the environment that count processes: Keras' own, and that of Slurm's ``srun``."""


class WholeBatches(keras.distribution.DataParallel):
    """Data parallelism whose batches reach every device whole, to be shared out by the step.

    Keras lays all batches of an epoch out like its first, which a short last one need not allow;
    and of several processes each would have to bring its own rows.
    """

    def get_data_layout(self, data_shape: Any) -> keras.distribution.TensorLayout:
        """Layout of an array that lies whole on every device."""
        return keras.distribution.TensorLayout([None] * len(data_shape), self.device_mesh)

    def shared(self, array: Any) -> Any:
        """Share the rows of an array of a step equally, where that can be."""
        if array.shape[0] % self.device_mesh.devices.size:
            return array
        layout = super().get_data_layout(array.shape)
        return keras.distribution.distribute_tensor(array, layout)


class JaxDevices(Devices):
    """Devices of one or several JAX processes."""

    def __init__(self, names: list[str]) -> None:
        self.distribution = WholeBatches(devices=names, auto_shard_dataset=False)
        self.count, self.processes = len(names), jax.process_count()
        self.leads = jax.process_index() == 0
        self._models: list[keras.Model] = []

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Variables made in here are on every device."""
        return self.distribution.scope()

    def fit(self, model: keras.Model, batches: Any, **options: Any) -> Any:
        """Train an epoch, each device on its rows of every batch."""
        with self.scope():
            settle(model, batches)
            if model not in self._models:
                self._models.append(model)
                model.train_step = _sharing(model.train_step, self.distribution)
            return model.fit(batches, **options)

    def check_same(self, file: Path) -> None:
        """Compare what the processes read."""
        if self.processes == 1:
            return
        content = file.read_bytes() if file.is_file() else b""
        sums = multihost_utils.process_allgather(np.array([zlib.crc32(content)], np.uint32))
        if len(np.unique(sums)) > 1:
            raise LenszooError(
                "The processes see different files in the run folder: give --out a folder on a "
                "file system that all nodes share."
            )

    def agree(self, scores: dict[str, float]) -> dict[str, float]:
        """Return the scores of the first process."""
        if self.processes == 1:
            return scores
        # as bytes: JAX would round the numbers to float32
        sent = np.array(list(scores.values()), np.float64).view(np.uint8)
        received = np.asarray(multihost_utils.broadcast_one_to_all(sent), np.uint8)
        return dict(zip(scores, received.view(np.float64).tolist(), strict=True))

    def first(self, work: Callable[[], T]) -> T | None:
        """Work in the first process; the others wait, and fail where it failed."""
        if self.processes == 1:
            return work()
        result, error = None, None
        if self.leads:
            try:
                result = work()
            except Exception as caught:
                error = caught
        failed = multihost_utils.broadcast_one_to_all(np.array(error is not None))
        if error is not None:
            raise error
        if failed:
            raise LenszooError("The first process failed; its own message says why.")
        return result


def _sharing(step: Callable[..., Any], distribution: WholeBatches) -> Callable[..., Any]:
    """Return a training step that shares its data out first."""

    def train_step(state: Any, data: Any) -> Any:
        return step(state, keras.tree.map_structure(distribution.shared, data))

    return train_step


def available() -> list[str]:
    """Join the processes of the environment, if any, and name the devices of all."""
    processes = max(int(os.environ.get(name) or 1) for name in _PROCESSES)
    if processes > 1 and not jax.distributed.is_initialized():
        # else Keras draws one that all share; that of the run is set before the model is made
        keras.utils.set_random_seed(0)
        try:
            keras.distribution.initialize()
        except (RuntimeError, ValueError) as error:
            raise LenszooError(
                f"JAX cannot join the {processes} processes ({one_line(error)}): start each with "
                "srun, or set KERAS_DISTRIBUTION_JOB_ADDRESSES, _NUM_PROCESSES and _PROCESS_ID."
            ) from error
    return keras.distribution.list_devices()


def share(names: list[str], count: int) -> JaxDevices:
    """Return the first ``count`` devices.

    Raises:
        LenszooError: some processes would have none of them.
    """
    if jax.process_count() > 1 and count < len(names):
        raise LenszooError(
            f"devices = {count}: the {jax.process_count()} processes have {len(names)} devices, "
            "all of which take part: choose 'all'."
        )
    return JaxDevices(names[:count])
