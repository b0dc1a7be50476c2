"""Search a survey for lenses: tiles and a catalogue in, ranked candidates out."""

import functools
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from lenszoo.data.checks import OnBad
from lenszoo.data.sky import SkyMethod
from lenszoo.errors import LenszooError, counted
from lenszoo.files import check_output, is_writable, replacing, write_bytes
from lenszoo.interrupt import heard
from lenszoo.metrics.prevalence import check_prevalence, joint_prevalence
from lenszoo.survey.cutouts import suits
from lenszoo.survey.footprints import Tile, read_tiles
from lenszoo.survey.on_ray import score_on_ray
from lenszoo.survey.plan import PART_ROWS, Part, Plan, make_plan, sweep_plans
from lenszoo.survey.positions import Positions
from lenszoo.survey.previews import with_previews
from lenszoo.survey.progress import Meter
from lenszoo.survey.ranking import read_lenses, write_candidates
from lenszoo.survey.results_folder import check_identity, held, search_identity
from lenszoo.survey.scoring import (
    Members,
    Outcome,
    Settings,
    check_scale,
    read_outcome,
    trained_settings,
)
from lenszoo.survey.tiles import list_tiles
from lenszoo.survey.workers import score_parts

log = logging.getLogger("lenszoo")

TOP = 1000
"""Candidates of a search, unless told otherwise."""

Progress = Callable[[int, int], None]
Path_ = str | os.PathLike[str]

_SHOWN = 5
_LOOKED_AT = 6  # parts, and objects of each, whose scale is checked


@dataclass(frozen=True)
class SearchResult:
    """Outcome of a search, as ``summary.json`` keeps it.

    Attributes:
        out: the folder of results.
        complete: whether all parts are done and sound; candidates are written when all are done.
        objects: rows of the catalogue.
        searched: those in sound tiles, of which ``scored`` have a score.
        scored: rows with a score.
        left_out: counts of other rows by reason.
        candidates: rows of ``candidates.parquet``; None while parts are not done.
        tiles: tiles in all.
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


class _Done(NamedTuple):
    """Work of one call: seconds, objects a second, and the faults of its parts."""

    seconds: float
    rate: float | None
    failures: list[str]


def search(
    catalogue: Path_,
    tiles: Path_,
    weights: Path_ | Sequence[Path_],
    out: Path_,
    *,
    pattern: str | None = None,
    bands: Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    resample: bool = False,
    on_bad: OnBad = "skip",
    zero_point: float | None = None,
    mask_value: float | None = None,
    weight_maps: str | None = None,
    masks: str | None = None,
    mask_bits: int | None = None,
    sky: SkyMethod | None = None,
    lens_class: str = "lens",
    any_scale: bool = False,
    top: int = TOP,
    known_lenses: Path_ | None = None,
    prevalence: float | None = None,
    features: bool = False,
    previews: bool = False,
    workers: int = 0,
    ray: str | None = None,
    shard: tuple[int, int] | None = None,
    batch_size: int = 128,
    part_rows: int = PART_ROWS,
    progress: Progress | None = None,
) -> SearchResult:
    """Search the objects of a catalogue for lenses on the tiles of a survey.

    The catalogue is streamed and sorted to tiles, then scored in parts, each of which becomes one
    Parquet file: ``id, ra, dec, tile, logit, prob``, with several weights ``logit_NAME, prob_NAME``
    of each, ``bad_pixels`` and ``error``. The ensemble's logit is the mean. The same call goes on
    where the last one stopped: finished parts stay. When all parts are done,
    ``out/candidates.parquet`` holds the best, and ``out/summary.json`` the counts.

    Args:
        catalogue: CSV, Parquet, a folder of either (HATS too), a FITS table or a VOTable with id,
            ra, dec [deg, ICRS].
        tiles: a folder, or a table with the columns tile, band, path, zero_point, weight_map, mask.
        weights: a name of ``list_weights()``, a run folder or a file; several make an ensemble.
        out: the folder of results, of this search alone.
        pattern: where tiles lie in the folder, by default ``"{tile}/{band}.fits"``; without
            ``{band}`` the bands are the planes of one image.
        bands: the survey's names of the bands, in the order of the weights'; by default theirs.
        columns: the catalogue's names of id, ra, dec and of the columns of a model with a table.
        resample: interpolate to the pixel scale of the weights' training, each band by its own
            coordinates; else pixels are cut as they are.
        on_bad: cutouts with NaN, infinite or constant bands: "skip" gives them no score, "zero" and
            "fill" (the band's median) mend them. Beyond a tile's edge all is NaN.
        zero_point: AB magnitude of flux 1 in the tiles; fluxes are scaled to that of the weights'
            training (25 where they do not know). By default what a table of tiles or the FITS
            header says; else fluxes are left.
        mask_value: pixel value that marks masked pixels.
        weight_maps: where weight images lie in the folder, such as ``"{tile}/{band}.weight.fits"``;
            pixels whose weight is not positive become NaN and are counted as bad. A table of tiles
            has a column ``weight_map``.
        masks: where mask images lie, as ``weight_maps``; pixels that are not 0 there become NaN.
        mask_bits: the sum of the bits of masks that count, such as 2 + 8; by default all do.
        sky: subtract the sky level, measured by "median" or "border".
        lens_class: the class that is searched for, for weights that call it otherwise.
        any_scale: go on, with a warning, where noise or sky of the cutouts are far from what the
            weights learned on.
        top: candidates; those within 2 arcsec of a better one are joined to it.
        known_lenses: a list of lenses (as a catalogue); candidates within 2 arcsec are marked.
        prevalence: share of lenses among the objects; adds ``prob_at_prevalence``, from the share
            that the weights learned on: a half, or that of their painted examples.
        features: keep the vector of each object, of the first weights, in half precision: the
            column ``features`` of the parts, for :func:`lenszoo.survey.similar`.
        previews: draw the candidates: a column ``preview`` of JPEG pictures beside them.
        workers: processes; 0 scores in this one.
        ray: score on a Ray cluster instead: its address, "auto" for the one that this machine
            belongs to, or "local" to begin one. Needs ``lenszoo[ray]``.
        shard: (i, n), the i-th of n processes that share the work without knowing of each other;
            whichever is last writes the candidates.
        batch_size: images a step.
        part_rows: most objects of a part.
        progress: is told (objects done, objects in all).

    Raises:
        LenszooError: in one line, for a catalogue, tiles or weights that cannot be read or do not
            fit together, for ``out`` of another search, and for a disk that is full. A bad tile is
            told of and the rest goes on.
    """
    folder = Path(out)
    if top < 1 or workers < 0 or part_rows < 1:
        raise LenszooError("top and part_rows are at least 1, workers at least 0.")
    if ray is not None and workers:
        raise LenszooError("A search works with workers= on this machine or with ray=, not both.")
    if shard is not None and not 1 <= shard[0] <= shard[1]:
        raise LenszooError(f"shard is (i, n) with i from 1 to n, not {tuple(shard)}.")
    names = [weights] if isinstance(weights, str | os.PathLike) else list(weights)
    check_output(folder, [catalogue, tiles, *names, known_lenses], overwrite=True)
    if prevalence is not None:
        check_prevalence(prevalence)
    lenses = None if known_lenses is None else read_lenses(known_lenses)
    paths = tuple(os.fspath(name) for name in names)
    settings = Settings(
        paths, lens_class, tuple(bands or ()), None, on_bad, zero_point, mask_value, sky,
        batch_size=batch_size, features=features,
    )  # fmt: skip
    members = Members(settings.weights, lens_class, features)
    positions = Positions(catalogue, dict(columns or {}), members.columns)
    settings = _fitted(settings, members, str(catalogue), resample)
    patterns = {"pattern": pattern, "weight_maps": weight_maps, "masks": masks}
    identity = search_identity(positions, tiles, patterns, settings, members)
    identity["mask_bits"] = mask_bits
    check_identity(folder, identity)
    if (reason := is_writable(folder)) is not None:
        raise LenszooError(f"{folder}: cannot be written ({reason}); choose another folder.")
    with held(folder, shard):
        check_identity(folder, identity)
        label = " + ".join(members.names)
        all_tiles = read_tiles(
            list_tiles(tiles, settings.bands, pattern, settings.zero_point, weight_maps, masks),
            settings.bands,
            folder / "tiles.parquet",
            lambda grids: suits(grids, members.opened[0].pixel_scale, resample, label),
            reads_zero_points=members.opened[0].zero_point is not None,
            mask_bits=mask_bits,
        )
        _tell_of(all_tiles, tiles)
        plan = make_plan(folder, positions, all_tiles, part_rows)
        if shard is None:
            sweep_plans(folder, plan.folder)
        _tell_left_out(plan)
        check_scale(members, settings, _samples(plan, all_tiles), any_scale)
        write_bytes(folder / "search.json", json.dumps(identity, indent=1).encode())
        score = functools.partial(score_parts, workers=workers)
        if ray is not None:
            score = functools.partial(score_on_ray, address=ray)
        done = _score(folder, settings, plan, all_tiles, score, shard, progress)
        ranking: dict[str, Any] = {"top": top, "lenses": lenses, "prevalence": prevalence}
        ranking["trained"] = joint_prevalence([each.prevalence for each in members.opened])
        if previews:
            ranking["illustrate"] = lambda table: with_previews(
                table, all_tiles, members.shape[:2], settings
            )
        facts = members.provenance | {"search": identity}
        return _finish(folder, plan, all_tiles, facts, done, ranking)


def _fitted(settings: Settings, members: Members, catalogue: str, resample: bool) -> Settings:
    """Settle bands, pixel scale and how pixels are prepared by what the weights know."""
    first = members.opened[0]
    bands = settings.bands or first.bands
    count = members.shape[2]
    if len(bands) != count or len(set(bands)) != count:
        own = f" ({', '.join(first.bands)})" if first.bands else ""
        have = f"bands= names {len(bands)}" if bands else "it does not know their names"
        raise LenszooError(
            f"{first.name} takes {counted(count, 'band')}{own}, but {have}; name the survey's "
            "bands in order: bands=."
        )
    if resample and first.pixel_scale is None:
        raise LenszooError(
            f"{first.name} does not know the pixel scale of its training, so nothing can be "
            "resampled to it; leave out resample=True."
        )
    settings = replace(settings, bands=bands, pixel_scale=first.pixel_scale if resample else None)
    return trained_settings(first, catalogue, settings)


def _tell_of(tiles: Sequence[Tile], source: Path_) -> None:
    """Warn of tiles with faults; refuse when no tile is sound."""
    faults = [tile.fault for tile in tiles if tile.fault is not None]
    if len(faults) == len(tiles):
        raise LenszooError(f"{source}: none of {len(tiles)} tiles can be searched: {faults[0]}.")
    for fault in faults[:_SHOWN]:
        log.warning("Tile left out: %s", fault)
    if len(faults) > _SHOWN:
        log.warning("... and %d other tiles; summary.json lists them.", len(faults) - _SHOWN)


def _tell_left_out(plan: Plan) -> None:
    for reason, count in sorted(plan.left_out.items(), key=lambda item: -item[1])[:_SHOWN]:
        log.info("Left out: %s of %s objects: %s.", f"{count:,}", f"{plan.objects:,}", reason)
    if not plan.parts:
        reason, count = max(plan.left_out.items(), key=lambda item: item[1])
        raise LenszooError(
            f"None of {plan.objects:,} objects can be searched; of {count:,}: {reason}."
        )


def _score(
    folder: Path,
    settings: Settings,
    plan: Plan,
    tiles: Sequence[Tile],
    score: Callable[..., Iterator[tuple[Part, Outcome]]],
    shard: tuple[int, int] | None,
    progress: Progress | None,
) -> "_Done":
    """Score the parts that are not done."""
    answers = folder / "parts"
    answers.mkdir(exist_ok=True)
    mine = plan.parts if shard is None else plan.parts[shard[0] - 1 :: shard[1]]
    open_parts = [part for part in mine if not _is_done(answers, part)]
    rows = sum(part.rows for part in open_parts)
    before = sum(part.rows for part in mine) - rows
    if before:
        log.info("Going on: %s of %s objects are done.", f"{before:,}", f"{before + rows:,}")
    meter = Meter(rows, progress)
    failures = []
    outcomes = score(settings, plan, open_parts, tiles, answers, ready=meter.begin)
    with heard() as check:
        for _, outcome in outcomes:
            check()
            meter.add(outcome.rows)
            if outcome.failure is not None:
                log.warning("%s", outcome.failure)
                failures.append(outcome.failure)
    if not rows:
        return _Done(0.0, None, [])
    log.info("%s", meter)
    return _Done(round(meter.seconds, 3), round(meter.rate, 3), failures)


def _samples(plan: Plan, tiles: Sequence[Tile]) -> Iterator[tuple[pa.Table, Tile]]:
    """Yield a few objects of some tiles, evenly over all parts."""
    step = max(1, len(plan.parts) // _LOOKED_AT)
    for part in plan.parts[::step][:_LOOKED_AT]:
        yield plan.read(part).slice(0, _LOOKED_AT), tiles[part.tile]


def _is_done(answers: Path, part: Part) -> bool:
    outcome = read_outcome(answers / f"{part.key}.parquet")
    return outcome is not None and outcome.failure is None


def _finish(
    folder: Path,
    plan: Plan,
    tiles: Sequence[Tile],
    provenance: dict[str, Any],
    scored: "_Done",
    ranking: dict[str, Any],
) -> SearchResult:
    """Write candidates, when all parts are done, and the summary."""
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
