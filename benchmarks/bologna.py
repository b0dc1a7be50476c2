"""The published samples of the Bologna lens-finding challenge: leaks in the tables, few cutouts.

    python benchmarks/bologna.py FOLDER [WEIGHTS ...]

FOLDER holds ground_classifications.csv and space_classifications.csv, and below samples/ the
cutouts of some of their objects (challenge 1, Metcalf et al. 2019, arXiv:1802.03609). For each
table, prints the AUC of every column alone and what the leak check says. Each of WEIGHTS, a name or
a run folder, scores the cutouts whose bands it takes: u, g, r, i of the ground, or VIS of space,
cut to its size; its table is measured on them. They are too few to measure a network by: counts and
intervals are printed beside every score. Use no score of theirs to choose anything.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
from _machine import describe

from lenszoo.data import Cutouts, find_leaks, measure, read_catalogue
from lenszoo.evaluation import roc_auc
from lenszoo.prediction import evaluate, open_model

# pixel scales: Metcalf et al. 2019, section 3
SETS = {"ground": 0.2, "space": 0.1}


def columns_alone(kind: str, folder: Path) -> None:
    """Print what each column of a table tells alone."""
    read = read_catalogue(
        folder / f"{kind}_classifications.csv", layout=f"bologna_{kind}", table_only=True
    )
    counts = read.class_counts()
    print(f"{kind}: {counts['lens']:,} lenses, {counts['nonlens']:,} non-lenses")
    leaks = {leak.column: leak for leak in find_leaks(read.table, read.columns, read.labels)}
    for column, values in zip(read.columns, read.table.T, strict=True):
        known = np.isfinite(values)
        auc = roc_auc(read.labels[known], values[known])
        said = f"LEAK: {leaks[column]}" if column in leaks else "no leak found"
        print(f"  {column:<28} AUC {auc:.4f} on {known.sum():,}  {said}")


def few_cutouts(kind: str, folder: Path) -> Cutouts:
    """The objects of a table of which all bands are there, without the table's own columns."""
    read = read_catalogue(
        folder / f"{kind}_classifications.csv",
        images=folder / "samples" / f"{kind}_based",
        layout=f"bologna_{kind}",
        columns=(),
        on_missing="skip",
    )
    return dataclasses.replace(
        read, bands=tuple(b if b == "VIS" else b.lower() for b in read.bands)
    )


def prepared(read: Cutouts, shape: tuple[int, ...], pixel_scale: float) -> Cutouts:
    """Cutouts with the table that is measured on them, then cut to a network's size."""
    measured = measure(read.images, pixel_scale=pixel_scale, bands=read.bands)
    height, width = (n or m for n, m in zip(shape, read.images.shape[1:3], strict=False))
    top, left = ((m - n) // 2 for m, n in zip(read.images.shape[1:3], (height, width), strict=True))
    return dataclasses.replace(
        read,
        images=read.images[:, top : top + height, left : left + width],
        table=np.stack(list(measured.values()), axis=1),
        columns=tuple(measured),
    )


def score(name: str, sets: dict[str, Cutouts]) -> None:
    """Print what a lens finder makes of the cutouts of its bands."""
    opened = open_model(name)
    shape = opened.takes.get("images")
    bands = opened.bands or ({4: "ugri", 1: ("VIS",)}.get(shape[2], ()) if shape else ())
    kinds = [kind for kind, read in sets.items() if set(bands) <= set(read.bands)] if bands else []
    if not kinds:
        print(f"{name}: takes neither u, g, r, i nor VIS")
    for kind in kinds:
        read = prepared(sets[kind], shape or (), SETS[kind])
        metrics = evaluate(opened, read).metrics
        lenses, others = metrics["lenses"], metrics["nonlenses"]
        print(f"{name} on {kind}: {lenses} lenses and {others} non-lenses, too few to say much")
        for which, each in metrics["by_score"].items():
            low, high = each["intervals"]["auc"]
            print(f"  {which:<16} AUC {each['auc']:.3f} (95 %: {low:.2f} to {high:.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights", nargs="*")
    options = parser.parse_args()
    print(describe())
    for kind in SETS:
        columns_alone(kind, options.folder)
    if options.weights:
        sets = {kind: few_cutouts(kind, options.folder) for kind in SETS}
        for name in options.weights:
            score(name, sets)


if __name__ == "__main__":
    main()
