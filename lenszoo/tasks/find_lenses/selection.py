"""Selection function of a lens finder: paint a grid of lenses, score it, count those found."""

import copy
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lenszoo._version import __version__
from lenszoo.data.checks import OnBad
from lenszoo.data.photometry import ZERO_POINT
from lenszoo.data.scaling import ImageScaling
from lenszoo.data.sky import SkyMethod
from lenszoo.errors import LenszooError
from lenszoo.files import expanded, hold, write_bytes
from lenszoo.inference.loaded_model import ModelLike, open_model
from lenszoo.inference.parts import check_same, count_rows, write_part
from lenszoo.inference.predictor import BATCH_SIZE
from lenszoo.inference.preparing import preparing_of
from lenszoo.simulation import PaintLaw, read_galaxies, read_stamps
from lenszoo.simulation.paint import paint_some
from lenszoo.simulation.paint_draw import Painter
from lenszoo.simulation.paint_galaxies import Galaxies
from lenszoo.simulation.paint_stamps import Stamps
from lenszoo.simulation.surveys import ImagingSurvey, get_survey
from lenszoo.tasks.find_lenses.selection_axes import (
    LENS,
    SOURCE,
    Axis,
    Cell,
    cells,
    check_axes,
    default_axes,
    host_magnitudes,
    parse_axes,
)
from lenszoo.tasks.find_lenses.selection_scores import Scorer
from lenszoo.tasks.find_lenses.selection_table import completeness_table, joint_intervals
from lenszoo.tasks.parts import real_notes

log = logging.getLogger("lenszoo")

PART = 256  # paintings of a part
PER_BIN = 200
RATE = 0.01
FACTS, TABLE, LENSES = "completeness.json", "completeness.parquet", "lenses.parquet"
_STRIDE = 2**32  # from the first painting of a bin to that of the next
_TELLING = 1000  # paintings from which on their rate is that of more
_LEFT_OUT = ("image_x", "image_y", "source_stamp")  # of the truth


def completeness(
    model: ModelLike,
    survey: str | ImagingSurvey,
    galaxies: str | os.PathLike[str] | Galaxies,
    out: str | os.PathLike[str],
    *,
    images: str | os.PathLike[str] | None = None,
    pattern: str | None = None,
    kind: str | None = None,
    axes: Sequence[Axis | str] | None = None,
    per_bin: int = PER_BIN,
    law: PaintLaw | None = None,
    stamps: str | os.PathLike[str] | Stamps | None = None,
    threshold: float | None = None,
    false_positive_rate: float = RATE,
    seed: int = 0,
    batch_size: int = BATCH_SIZE,
    on_bad: OnBad = "raise",
    progress: Callable[[int, int], None] | None = None,
    crop: int | None = None,
    sky: SkyMethod | None = None,
    zero_point: float = ZERO_POINT,
    scaling: ImageScaling | None = None,
    any_scale: bool = False,
) -> pa.Table:
    """Measure the selection function of a lens finder: the share of lenses found, bin by bin.

    Lenses are painted on the galaxies of a survey, ``per_bin`` in each bin of Einstein radius,
    magnitude of the source and magnitude of the lens, and scored. A lens is found when its logit is
    at or above the threshold. Parts are written as they are done; the same call goes on where one
    was stopped, with the same result.

    Args:
        model: a lens finder, as for :func:`lenszoo.predict`.
        survey: a survey, its name or its TOML file.
        galaxies: a catalogue, as for :func:`lenszoo.simulation.read_galaxies`, or what that read.
        out: a new folder, or that of the same call: ``completeness.parquet``, ``lenses.parquet``
            with a row a painting, ``report.html``.
        images: the folder of the cutouts, by default the catalogue's own.
        pattern: where a cutout lies in it.
        kind: a column of text that says what each galaxy is, empty for those to paint on; of the
            kind ``lens`` are real lenses, which no threshold is set on.
        axes: such as ``"einstein_radius=0.5,1,2"``. Any column of the truth table will do; of
            those but ``einstein_radius``, ``source_magnitude`` (in the band nearest to 640 nm) and
            ``lens_magnitude`` the lenses are sorted into bins after painting.
        per_bin: paintings a bin.
        law: Einstein radii, sources and the floors of a lens that counts.
        stamps: galaxies that serve as sources.
        threshold: logit of a lens that is found; by default that which ``false_positive_rate`` of
            the galaxies, without a painted lens, pass.
        false_positive_rate: sets the threshold.
        seed: of the paintings.
        batch_size, on_bad: as for :func:`lenszoo.predict`.
        progress: called as ``progress(done, total)``.
        crop, sky, zero_point, scaling, any_scale: as for :func:`lenszoo.predict`; images are
            painted at zero point 25.

    Returns:
        A row a bin: ``NAME_low`` and ``NAME_high`` of each axis; ``lenses`` that passed the floors,
        ``tries``, all that were drawn for them, and ``passed``, the share of these that did;
        ``found``, ``completeness`` with its 95 % interval ``low`` and ``high``, over other galaxies
        too (:func:`lenszoo.metrics.intervals.grouped_interval`); ``floor``, at which most failed in
        a bin without a lens, whose completeness is null.

    Raises:
        LenszooError: galaxies outside of the survey, bands that the weights do not know, axes that
            cannot be painted, an ``out`` that holds something else, and as
            :func:`lenszoo.predict`.

    Example:
        >>> from lenszoo import completeness
        >>> from lenszoo.simulation import simulate_galaxies
        >>> galaxies = simulate_galaxies("cfhtls_gri", 6, seed=1)
        >>> axes = ["einstein_radius=1,2,3"]
        >>> table = completeness(
        ...     "lens_finder.easy_sim_image_v2", "cfhtls_gri", galaxies, "w1", axes=axes, per_bin=6
        ... )
        >>> table["einstein_radius_low"].to_pylist()
        [1.0, 2.0]
    """
    from lenszoo.tasks.find_lenses.selection_page import selection_report

    if per_bin < 1:
        raise LenszooError(f"per_bin is {per_bin}; paint one lens a bin or more.")
    opened = open_model(model)
    if opened.classes[-1:] != ("lens",) or "table" in opened.takes:
        raise LenszooError(f"{opened.name}: a selection function is that of a finder of images.")
    chosen = get_survey(survey)
    if not isinstance(galaxies, Galaxies):
        galaxies = read_galaxies(chosen, galaxies, images=images, pattern=pattern, kind=kind)
    elif galaxies.survey != chosen:
        raise LenszooError(f"The galaxies are of {galaxies.survey.name}, not of {chosen.name}.")
    if stamps is not None and not isinstance(stamps, Stamps):
        stamps = read_stamps(stamps)
    preparing = preparing_of(crop, sky, zero_point, scaling, any_scale)
    grid = _Grid.of(galaxies, law or PaintLaw(), stamps, axes, per_bin, seed)
    scorer = Scorer(opened, galaxies, batch_size, on_bad, preparing)
    folder = expanded(out)
    with hold(folder, "results folder", ".completeness.lock", f"{folder}: in use by another call."):
        facts = grid.facts() | scorer.facts()
        _check_folder(folder, facts)
        at = scorer.threshold(threshold, false_positive_rate)
        write_bytes(folder / FACTS, json.dumps(facts, indent=1, default=str).encode())
        lenses = _lenses(folder, grid, scorer, progress)
        table = completeness_table(lenses, grid.axes, grid.cells, at.logit, grid.law)
        notes = [*at.notes, *real_notes(opened.model)]
        about = facts | {"threshold": at.logit, "threshold_rule": at.rule, "notes": notes}
        about["intervals"] = joint_intervals(lenses, grid.axes, grid.cells, at.logit)
        write_part(folder / LENSES, lenses, about)
        write_part(folder / TABLE, table, about)
        table = pq.read_table(folder / TABLE)
        selection_report(table, grid.axes, opened.name).save(folder)
    return table


@dataclass(frozen=True, eq=False)
class _Grid:
    """All bins to paint."""

    galaxies: Galaxies
    law: PaintLaw
    axes: list[Axis]
    cells: list[Cell]
    painters: dict[int, Painter]  # by bin of the lens's magnitude
    magnitudes: np.ndarray
    per_bin: int
    seed: int

    @classmethod
    def of(
        cls,
        galaxies: Galaxies,
        law: PaintLaw,
        stamps: Stamps | None,
        axes: Sequence[Axis | str] | None,
        per_bin: int,
        seed: int,
    ) -> "_Grid":
        galaxies = galaxies.hosts()
        first = Painter(galaxies, law, stamps)
        reference = first.sources.reference
        magnitudes = host_magnitudes(galaxies, reference)
        if axes is None:
            named = default_axes(law, magnitudes)
        else:
            named = [parse_axes([a])[0] if isinstance(a, str) else a for a in axes]
        probe = paint_some(copy.copy(first), range(0), seed).truth
        columns = [name for name in probe if name not in (*_LEFT_OUT, "id")]
        check_axes(named, columns, magnitudes)
        places = next((a.place(magnitudes) for a in named if a.name == LENS), None)
        painters = {-1: first}
        if places is not None:
            painters = {
                int(host): Painter(galaxies.take(np.flatnonzero(places == host)), law, stamps)
                for host in np.unique(places[places >= 0])
            }
        return cls(galaxies, law, named, cells(named, law), painters, magnitudes, per_bin, seed)

    def facts(self) -> dict[str, Any]:
        """Facts that two calls of one selection function share."""
        stamps = next(iter(self.painters.values())).stamps
        return {
            "lenszoo": __version__,  # another may draw other lenses
            "survey": self.galaxies.survey.model_dump(),
            "galaxies": len(self.galaxies),
            "galaxies_sha256": self.galaxies.sha256(),
            "stamps_sha256": None if stamps is None else stamps.sha256(),
            "law": self.law.model_dump(),
            # a list, for the numbers of cells go by the order of the axes
            "axes": [[axis.name, list(axis.edges)] for axis in self.axes],
            "per_bin": self.per_bin,
            "seed": self.seed,
        }

    def parts(self) -> Iterator[tuple[int, int, int]]:
        """Yield the number of a cell and the first and the last painting of each part."""
        for number in range(len(self.cells)):
            for start in range(0, self.per_bin, PART):
                yield number, start, min(start + PART, self.per_bin)

    def paint(self, number: int, start: int, stop: int) -> tuple[pa.Table, np.ndarray]:
        """Paint a part: a row a painting, and the images of those that passed the floors."""
        cell = self.cells[number]
        base = self.painters.get(cell.host)
        numbers = np.arange(start, stop)
        if base is None:  # no galaxy has this magnitude
            floors = ["no galaxy"] * len(numbers)
            table = pa.table({"bin": [number] * len(numbers), "number": numbers, "floor": floors})
            return table.append_column("tries", pa.array([0] * len(numbers))), np.empty(0)
        painter = copy.copy(base)
        painter.law = cell.law
        first = number * _STRIDE
        lenses = paint_some(painter, range(first + start, first + stop), self.seed)
        reference = self.galaxies.survey.names[painter.sources.reference]
        columns: dict[str, Any] = {
            name: values for name, values in lenses.truth.items() if name not in _LEFT_OUT
        }
        columns[SOURCE] = columns[f"{SOURCE}_{reference}"]
        columns[LENS] = host_magnitudes(base.galaxies, painter.sources.reference)[lenses.rows]
        columns |= {"number": lenses.index - first, "floor": [None] * len(lenses)}
        done = pa.table(columns)
        failed = pa.table(
            {
                "number": np.array(list(lenses.failures), np.int64) - first,
                "floor": pa.array(list(lenses.failures.values()), pa.string()),
                "tries": np.full(len(lenses.failures), cell.law.tries, np.int64),
            }
        )
        joined = pa.concat_tables([done, failed], promote_options="permissive")
        return joined.append_column("bin", pa.array([number] * len(joined))), lenses.images


def _lenses(
    folder: Path, grid: _Grid, scorer: Scorer, progress: Callable[[int, int], None] | None
) -> pa.Table:
    """Paint and score all parts that are not there yet; return all paintings."""
    done, total = 0, grid.per_bin * len(grid.cells)
    parts: list[pa.Table] = []
    began, fresh, empty = time.monotonic(), 0, -1
    with _quiet():
        for number, start, stop in grid.parts():
            done += stop - start
            if number == empty:  # not one of the first part passed the floors
                continue
            file = folder / "parts" / f"{number:05d}-{start:07d}.parquet"
            if count_rows(file) == stop - start:
                table = pq.read_table(file)
            else:
                table, images = grid.paint(number, start, stop)
                ids = [f"{number}/{k}" for k in table["number"].to_pylist()[: len(images)]]
                logits = np.full(len(table), np.nan)
                logits[: len(images)] = scorer.logits(images, ids)
                table = table.append_column("logit", pa.array(logits, mask=np.isnan(logits)))
                file.parent.mkdir(exist_ok=True)
                write_part(file, table, {})
                fresh += len(table)
            if start == 0 and table["floor"].null_count == 0:
                empty = number
            parts.append(table)
            if progress is not None:
                progress(done, total)
    if fresh >= _TELLING:
        speed = fresh / (time.monotonic() - began)
        hours = 110_000 / speed / 3600
        log.info("%.0f paintings/s; 110,000 would take %.1f hours", speed, hours)
    return pa.concat_tables(parts, promote_options="permissive")


@contextmanager
def _quiet() -> Iterator[None]:
    """Mute warnings of the images' scale, which were told of the galaxies."""
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _check_folder(folder: Path, facts: dict[str, Any]) -> None:
    """Refuse a folder of another selection function, or of other things."""
    file = folder / FACTS
    if not file.is_file():
        others = [path.name for path in sorted(folder.iterdir()) if path.name[0] != "."]
        if others:
            raise LenszooError(
                f"{folder}: holds {others[0]} and no selection function; choose a new folder."
            )
        return
    remedy = "choose another folder, or call it as before"
    check_same(file, facts, "selection function", remedy)
