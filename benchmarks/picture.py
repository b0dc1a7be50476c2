"""Draw the pictures of the README, docs/*.png: `python benchmarks/picture.py`."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from lenszoo.reporting.colour import colour_image
from lenszoo.simulation import get_preset, sample

DOCS = Path(__file__).parent.parent / "docs"
SEED, COLUMNS = 4, 8
TITLES = {"no": "no substructure", "sphere": "CDM subhalos", "vort": "vortex"}
FINDING, FINDING_SEED, FINDING_COLUMNS = "lens_finding_easy", 11, 10
KINDS = ("companion", "spiral", "ring", "merger", "elliptical")


def grid(rows: int, columns: int, height: float) -> tuple[plt.Figure, np.ndarray]:
    """Axes without ticks."""
    figure, axes = plt.subplots(
        rows, columns, figsize=(1.5 * COLUMNS, height), layout="constrained"
    )
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    return figure, axes


def classes() -> plt.Figure:
    """Lenses of the three classes, a row each."""
    drawn = sample("common_test_sim", 3 * COLUMNS, SEED)
    figure, axes = grid(3, COLUMNS, 4.7)
    for row, name in enumerate(drawn.class_names):
        for axis, k in zip(axes[row], np.flatnonzero(drawn.labels == row), strict=True):
            axis.imshow(drawn.images[k, 25:-25, 25:-25, 0], cmap="magma", origin="upper")
        axes[row, 0].set_ylabel(TITLES[name], fontsize=12)
    return figure


def candidates() -> plt.Figure:
    """Lenses in the upper two rows, and two non-lenses of a kind in each pair of columns below."""
    drawn = sample(FINDING, 240, FINDING_SEED)
    bands, kinds = get_preset(FINDING).bands, drawn.truth["kind"]
    lenses = np.flatnonzero(drawn.labels == 1)[: 2 * FINDING_COLUMNS].reshape(2, -1)
    others = np.concatenate(
        [np.flatnonzero(kinds == kind)[:4].reshape(2, 2) for kind in KINDS], axis=1
    )
    figure, axes = grid(4, FINDING_COLUMNS, 5.1)
    for axis, k in zip(axes.flat, np.concatenate([lenses, others]).flat, strict=True):
        axis.imshow(colour_image(drawn.images[k, 8:-8, 8:-8], bands), origin="lower")
    axes[0, 0].set_ylabel("lenses", fontsize=12)
    axes[2, 0].set_ylabel("non-lenses", fontsize=12)
    for column, kind in enumerate(KINDS):
        axes[3, 2 * column].set_xlabel(kind, fontsize=12)
    return figure


def main() -> None:
    DOCS.mkdir(exist_ok=True)
    for name, draw in (("common_test_sim", classes), (FINDING, candidates)):
        draw().savefig(DOCS / f"{name}.png", dpi=100)


if __name__ == "__main__":
    main()
