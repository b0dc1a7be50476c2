"""Result of a search: candidates when all parts are done, and ``summary.json``."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from lenszoo.files import replacing, write_bytes
from lenszoo.survey.footprints import Tile
from lenszoo.survey.part_files import Part
from lenszoo.survey.plan import Plan
from lenszoo.survey.ranking import write_candidates
from lenszoo.survey.ready_cutouts import PixelSource
from lenszoo.survey.settings import Outcome, read_outcome


@dataclass(frozen=True)
class SearchResult:
    """Outcome of a search, as ``summary.json`` keeps it.

    Attributes:
        out: the folder of results.
        complete: whether all parts are done and sound; candidates are written when all are done.
        objects: rows of the catalogue.
        searched: those in sound tiles or with a cutout, of which ``scored`` have a score.
        scored: rows with a score.
        left_out: counts of other rows by reason.
        candidates: rows of ``candidates.parquet``; None while parts are not done.
        tiles: tiles in all; 0 of a search on cutouts.
        bad_tiles: faults of tiles that were not searched.
        failures: faults of parts that could not be read.
        parts: parts in all, of which ``parts_done`` are done.
        parts_done: parts with a file of answers.
        seconds: seconds that this call scored, once a model was loaded, at ``rate`` objects a
            second.
        rate: objects a second; None when all had been done before.
    """

    out: Path
    complete: bool
    objects: int
    searched: int
    scored: int
    left_out: dict[str, int]
    candidates: int | None
    tiles: int
    bad_tiles: list[str]
    failures: list[str]
    parts: int
    parts_done: int
    seconds: float
    rate: float | None
    provenance: dict[str, Any] = field(default_factory=dict)


class Done(NamedTuple):
    """Work of one call: seconds, objects a second, and the faults of its parts."""

    seconds: float
    rate: float | None
    failures: list[str]


def finish(
    folder: Path,
    plan: Plan,
    pixels: Sequence[PixelSource],
    provenance: dict[str, Any],
    scored: Done,
    ranking: dict[str, Any],
) -> SearchResult:
    """Write candidates, when all parts are done, and the summary.

    Args:
        folder: the folder of results.
        plan: of the search.
        pixels: all tiles, or the one stack or folder of cutouts.
        provenance: of the candidates.
        scored: the work of this call.
        ranking: options of :func:`lenszoo.survey.ranking.write_candidates`.
    """
    answers = folder / "parts"
    outcomes: dict[Part, Outcome] = {}
    for part in plan.parts:
        outcome = read_outcome(answers / f"{part.key}.parquet")
        if outcome is not None:
            outcomes[part] = outcome
    done = len(outcomes) == len(plan.parts)
    candidates = None
    if done:
        files = (answers / f"{part.key}.parquet" for part in plan.parts)
        table = write_candidates(files, folder / "candidates.parquet", provenance, **ranking)
        candidates = len(table)
        with replacing(folder / "left_out.parquet") as (_, stream):
            stream.write(plan.left_out_file.read_bytes())
    stored = (outcome.failure for outcome in outcomes.values())
    failures = sorted({failure for failure in (*stored, *scored.failures) if failure is not None})
    tiles = [one for one in pixels if isinstance(one, Tile)]
    bad_tiles = [tile.fault for tile in tiles if tile.fault is not None]
    result = SearchResult(
        out=folder,
        complete=done and not failures and not bad_tiles,
        objects=plan.objects,
        searched=sum(part.rows for part in plan.parts),
        scored=sum(outcome.scored for outcome in outcomes.values()),
        left_out=plan.left_out,
        candidates=candidates,
        tiles=len(tiles),
        bad_tiles=bad_tiles,
        failures=failures,
        parts=len(plan.parts),
        parts_done=len(outcomes),
        seconds=scored.seconds,
        rate=scored.rate,
        provenance=provenance,
    )
    text = json.dumps(asdict(result), indent=1, default=str)
    write_bytes(folder / "summary.json", text.encode())
    return result
