"""Logits of painted lenses, and the threshold from which on one is found."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lenszoo.data import Dataset
from lenszoo.data.checks import OnBad
from lenszoo.data.photometry import ZERO_POINT
from lenszoo.errors import LenszooError
from lenszoo.inference.loaded_model import OpenedModel
from lenszoo.inference.predictor import predict
from lenszoo.inference.preparing import Preparing
from lenszoo.metrics.lens_finding import threshold_at
from lenszoo.metrics.lens_rates import nonlenses_needed
from lenszoo.simulation.paint_galaxies import Galaxies


@dataclass(frozen=True)
class Threshold:
    """Logit of a lens that is found, how it was set, and reservations about it."""

    logit: float
    rule: str
    notes: list[str]


class Scorer:
    """Logits of painted images, told of their scale once."""

    def __init__(
        self,
        opened: OpenedModel,
        galaxies: Galaxies,
        batch_size: int,
        on_bad: OnBad,
        preparing: Preparing,
    ) -> None:
        self.opened, self.galaxies, self.preparing = opened, galaxies, preparing
        self.batch_size, self.on_bad = batch_size, on_bad
        points = np.array([band.zero_point_mag for band in galaxies.survey.bands])
        self.factor = (10.0 ** (0.4 * (ZERO_POINT - points))).astype(np.float32)

    def facts(self) -> dict[str, Any]:
        """Facts that two calls of one selection function share."""
        return {
            "weights": self.opened.name,
            "weights_sha256": self.opened.provenance["weights_sha256"],
            "on_bad": self.on_bad,
            "preparing": dict(self.preparing),
        }

    def logits(self, images: np.ndarray, ids: Sequence[str]) -> np.ndarray:
        """(n,) float64; NaN without an answer."""
        if not len(images):
            return np.empty(0)
        survey, n = self.galaxies.survey, len(images)
        # whole batches of one shape, so that the model is compiled once
        rows = np.minimum(np.arange(max(n, self.batch_size)), n - 1)
        data = Dataset(
            (*ids, *(f"spare {k}" for k in range(len(rows) - n))),
            images[rows] * self.factor,
            bands=survey.names,
            provenance={
                "catalogue": f"galaxies of {survey.name}",
                "pixel_scale": survey.pixel_scale_arcsec,
            },
        )
        answers = predict(
            self.opened,
            data,
            batch_size=self.batch_size,
            on_bad=self.on_bad,
            **self.preparing,
        )
        lens, other = (answers[f"logit_{name}"].to_numpy() for name in self.opened.classes[::-1])
        return (lens.astype(np.float64) - other)[:n]

    def threshold(self, logit: float | None, rate: float) -> Threshold:
        """Logit of a lens that is found, and how it was set; all galaxies are scored once.

        Raises:
            LenszooError: it is no number, or weights and galaxies do not fit together.
        """
        if logit is not None and not math.isfinite(logit):
            raise LenszooError(f"The threshold is {logit}; give a logit, such as 2.2.")
        others = self.galaxies.non_lenses()
        nonlenses = self.logits(others.images, others.ids)
        sound = nonlenses[np.isfinite(nonlenses)]
        if logit is not None:
            rule = f"logit {logit:g}, which {_passing(sound, logit)} without a lens"
            return Threshold(float(logit), rule, [])
        at = threshold_at(np.zeros(len(sound)), sound, rate)
        if math.isnan(at):
            raise LenszooError("Not one galaxy was scored, so that no threshold can be set.")
        notes, needed = [], nonlenses_needed(rate)
        if len(sound) < needed:
            notes.append(
                f"The threshold is rough: {len(sound):,} galaxies do not measure a false-positive "
                f"rate of {100 * rate:g} %; it takes {needed:,}."
            )
        rule = f"logit {at:.3g} for {100 * rate:g} %, which {_passing(sound, at)} without a lens"
        return Threshold(at, rule, notes)


def _passing(logits: np.ndarray, threshold: float) -> str:
    """How many of the galaxies pass a threshold, in words."""
    return f"{int((logits >= threshold).sum()):,} of {len(logits):,} galaxies pass"
