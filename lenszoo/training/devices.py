"""Training on several devices: every batch is shared out among them in equal parts."""

import contextlib
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

import keras

from lenszoo.data.batches import feed
from lenszoo.errors import LenszooError, counted
from lenszoo.training.build_loss import settle

T = TypeVar("T")

_BACKENDS = ("jax", "tensorflow")


class Devices:
    """One device, as Keras takes it; the base of those that share a batch.

    Attributes:
        count: devices that share a batch.
        processes: processes that train together; each runs the same program.
        leads: whether this process is the one that writes the run folder.
    """

    count = 1
    processes = 1
    leads = True

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Context in which the model and its optimizer are made."""
        return contextlib.nullcontext()

    def fit(self, model: keras.Model, batches: Any, **options: Any) -> Any:
        """Train an epoch as ``model.fit`` does, with its options."""
        data = feed(batches)
        settle(model, data)
        return model.fit(data, **options)

    def scorer(self, model: keras.Model) -> keras.Model:
        """Return the model, or one of the same layers, that answers to whole batches."""
        return model

    def check(self, model: keras.Model, recipe: Any) -> None:
        """Raise LenszooError where the devices would train this model otherwise than one does."""

    def check_same(self, file: Path) -> None:
        """Raise LenszooError where processes that train together start from different files."""

    def agree(self, scores: dict[str, float]) -> dict[str, float]:
        """Return the scores of the first process, so that all decide alike."""
        return scores

    def first(self, work: Callable[[], T]) -> T | None:
        """Do a piece of work in the first process while the others wait; None in those.

        Raises:
            LenszooError: it failed in the first process.
        """
        return work()

    @contextlib.contextmanager
    def first_in(self, context: contextlib.AbstractContextManager[T]) -> Iterator[T | None]:
        """Enter a context in the first process before the others go on; None in those."""
        with contextlib.ExitStack() as stack:
            yield self.first(lambda: stack.enter_context(context))


def open_devices(devices: int | Literal["all"], batch_size: int) -> Devices:
    """Open the devices of a recipe; of several processes, join them first.

    Args:
        devices: how many, or ``"all"``.
        batch_size: images of a step.

    Raises:
        LenszooError: there are fewer, they cannot share a batch equally, or the backend knows no
            training on several.
    """
    if devices == 1:
        return Devices()
    backend = keras.backend.backend()
    if backend not in _BACKENDS:
        raise LenszooError(
            f"devices = {devices}: several devices train on JAX and on TensorFlow, not on "
            f"{backend}: set KERAS_BACKEND=jax, or leave devices out."
        )
    module = importlib.import_module(f"lenszoo.training.devices_{backend}")
    names = module.available()
    count = len(names) if devices == "all" else devices
    kind = names[0].split(":")[0].upper()
    if count > len(names):
        raise LenszooError(
            f"devices = {devices}: {backend} sees {counted(len(names), f'{kind} device')} here; "
            f"choose at most {len(names)}, or 'all'."
        )
    if count > batch_size:
        raise LenszooError(
            f"{count} devices are more than the {counted(batch_size, 'image')} of a batch: raise "
            f"batch_size to a multiple of {count}, or choose fewer devices."
        )
    if batch_size % count:
        below = batch_size - batch_size % count
        raise LenszooError(
            f"batch_size {batch_size} is no multiple of the {count} devices that share it: "
            f"choose {below} or {below + count}."
        )
    return Devices() if count == 1 else module.share(names, count)


def check_processes(recipe: Any, processes: int, deadline: float | None) -> None:
    """Raise LenszooError for a training that several processes cannot do together."""
    alone = {
        "a deadline": deadline is not None,  # each has a clock of its own
        "folds": getattr(recipe, "folds", None) is not None,
        "a corpus": getattr(recipe, "corpus", None) is not None,
    }
    for name, wish in alone.items():
        if wish:
            raise LenszooError(
                f"{processes} processes cannot train with {name}: start one process, which takes "
                "all devices of its node."
            )
