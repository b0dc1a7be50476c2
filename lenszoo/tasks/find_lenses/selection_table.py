"""Table of a selection function: lenses counted in bins, with intervals."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from lenszoo.metrics.intervals import wilson_interval
from lenszoo.simulation import PaintLaw
from lenszoo.simulation.paint import failure_text
from lenszoo.tasks.find_lenses.selection_axes import PAINTED, Axis, Cell


def completeness_table(
    lenses: pa.Table, axes: Sequence[Axis], grid: Sequence[Cell], threshold: float, law: PaintLaw
) -> pa.Table:
    """Count lenses, and those at or above a threshold, in every bin of the axes.

    Args:
        lenses: a row a painting: ``bin``, ``floor`` (null of a lens), ``tries``, ``logit`` (null
            without an answer) and the columns of the axes.
        axes: of the table.
        grid: the bins that ``bin`` numbers.
        threshold: logit of a lens that is found.
        law: whose floors are named where no lens passes.

    Returns:
        As :func:`lenszoo.completeness`.
    """
    floors = np.array(lenses["floor"].to_pylist(), object)
    logits = lenses["logit"].to_numpy().astype(np.float64)
    number, tries = lenses["bin"].to_numpy(), lenses["tries"].to_numpy()
    painted = np.array([floor is None for floor in floors]) & np.isfinite(logits)
    places = []
    for axis in axes:
        if axis.name in PAINTED:  # failures lie in their bin too
            places.append(np.array([cell.places[axis.name] for cell in grid])[number])
        else:
            places.append(axis.place(_numbers(lenses, axis.name)))
    whole = all(axis.name in PAINTED for axis in axes)
    columns: dict[str, list[Any]] = {}
    for bins in itertools.product(*(range(len(axis.bins)) for axis in axes)):
        inside = np.ones(len(lenses), bool)
        for place, chosen in zip(places, bins, strict=True):
            inside &= place == chosen
        row: dict[str, Any] = {}
        for axis, chosen in zip(axes, bins, strict=True):
            row[f"{axis.name}_low"], row[f"{axis.name}_high"] = axis.bins[chosen]
        count = int((inside & painted).sum())
        hits = int((inside & painted & (logits >= threshold)).sum())
        drawn = int(tries[inside].sum()) if whole else None
        low, high = wilson_interval(hits, count).tolist() if count else (None, None)
        row |= {
            "lenses": count,
            "tries": drawn,
            "passed": count / drawn if drawn else None,
            "found": hits,
            "completeness": hits / count if count else None,
            "low": low,
            "high": high,
            "floor": None if count else _floor(floors[inside], law),
        }
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    return pa.table(
        {
            name: pa.array(values, type=_TYPES.get(name, pa.float64()))
            for name, values in columns.items()
        }
    )


_TYPES = {"lenses": pa.int64(), "tries": pa.int64(), "found": pa.int64(), "floor": pa.string()}


def _numbers(lenses: pa.Table, name: str) -> np.ndarray:
    return lenses[name].cast(pa.float64()).to_numpy()


def _floor(floors: np.ndarray, law: PaintLaw) -> str:
    """A sentence on why a bin holds no lens."""
    names = [floor for floor in floors if floor is not None]
    if not names:
        return "no lens fell into this bin"
    most = max(sorted(set(names)), key=names.count)
    if most == "no galaxy":
        return "no galaxy has this magnitude"
    if most == "einstein_radius":
        return "no Einstein radius within this bin"
    return failure_text(most, law)
