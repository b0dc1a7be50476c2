"""Page of the realism of painted lenses: probe, Frechet distance, and the most telling pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lenszoo.metrics.classification import Floats
from lenszoo.reporting import panels
from lenszoo.reporting.colour import colour_bands, colour_image
from lenszoo.reporting.gallery import Tile, gallery_figure
from lenszoo.reporting.plots import Plot, count_scale, histogram
from lenszoo.reporting.report import Card, Figure, Report, Table
from lenszoo.reporting.text import interval, number, probability

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

SHOWN = 5  # pictures of a row
_KINDS = ("real", "painted")


class RealismReport(Report):
    """Report of :func:`lenszoo.realism`."""

    kind: ClassVar[str] = "realism"


def realism_report(
    values: dict[str, Any],
    *,
    ids: Sequence[str],
    images: NDArray[Any],
    labels: NDArray[np.int64],
    scores: Floats,
    bands: Sequence[str] | None,
    title: str,
    notes: Sequence[str],
    provenance: Mapping[str, Any],
) -> RealismReport:
    """Put the realism of painted lenses into words and pictures.

    Args:
        values: the numbers.
        ids: n names.
        images: (n, H, W, bands) as the network was given them.
        labels: (n,), 1 for painted.
        scores: (n,) log-odds of painted, of the probe that did not see the image.
        bands: names of the bands.
        title, notes, provenance: of the report.
    """
    auc, bounds = values["probe_auc"], values["probe_interval"]
    summary = (
        f"A linear probe tells {values['painted']:,} painted lenses from {values['real']:,} real "
        f"ones with an AUC of {number(auc, 3)} ({interval(bounds, 3)}); 0.5 would be chance. "
        f"Image statistics alone reach {number(values['statistics_auc'], 3)} "
        f"({interval(values['statistics_interval'], 3)}). The Frechet distance is "
        f"{values['frechet']:.3g}, where two halves of the real lenses are "
        f"{values['frechet_floor']:.3g} apart."
    )
    rows = [
        ["linear probe on embeddings, AUC", number(auc, 3), interval(bounds, 3), "0.5"],
        [
            "logistic regression on image statistics, AUC",
            number(values["statistics_auc"], 3),
            interval(values["statistics_interval"], 3),
            "0.5",
        ],
        [
            "Frechet distance of embeddings",
            f"{values['frechet']:.3g}",
            _range(values["frechet_interval"]),
            f"{values['frechet_floor']:.3g} ({_range(values['frechet_floor_interval'])})",
        ],
    ]
    note = (
        f"Both regressions are cross-validated in {values['folds']} folds. Frechet distances are "
        f"of {values['frechet_images']} images of each kind on "
        f"{values['frechet_dimensions']} principal components of unit variance; their intervals "
        "are those of random splits, and that within the real lenses is of two halves of them."
    )
    columns = ["", "value", "95 %", "without a difference"]
    return RealismReport(
        title=title,
        metrics=values,
        summary=summary,
        cards=[
            Card("Probe AUC", number(auc, 3), f"95 %: {interval(bounds, 3)}"),
            Card(
                "Image statistics",
                number(values["statistics_auc"], 3),
                f"AUC, 95 %: {interval(values['statistics_interval'], 3)}",
            ),
            Card(
                "Frechet distance",
                f"{values['frechet']:.3g}",
                f"{values['frechet_floor']:.3g} within the real",
            ),
            Card("Images", f"{values['real']:,} + {values['painted']:,}", "real + painted"),
        ],
        tables=[Table("Painted against real lenses", columns, rows, note)],
        figures=[
            _telling(ids, images, labels, scores, bands),
            _histogram(labels, scores),
        ],
        notes=[*notes, *_reservations(values)],
        provenance=provenance,
    )


def _range(bounds: Sequence[float]) -> str:
    return f"{bounds[0]:.3g} to {bounds[1]:.3g}"


def _reservations(values: Mapping[str, Any]) -> list[str]:
    lines = []
    if values["statistics_auc"] >= values["probe_auc"] - 0.02:
        lines.append(
            "Image statistics tell the two apart as well as the embeddings do: noise, sky, "
            "brightness or sizes of the galaxies differ, whatever the arcs look like."
        )
    if min(values["real"], values["painted"]) < 50:
        fewest = min(values["real"], values["painted"])
        lines.append(f"{fewest} images of a kind are few: the probe would do better with more.")
    return lines


def _histogram(labels: NDArray[np.int64], scores: Floats) -> Figure:
    low, high = np.percentile(scores, [0.5, 99.5])
    edges = np.linspace(low, high if high > low else low + 1, 31)
    lines = [
        histogram(f"{(labels == k).sum():,} {kind}", scores[labels == k], edges, k)
        for k, kind in enumerate(_KINDS)
    ]
    scale = count_scale(lines)
    plot = Plot("log-odds of painted", "images", lines, y_range=(0, None), y_scale=scale)
    caption = "Of the probe that did not see the image. The outermost are in the end bins."
    return panels.plot_panel(
        "scores", "Scores of the probe", [plot], caption, wide=False, width=4.65, height=3.4
    )


def _telling(
    ids: Sequence[str],
    images: NDArray[Any],
    labels: NDArray[np.int64],
    scores: Floats,
    bands: Sequence[str] | None,
) -> Figure:
    """Real and painted lenses side by side: those told best, and those told worst."""
    real, painted = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    real, painted = real[np.argsort(scores[real])], painted[np.argsort(-scores[painted])]
    n = min(SHOWN, len(real) // 2, len(painted) // 2)
    rows = {
        "real, told best": real[:n],
        "painted, told best": painted[:n],
        "real, told worst": real[::-1][:n],
        "painted, told worst": painted[::-1][:n],
    }
    chosen = colour_bands(bands, images.shape[3])
    colours = "Greys"
    if chosen is not None:
        names = [str(bands[k]) if bands else f"band {k}" for k in chosen]
        colours = f"Red, green and blue are {', '.join(names)}"
    caption = (
        "Upper rows: the real and the painted lenses whose kind the probe tells best. Lower rows: "
        f"those whose kind it tells worst. {colours}; brightness is stretched (asinh). "
        "Below each: probability of painted, and name."
    )
    words = "; ".join(f"{name}: {', '.join(ids[i] for i in each)}" for name, each in rows.items())
    draw = partial(_draw_telling, rows, ids, images, scores, bands, n)
    title = "The most telling pictures"
    return Figure("telling", title, f"{title}. {words}.", caption, draw, night=True)


def _draw_telling(
    rows: Mapping[str, NDArray[np.int64]],
    ids: Sequence[str],
    images: NDArray[Any],
    scores: Floats,
    bands: Sequence[str] | None,
    n: int,
) -> Drawing:
    tiles = []
    for name, each in rows.items():
        for i in each:
            chance = probability(float(1 / (1 + np.exp(-np.clip(scores[i], -50, 50)))))
            lines = [name, f"{chance}  {ids[i]}"]
            tiles.append(Tile(colour_image(images[i], bands), lines))
    return gallery_figure(tiles, n)
