"""Objects of the lens-finding report: labels, scores and truth, checked."""

from collections.abc import Mapping, Sequence
from numbers import Number
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from lenszoo.errors import LenszooError
from lenszoo.masked import unmasked
from lenszoo.metrics import lens_finding as lm
from lenszoo.metrics.classification import Floats
from lenszoo.metrics.lens_yield import Completeness, completeness_by

N_SHOWN = 12  # images a gallery
PROPERTIES = {
    "einstein_radius": "Einstein radius, arcsec",
    "arc_signal_to_noise": "arc signal-to-noise",
    "arc_contrast": "arc flux / galaxy flux",
}


class Candidates(NamedTuple):
    """Checked labels, scores and truth of n objects."""

    labels: NDArray[np.bool_]  # (n,) True for a lens
    scores: Mapping[str, Floats]  # (n,) logits each, the main one first
    ids: Sequence[str]
    truth: Mapping[str, NDArray[Any]]
    rate: float  # the false-positive rate of the thresholds
    thresholds: Mapping[str, float]  # of each score

    @property
    def main(self) -> str:
        """Name of the main score."""
        return next(iter(self.scores))

    def kind(self, row: int) -> str:
        """Kind of an object, as exactly as it is known."""
        if "kind" in self.truth:
            return str(self.truth["kind"][row])
        return "lens" if self.labels[row] else "non-lens"

    def describe(self, row: int) -> dict[str, Any]:
        """One object as report.json lists it."""
        logit = float(self.scores[self.main][row])
        facts = {key: float(self.truth[key][row]) for key in PROPERTIES if key in self.truth}
        return {
            "row": row,
            "id": self.ids[row],
            "kind": self.kind(row),
            "logit": logit,
            "probability": float(expit(logit)),
            **(facts if self.labels[row] else {}),
        }

    def kinds(self) -> dict[str, int]:
        """How many there are of each kind of non-lens, the worst for the main score first."""
        if "kind" not in self.truth:
            return {}
        names, counts = np.unique(self.truth["kind"].astype(str)[~self.labels], return_counts=True)
        totals = dict(zip(names.tolist(), counts.tolist(), strict=True))
        wrong = self.false_positives(self.main)
        return dict(sorted(totals.items(), key=lambda item: -wrong[item[0]] / item[1]))

    def false_positives(self, score: str) -> dict[str, int]:
        """False positives of a score among each kind of non-lens; empty if no kind is known."""
        if "kind" not in self.truth:
            return {}
        others = ~self.labels
        kinds = self.truth["kind"].astype(str)[others]
        wrong = self.scores[score][others] >= self.thresholds[score]
        return {str(kind): int(wrong[kinds == kind].sum()) for kind in np.unique(kinds)}


def candidates(
    labels: ArrayLike,
    scores: Mapping[str, ArrayLike] | ArrayLike,
    ids: Sequence[object] | None,
    truth: Mapping[str, ArrayLike] | None,
    rate: float,
) -> Candidates:
    """Check that everything fits together."""
    named = scores if isinstance(scores, Mapping) else {"model": scores}
    if not named:
        raise LenszooError("There are no scores to evaluate; pass at least one, name to logits.")
    n = len(np.atleast_1d(np.asarray(labels)))
    if ids is not None and len(ids) != n:
        raise LenszooError(f"There are {len(ids)} ids but {n} labels.")
    checked = {}
    for name, logits in named.items():
        # ids name rows only where there are as many
        fits = len(np.atleast_1d(logits)) == n
        try:
            y, checked[str(name)] = lm.check_scores(labels, logits, ids if fits else None)
        except LenszooError as error:
            raise LenszooError(f"Score {str(name)!r}: {error}") from None
    facts = {}
    for name, values in (truth or {}).items():
        facts[str(name)] = _numbers(values)
        if facts[str(name)].shape[:1] != (n,):
            raise LenszooError(
                f"The truth {str(name)!r} has shape {np.shape(values)} but there are {n} labels."
            )
    keys = [str(i) for i in (range(n) if ids is None else ids)]
    thresholds = {name: lm.threshold_at(y, s, rate) for name, s in checked.items()}
    # without non-lenses no threshold has a false-positive rate: the even odds of a logit of 0
    thresholds = {name: 0.0 if np.isnan(at) else at for name, at in thresholds.items()}
    return Candidates(y, checked, keys, facts, rate, thresholds)


def _numbers(values: Any) -> NDArray[Any]:
    """Return facts as an array, with NaN for what is masked, or None among numbers."""
    array = np.asarray(unmasked(values))
    if array.dtype != object or not all(v is None or isinstance(v, Number) for v in array.ravel()):
        return array
    return array.astype(float)


def matching(array: ArrayLike | None, objects: Candidates, noun: str) -> NDArray[Any] | None:
    """An array with a row for each object, or None; a memory map stays one."""
    if array is None:
        return None
    stack = np.asanyarray(array)
    if stack.ndim == 0 or len(stack) != len(objects.labels):
        count = 0 if stack.ndim == 0 else len(stack)
        raise LenszooError(f"There are {count} {noun} but {len(objects.labels)} labels.")
    return stack


def check_bands(images: NDArray[Any] | None, bands: Sequence[str] | None) -> None:
    """Check that images are images and have as many bands as there are names.

    Raises:
        LenszooError: they are not, or have not.
    """
    if images is None:
        return
    if images.ndim not in (3, 4) or 0 in images.shape:
        raise LenszooError(f"The images have shape {images.shape}; pass (n, H, W, bands).")
    n_bands = images.shape[3] if images.ndim == 4 else 1
    if bands is not None and len(bands) != n_bands:
        raise LenszooError(
            f"The images have {n_bands} bands but there are {len(bands)} names "
            f"({', '.join(map(str, bands))}); give one name a band."
        )


def completeness(objects: Candidates) -> dict[str, dict[str, Completeness]]:
    """Completeness of every score against properties of the lenses."""
    result: dict[str, dict[str, Completeness]] = {}
    for key in PROPERTIES:
        if key not in objects.truth:
            continue
        for name, scores in objects.scores.items():
            hit = scores[objects.labels] >= objects.thresholds[name]
            bins = completeness_by(objects.truth[key][objects.labels], hit)
            if bins is not None:
                result.setdefault(key, {})[name] = bins
    return result


def galleries(objects: Candidates) -> dict[str, list[int]]:
    """Rows to look at: non-lenses ranked highest, lenses ranked lowest, lenses ranked highest."""
    scores, at = objects.scores[objects.main], objects.thresholds[objects.main]
    order = np.argsort(-scores, kind="stable")
    lens, above = objects.labels[order], scores[order] >= at
    picked = {
        "false_positives": order[~lens & above][:N_SHOWN],
        "missed_lenses": order[lens & ~above][::-1][:N_SHOWN],
        "found_lenses": order[lens & above][:N_SHOWN],
    }
    return {key: [int(i) for i in rows] for key, rows in picked.items() if len(rows)}
