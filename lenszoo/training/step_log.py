"""Lines in the log within a long epoch."""

from typing import Any

import keras

from lenszoo.heartbeat import EVERY, FIRST, Heartbeat


class StepLog(keras.callbacks.Callback):
    """Log the step of an epoch once a minute, where no progress bar is shown.

    Args:
        epoch: counted from 1.
        first, every: seconds before the first line, and between two.
    """

    def __init__(self, epoch: int, first: float = FIRST, every: float = EVERY) -> None:
        super().__init__()
        self.beat = Heartbeat(f"epoch {epoch}: step", first, every)

    # not at a step's end, where Keras would have to wait for the step's loss
    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Tell how many steps are done."""
        if batch:
            self.beat(batch, (self.params or {}).get("steps"))
