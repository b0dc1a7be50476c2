"""A moment by which a training has to stop, between epochs or at once."""

import math
import time
from typing import Any

import keras


class OutOfTime(Exception):
    """A training stopped at its deadline; the same call goes on from the last whole epoch."""


class Deadline(keras.callbacks.Callback):
    """Raise OutOfTime rather than begin an epoch that would end too late, and at the deadline.

    How long an epoch takes is known from the one before it, all that ``train`` does between two of
    them included; the first of a process is begun as long as there is time at all, for on another
    machine it may take much less than before.

    Args:
        moment: of ``time.monotonic()``; None for no limit.
    """

    def __init__(self, moment: float | None) -> None:
        super().__init__()
        self.moment = math.inf if moment is None else moment
        self.began: float | None = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Stop here unless the epoch will fit."""
        now = time.monotonic()
        needed = 0.0 if self.began is None else now - self.began
        self.began = now
        self._stop_unless(now + needed)

    # not at a step's end, where Keras would have to wait for the step's loss
    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Stop in the middle of an epoch whose time is up; it is then done anew."""
        self._stop_unless(time.monotonic())

    def _stop_unless(self, moment: float) -> None:
        if moment > self.moment:
            raise OutOfTime("The time is up.")
