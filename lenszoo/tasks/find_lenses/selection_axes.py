"""Axes of a selection function, and the bins in which lenses are painted."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import ValidationError

from lenszoo.errors import LenszooError, unknown
from lenszoo.simulation import PaintLaw
from lenszoo.simulation.paint_galaxies import Galaxies

RADIUS, SOURCE, LENS = "einstein_radius", "source_magnitude", "lens_magnitude"
PAINTED = (RADIUS, SOURCE, LENS)
"""Axes along which lenses are drawn bin by bin; along others they are sorted afterwards."""

_EDGES = {RADIUS: (0.75, 1.0, 1.5, 2.0, 3.0, 4.5), SOURCE: (21.5, 22.5, 23.5, 24.4, 25.3)}
_HOST_BINS = 3


@dataclass(frozen=True)
class Axis:
    """A property of lenses and the edges of its bins.

    Attributes:
        name: a column of the truth table, ``source_magnitude`` or ``lens_magnitude``.
        edges: rising, at least two.

    Raises:
        LenszooError: they are not.
    """

    name: str
    edges: tuple[float, ...]

    def __post_init__(self) -> None:
        edges = np.asarray(self.edges, float)
        if len(edges) < 2 or not np.isfinite(edges).all() or not (np.diff(edges) > 0).all():
            shown = ",".join(f"{edge:g}" for edge in self.edges)
            raise LenszooError(
                f"axis {self.name}={shown}: give two rising edges or more, such as "
                f"{self.name}=1,2,3."
            )

    @property
    def bins(self) -> list[tuple[float, float]]:
        """Lower and upper edge of each bin."""
        return list(itertools.pairwise(self.edges))

    def place(self, values: np.ndarray) -> np.ndarray:
        """Number of the bin of each value, -1 outside; the last bin holds its upper edge."""
        index = np.searchsorted(self.edges, values, side="right") - 1
        index = np.where(values == self.edges[-1], len(self.edges) - 2, index)
        return np.where((index >= 0) & (index < len(self.edges) - 1), index, -1)


@dataclass(frozen=True)
class Cell:
    """One bin of the painted axes: its law, and the galaxies to paint on.

    Attributes:
        places: number of the bin along each axis of ``PAINTED`` that is in use.
        law: narrowed to the bin.
        host: number of the bin of the lens's magnitude, or -1.
    """

    places: dict[str, int]
    law: PaintLaw
    host: int


def parse_axes(texts: Sequence[str]) -> list[Axis]:
    """Read axes such as ``einstein_radius=0.5,1,2``.

    Raises:
        LenszooError: no number, or no axis of that form.
    """
    axes = []
    for text in texts:
        name, _, numbers = text.partition("=")
        try:
            edges = tuple(float(part) for part in numbers.split(","))
        except ValueError:
            raise LenszooError(
                f"axis {text!r}: give a name and edges, such as einstein_radius=0.5,1,2."
            ) from None
        axes.append(Axis(name.strip(), edges))
    return axes


def host_magnitudes(galaxies: Galaxies, reference: int) -> np.ndarray:
    """Magnitude of the galaxies in the reference band [mag], NaN where unknown, (n,)."""
    return np.asarray(galaxies.magnitude[:, reference], np.float64)


def default_axes(law: PaintLaw, magnitudes: np.ndarray) -> list[Axis]:
    """Einstein radius, magnitude of the source and, where it is known, of the lens.

    Args:
        law: whose ranges the edges lie in.
        magnitudes: of the galaxies; in thirds of equal numbers.
    """
    ranges = {RADIUS: law.einstein_radius_arcsec, SOURCE: law.source_magnitude}
    axes = []
    for name, (low, high) in ranges.items():
        inside = [edge for edge in _EDGES[name] if low < edge < high]
        axes.append(Axis(name, (low, *inside, high)))
    sound = magnitudes[np.isfinite(magnitudes)]
    if len(sound) == len(magnitudes):
        edges = np.quantile(sound, np.linspace(0, 1, _HOST_BINS + 1))
        edges[0], edges[-1] = math.floor(10 * edges[0]) / 10, math.ceil(10 * edges[-1]) / 10
        edges[1:-1] = np.round(edges[1:-1], 1)
        if len(np.unique(edges)) > 2:
            axes.append(Axis(LENS, tuple(np.unique(edges).tolist())))
    return axes


def check_axes(axes: Sequence[Axis], columns: Sequence[str], magnitudes: np.ndarray) -> None:
    """Check that the axes can be painted or found in the truth.

    Raises:
        LenszooError: none, one twice, a name that is no column of numbers, an impossible radius, or
            lens magnitudes that no galaxy has.
    """
    names = [axis.name for axis in axes]
    if not names:
        raise LenszooError("A selection function needs an axis, such as einstein_radius=0.5,1,2.")
    for name in names:
        if names.count(name) > 1:
            raise LenszooError(f"axis {name} is given twice; join the edges.")
        if name not in (*PAINTED, *columns):
            raise unknown("axis", name, [*PAINTED, *columns])
    for axis in axes:
        if axis.name in (RADIUS, SOURCE) and axis.edges[0] <= 0:
            raise LenszooError(f"axis {axis.name}: its edges must be above 0.")
        if axis.name == LENS and not (axis.place(magnitudes) >= 0).any():
            sound = magnitudes[np.isfinite(magnitudes)]
            text = "no galaxy has a magnitude in the reference band"
            if len(sound):
                text = f"the galaxies are of {sound.min():.1f} to {sound.max():.1f} mag"
            raise LenszooError(f"axis {LENS}: no galaxy is in its bins; {text}.")


def cells(axes: Sequence[Axis], law: PaintLaw) -> list[Cell]:
    """List the bins of the painted axes, each with its narrowed law."""
    painted = [axis for axis in axes if axis.name in PAINTED]
    result = []
    for places in itertools.product(*(range(len(axis.bins)) for axis in painted)):
        chosen = dict(zip((axis.name for axis in painted), places, strict=True))
        ranges = {axis.name: axis.bins[chosen[axis.name]] for axis in painted}
        result.append(Cell(chosen, _narrowed(law, ranges), chosen.get(LENS, -1)))
    return result


def _narrowed(law: PaintLaw, ranges: Mapping[str, tuple[float, float]]) -> PaintLaw:
    fields = law.model_dump()
    if RADIUS in ranges:
        fields["einstein_radius_arcsec"] = ranges[RADIUS]
    if SOURCE in ranges:
        fields["source_magnitude"] = ranges[SOURCE]
    try:
        return PaintLaw(**fields)
    except ValidationError as error:
        fault = error.errors()[0]
        problem = fault["msg"].removeprefix("Value error, ")
        edges = "; ".join(f"{name} {low:g} to {high:g}" for name, (low, high) in ranges.items())
        raise LenszooError(f"no lens can be painted in the bin {edges}: {problem}.") from None
