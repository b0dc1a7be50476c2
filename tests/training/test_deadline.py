"""A deadline stops a training between epochs, or within one."""

import time

import pytest

from lenszoo.training import deadline


def test_a_deadline_lets_an_epoch_begin_that_will_fit():
    now = time.monotonic()
    stop = deadline.Deadline(now + 1000)
    stop.on_epoch_begin(0)
    stop.on_train_batch_begin(0)
    stop.began -= 400  # so long the first took
    stop.on_epoch_begin(1)
    stop.began -= 1001
    with pytest.raises(deadline.OutOfTime):
        stop.on_epoch_begin(2)
    late = deadline.Deadline(now - 1)
    for begin in (late.on_epoch_begin, late.on_train_batch_begin):
        with pytest.raises(deadline.OutOfTime):
            begin(0)
