"""Table of a selection function: lenses counted in bins, with intervals."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from lenszoo.metrics.intervals import grouped_interval, pair_or_none
from lenszoo.simulation import PaintLaw
from lenszoo.simulation.paint import failure_text
from lenszoo.tasks.find_lenses.selection_axes import PAINTED, Axis, Cell


def completeness_table(
    lenses: pa.Table, axes: Sequence[Axis], grid: Sequence[Cell], threshold: float, law: PaintLaw
) -> pa.Table:
    """Count lenses, and those at or above a threshold, in every bin of the axes.

    Args:
        lenses: a row a painting: ``id`` of the galaxy, ``bin``, ``floor`` (null of a lens),
            ``tries``, ``logit`` (null without an answer) and the columns of the axes.
        axes: of the table.
        grid: the bins that ``bin`` numbers.
        threshold: logit of a lens that is found.
        law: whose floors are named where no lens passes.

    Returns:
        As :func:`lenszoo.completeness`.
    """
    placed = _Placed.of(lenses, axes, grid, threshold)
    floors, tries = np.array(lenses["floor"].to_pylist(), object), lenses["tries"].to_numpy()
    whole = all(axis.name in PAINTED for axis in axes)
    columns: dict[str, list[Any]] = {}
    for bins in itertools.product(*(range(len(axis.bins)) for axis in axes)):
        inside = np.ones(len(lenses), bool)
        for numbers, place in zip(placed.places, bins, strict=True):
            inside &= numbers == place
        row: dict[str, Any] = {}
        for axis, place in zip(axes, bins, strict=True):
            row[f"{axis.name}_low"], row[f"{axis.name}_high"] = axis.bins[place]
        count, hits = int((inside & placed.lens).sum()), int((inside & placed.hit).sum())
        drawn = int(tries[inside].sum()) if whole else None
        low, high = placed.interval(inside) or (None, None)
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


def joint_intervals(
    lenses: pa.Table, axes: Sequence[Axis], grid: Sequence[Cell], threshold: float
) -> dict[str, list[list[float] | None]]:
    """Intervals of the completeness of bins put together, None without a lens.

    Args:
        lenses, axes, grid, threshold: as for :func:`completeness_table`.

    Returns:
        ``all``: of all lenses, in a list of one; by the name of each axis: of its bins, all bins of
        the other axes together.
    """
    placed = _Placed.of(lenses, axes, grid, threshold)
    inside = np.ones(len(lenses), bool)
    for numbers in placed.places:
        inside &= numbers >= 0
    along = {
        axis.name: [placed.interval(inside & (numbers == k)) for k in range(len(axis.bins))]
        for axis, numbers in zip(axes, placed.places, strict=True)
    }
    return {"all": [placed.interval(inside)]} | along


@dataclass(frozen=True)
class _Placed:
    """Paintings in the bins of the axes.

    ``places`` are the numbers of their bins along each axis, -1 outside; ``lens`` whether each is a
    lens with an answer, ``hit`` whether it is found, ``galaxies`` the ids of what it is painted on.
    """

    places: list[np.ndarray]
    lens: np.ndarray
    hit: np.ndarray
    galaxies: np.ndarray

    @classmethod
    def of(
        cls, lenses: pa.Table, axes: Sequence[Axis], grid: Sequence[Cell], threshold: float
    ) -> "_Placed":
        logits = lenses["logit"].to_numpy().astype(np.float64)
        lens = lenses["floor"].is_null().to_numpy() & np.isfinite(logits)
        number, places = lenses["bin"].to_numpy(), []
        for axis in axes:
            if axis.name in PAINTED:  # failures lie in their bin too
                places.append(np.array([cell.places[axis.name] for cell in grid])[number])
            else:
                places.append(axis.place(_numbers(lenses, axis.name)))
        galaxies = np.array(lenses["id"].cast(pa.string()).fill_null("").to_pylist())
        return cls(places, lens, lens & (logits >= threshold), galaxies)

    def interval(self, inside: np.ndarray) -> list[float] | None:
        """Interval of the completeness of the lenses inside; None without one."""
        chosen = inside & self.lens
        return pair_or_none(grouped_interval(self.hit[chosen], self.galaxies[chosen]))


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
