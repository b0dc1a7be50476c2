"""A training that is cut after its first epoch and goes on, beside one that goes through."""

import numpy as np
import pytest

from lenszoo import load_model
from lenszoo.training import train


def quiet(kind):
    """The task without its report: drawing takes longer than training here."""

    class Quiet(kind):
        def report(self, model, history, folder):
            (folder / "report.json").write_text('{"metrics": {}}')
            return {}

    return Quiet


def cut_short(kind):
    """The task that stops before its second epoch."""

    class Cut(quiet(kind)):
        def epoch(self, epoch):
            if epoch == 1:
                raise InterruptedError
            return super().epoch(epoch)

    return Cut


def train_whole_and_cut(kind, recipe, folder):
    """Train twice, into folders ``whole`` and ``cut``; return the two results.

    Both must have the same history of the loss and end with the same weights.
    """

    whole = train(recipe, folder / "whole", task=quiet(kind)(recipe))
    with pytest.raises(InterruptedError):
        train(recipe, folder / "cut", task=cut_short(kind)(recipe))
    cut = train(recipe, folder / "cut", task=quiet(kind)(recipe))
    assert [row["loss"] for row in cut.history] == [row["loss"] for row in whole.history]
    for file in ("best.weights.h5", "last.weights.h5"):
        ends = (load_model(folder / run / file).get_weights() for run in ("whole", "cut"))
        for one, other in zip(*ends, strict=True):
            np.testing.assert_array_equal(one, other)
    return whole, cut
