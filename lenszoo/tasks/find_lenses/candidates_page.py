"""Page of the candidates that a lens finder ranks highest."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from lenszoo.errors import LenszooError
from lenszoo.reporting.colour import colour_image
from lenszoo.reporting.panels import gallery_panel
from lenszoo.reporting.report import Card, Report

_COLUMNS = 5


def candidates_page(
    images: ArrayLike,
    logits: ArrayLike,
    *,
    n: int = 50,
    ids: Sequence[object] | None = None,
    bands: Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
    title: str = "The best candidates",
    provenance: Mapping[str, Any] | None = None,
) -> Report:
    """Show the candidates that a lens finder ranks highest, without labels.

    Args:
        images: (objects, H, W, bands), linear flux; a memory map is read only where it is shown.
        logits: (objects,), higher for lenses; NaN for one without a score.
        n: how many to show.
        ids: their names, by default their rows.
        bands: names of the bands: three or more give colours.
        kinds: kind of each object, where it is known.
        title, provenance: as for the other reports.

    Returns:
        A report; its ``save(folder)`` writes one ``report.html`` with the pictures inside.

    Raises:
        LenszooError: other numbers of images, logits, ids or kinds, or none to show.

    Example:
        >>> page = candidates_page(np.zeros((3, 8, 8, 1)), [-1.0, 2.0, 0.5], n=2)
        >>> [each["id"] for each in page.details["best"]]
        ['1', '2']
    """
    scores = np.asarray(logits, np.float64)
    stack = np.asanyarray(images)
    names = [str(name) for name in (range(len(scores)) if ids is None else ids)]
    for name, values in (("images", stack), ("ids", names), ("kinds", kinds)):
        if values is not None and len(values) != len(scores):
            raise LenszooError(f"There are {len(values)} {name} but {len(scores)} logits.")
    order = np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")
    best = [int(row) for row in order[:n] if np.isfinite(scores[row])]
    if not best:
        raise LenszooError("There is no candidate to show: no logit is a number.")
    chance = [float(expit(scores[row])) for row in best]
    lines = [
        [f"{i}. {p:.3f}", *([] if kinds is None else [kinds[row]]), names[row]]
        for i, (row, p) in enumerate(zip(best, chance, strict=True), start=1)
    ]
    note = (
        "Probabilities are calibrated for the share of lenses that the network was trained and "
        "calibrated on; where lenses are rarer, fewer of these are."
    )
    return Report(
        title=title,
        metrics={"objects": len(scores), "shown": len(best)},
        summary=f"The {len(best)} of {len(scores):,} objects that look most like lenses.",
        cards=[
            Card("Objects", f"{len(scores):,}"),
            Card("Shown", str(len(best)), f"probability {chance[-1]:.3f} and above"),
        ],
        figures=[
            gallery_panel(
                "candidates",
                "Candidates in order",
                "Place, probability and name. Brightness is stretched (asinh). In order: "
                f"{', '.join(names[row] for row in best)}.",
                [np.asarray(stack[row]) for row in best],
                lines,
                shown=partial(colour_image, bands=bands),
                columns=_COLUMNS,
            )
        ],
        notes=[note],
        details={"best": [{"id": names[row], "logit": float(scores[row])} for row in best]},
        provenance=provenance or {},
    )
