"""Answers of a model to its inputs, in batches of one shape."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import keras
import numpy as np
import pyarrow as pa

from lenszoo.chatter import without_retracing
from lenszoo.errors import LenszooError, counted, whole_number
from lenszoo.inference.candidates import Candidates
from lenszoo.inference.inputs import Batch

Progress = Callable[[int, int], None]
Collect = Callable[[np.ndarray, Batch], None]


class Answerer(Protocol):
    """Whatever answers: a Keras model, the mean over turns and flips, another runtime."""

    @property
    def output_shape(self) -> Any:
        """Shape of an answer, ``(None, outputs)``; a list of them where there are several."""

    @property
    def weights(self) -> Any:
        """The variables of the Keras model that it stands for."""

    def predict_on_batch(self, inputs: Any) -> Any:
        """Answer to a batch."""


class Answers(NamedTuple):
    """Answers of a model: ``values`` (n, d) float32, NaN where ``kept`` (n,) is False."""

    values: np.ndarray
    kept: np.ndarray
    bad_pixels: list[int | None]
    errors: list[str | None]


class PredictionStopped(KeyboardInterrupt):
    """Ctrl-C during a prediction.

    Attributes:
        done: rows that were answered.
        answers: to these rows; None where they are in a file.
        table: of :func:`predict`, the table of these rows; None where they are in a file.
    """

    def __init__(self, done: int, answers: Answers | None = None) -> None:
        super().__init__(f"stopped after {counted(done, 'row')}")
        self.done, self.answers = done, answers
        self.table: pa.Table | None = None


def run(
    model: Answerer,
    candidates: Candidates,
    batch_size: int,
    progress: Progress | None = None,
    collect: Collect | None = None,
) -> Answers:
    """Run a model over its inputs; ``collect(rows, batch)`` is given all that was read.

    Raises:
        LenszooError: an image is bad, or the model's answer to a good one is not finite; the latter
            leaves a row without an answer under on_bad="skip".
        PredictionStopped: after Ctrl-C, with the answers until then.
    """
    total = len(candidates)
    values = np.full((total, model.output_shape[-1]), np.nan, np.float32)
    bad_pixels: list[int | None] = []
    errors: list[str | None] = []

    def answers(done: int) -> Answers:
        kept = np.asarray(np.isfinite(values[:done]).all(axis=1))
        return Answers(values[:done], kept, bad_pixels[:done], errors[:done])

    try:
        for batch in answer_batches(model, candidates, batch_size, collect=collect):
            done = len(errors) + len(batch.errors)
            values[len(errors) : done] = batch.values
            bad_pixels += batch.bad_pixels
            errors += batch.errors
            if progress is not None:
                progress(done, total)
    except KeyboardInterrupt as stop:
        raise PredictionStopped(len(errors), answers(len(errors))) from stop
    return answers(total)


def answer_batches(
    model: Answerer,
    candidates: Candidates,
    batch_size: int,
    start: int = 0,
    collect: Collect | None = None,
) -> Iterator[Answers]:
    """Yield the answers to the inputs from the row ``start`` on, batch by batch.

    Raises:
        LenszooError: as :func:`run`.
    """
    size = min(whole_number("batch_size", batch_size), len(candidates))
    for batch in candidates.batches(size, start):
        values = np.full((len(batch.rows), model.output_shape[-1]), np.nan, np.float32)
        errors = list(batch.errors)
        if collect is not None:
            collect(batch.rows[batch.kept], batch)
        if batch.kept.any():
            values[batch.kept] = answer(model, batch.inputs, size)
        kept = np.asarray(np.isfinite(values).all(axis=1))
        for at in np.flatnonzero(batch.kept & ~kept):
            reason = (
                f"{candidates.name(int(batch.rows[at]))}: the model's answer is not finite; are "
                "its pixels scaled as the model expects?"
            )
            if candidates.on_bad != "skip":
                raise LenszooError(reason)
            errors[at], values[at] = reason, np.nan
        yield Answers(values, kept, batch.bad_pixels, errors)


def joined(batches: list[Answers]) -> Answers:
    """Join the answers to batches that follow one another."""
    return Answers(
        np.concatenate([batch.values for batch in batches]),
        np.concatenate([batch.kept for batch in batches]),
        [count for batch in batches for count in batch.bad_pixels],
        [error for batch in batches for error in batch.errors],
    )


def answer(model: Answerer, inputs: Any, size: int) -> Any:
    """Answer to a batch padded to ``size``: every backend then compiles one shape only.

    Returns:
        (n, d) numbers, or a list of such where a model has several outputs.
    """

    def padded(array: np.ndarray) -> np.ndarray:
        spare = size - len(array)
        return np.pad(array, [(0, spare)] + [(0, 0)] * (array.ndim - 1)) if spare else array

    count = len(keras.tree.flatten(inputs)[0])
    with without_retracing():
        answers = model.predict_on_batch(keras.tree.map_structure(padded, inputs))
    return keras.tree.map_structure(lambda values: np.asarray(values, np.float32)[:count], answers)
