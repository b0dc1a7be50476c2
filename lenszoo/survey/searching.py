"""Search a survey for lenses: tiles and a catalogue in, ranked candidates out."""

import functools
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from lenszoo.data.checks import OnBad
from lenszoo.data.sky import SkyMethod
from lenszoo.errors import LenszooError
from lenszoo.files import check_output, expanded, is_writable, write_bytes
from lenszoo.inference.engines.opening import EngineName, Precision
from lenszoo.inference.taken import TAKEN, taken_facts
from lenszoo.interrupt import heard
from lenszoo.metrics.prevalence import check_prevalence, joint_prevalence
from lenszoo.survey.footprints import Tile
from lenszoo.survey.on_ray import score_on_ray
from lenszoo.survey.part_files import Part
from lenszoo.survey.plan import PART_ROWS, Plan, make_plan, sweep_answers, sweep_plans
from lenszoo.survey.previews import with_previews
from lenszoo.survey.progress import Meter
from lenszoo.survey.ranking import read_lenses
from lenszoo.survey.reading import fit_of
from lenszoo.survey.ready_cutouts import PixelSource
from lenszoo.survey.results_folder import check_identity, held, search_identity
from lenszoo.survey.scenes import TileOptions, on_cutouts, on_tiles, split_bands
from lenszoo.survey.scoring import Members, check_scale
from lenszoo.survey.settings import Outcome, Settings, read_outcome
from lenszoo.survey.summary import Done, SearchResult, finish
from lenszoo.survey.workers import score_parts

log = logging.getLogger("lenszoo")

TOP = 1000
"""Candidates of a search, unless told otherwise."""

Progress = Callable[[int, int], None]
Path_ = str | os.PathLike[str]

_SHOWN = 5
_LOOKED_AT = 6  # parts, and objects of each, whose scale is checked


def search(
    catalogue: Path_ | None,
    tiles: Path_ | None,
    weights: Path_ | Sequence[Path_],
    out: Path_,
    *,
    cutouts: Path_ | None = None,
    pattern: str | None = None,
    bands: Sequence[str] | Sequence[int] | None = None,
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
    crop: int | None = None,
    resize: bool = False,
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
    engine: EngineName = "keras",
    precision: Precision = "auto",
    part_rows: int = PART_ROWS,
    progress: Progress | None = None,
) -> SearchResult:
    """Search the objects of a catalogue for lenses, on the tiles of a survey or among cutouts.

    The catalogue is streamed and sorted to tiles, then scored in parts, each of which becomes one
    Parquet file: ``id, ra, dec, tile`` (``path`` of cutouts), ``logit, prob``, with several weights
    ``logit_NAME, prob_NAME`` of each, ``bad_pixels`` and ``error``. The ensemble's logit is the
    mean. The same call goes on where the last one stopped: finished parts stay. When all parts are
    done, ``out/candidates.parquet`` holds the best, and ``out/summary.json`` the counts.

    Args:
        catalogue: CSV, Parquet, a folder of either (HATS too), a FITS table or a VOTable with id,
            ra, dec [deg, ICRS]. With ``cutouts`` positions may be missing, and None stands for
            what the cutouts say of themselves: of a stack the arrays ``id``, ``ra`` and ``dec``
            beside its images, else numbers of rows; of a folder the paths of its files.
        tiles: a folder, or a table with the columns tile, band, path, zero_point, weight_map, mask;
            None with ``cutouts``.
        weights: a name of ``list_weights()``, a run folder or a file; several make an ensemble.
        out: the folder of results, of this search alone.
        cutouts: search these instead of tiles: a stack (``.npy``, ``.npz``, ``.h5``, ``.zarr``; an
            array in brackets), whose images are the rows of the catalogue, in its order; or a
            folder of images, which are called like the ids.
        pattern: where tiles lie in the folder, by default ``"{tile}/{band}.fits"``; without
            ``{band}`` the bands are the planes of one image. Of cutouts such as ``"{id}.fits"``.
        bands: the survey's names of the bands, in the order of the weights'; by default theirs. Of
            cutouts also the positions of the bands to take, such as ``[2, 1, 0]``.
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
        crop, resize: of cutouts: cut out the central square of so many pixels, interpolate to the
            size of the weights' (which changes the pixel scale).
        any_scale: go on, with a warning, where noise or sky of the cutouts are far from what the
            weights learned on.
        top: candidates; those within 2 arcsec of a better one are joined to it.
        known_lenses: a list of lenses (as a catalogue); candidates within 2 arcsec are marked.
        prevalence: share of lenses among the objects; adds ``prob_at_prevalence``, from the share
            that the weights learned on: a half, or that of their painted examples. Only for
            weights of two classes.
        features: keep the vector of each object, of the first weights, in half precision: the
            column ``features`` of the parts, for :func:`lenszoo.survey.similar`.
        previews: draw the candidates: a column ``preview`` of JPEG pictures beside them.
        workers: processes; 0 scores in this one.
        ray: score on a Ray cluster instead: its address, "auto" for the one that this machine
            belongs to, or "local" to begin one. Needs ``lenszoo[ray]``.
        shard: (i, n), the i-th of n processes that share the work without knowing of each other;
            whichever is last writes the candidates.
        batch_size: images a step.
        engine: what runs the networks: ``keras``, ``onnx`` (ONNX Runtime) or ``openvino``.
        precision: ``float32``, ``bfloat16`` or ``auto``, as in :func:`lenszoo.predict`.
        part_rows: most objects of a part.
        progress: is told (objects done, objects in all).

    Raises:
        LenszooError: in one line, for a catalogue, tiles or weights that cannot be read or do not
            fit together, for a catalogue of other rows than the stack, for ``out`` of another
            search, and for a disk that is full. A bad tile is told of and the rest goes on;
            a cutout that cannot be read has an ``error`` in its row.

    Example:
        >>> import numpy as np
        >>> from lenszoo.simulation import sample_cutouts
        >>> from lenszoo.survey import search
        >>> sky = sample_cutouts("lens_finding_hard", 8, seed=3, bands=["g", "r", "i"], columns=[])
        >>> np.save("stack.npy", sky.images)
        >>> result = search(None, None, "lens_finder.hard_sim_image", "R", cutouts="stack.npy")
        >>> result.scored, result.complete
        (8, True)
    """
    folder = expanded(out)
    if top < 1 or workers < 0 or part_rows < 1:
        raise LenszooError("top and part_rows are at least 1, workers at least 0.")
    if ray is not None and workers:
        raise LenszooError("A search works with workers= on this machine or with ray=, not both.")
    if shard is not None and not 1 <= shard[0] <= shard[1]:
        raise LenszooError(f"shard is (i, n) with i from 1 to n, not {tuple(shard)}.")
    if (tiles is None) == (cutouts is None):
        raise LenszooError("A search looks at tiles or at cutouts; name one of them.")
    names = [weights] if isinstance(weights, str | os.PathLike) else list(weights)
    check_output(folder, [catalogue, tiles, cutouts, *names, known_lenses], overwrite=True)
    if prevalence is not None:
        check_prevalence(prevalence)
    lenses = None if known_lenses is None else read_lenses(known_lenses)
    labels, planes = split_bands(bands)
    paths = tuple(os.fspath(name) for name in names)
    settings = Settings(
        paths, lens_class, labels, None, on_bad, zero_point, mask_value, sky,
        batch_size=batch_size, features=features, crop=crop, resize=resize, planes=planes,
        engine=engine, precision=precision,
    )  # fmt: skip
    members = Members(settings.weights, lens_class, features, engine, precision)
    if prevalence is not None:
        _check_share(members, lens_class)
    tile_options = TileOptions(pattern, resample, weight_maps, masks, mask_bits)
    named = dict(columns or {})
    if cutouts is not None:
        scene = on_cutouts(catalogue, cutouts, named, settings, members, tile_options)
    else:
        scene = on_tiles(catalogue, tiles, named, settings, members, tile_options)
    positions, settings = scene.positions, scene.settings
    identity = search_identity(positions, scene.places, settings, members)
    check_identity(folder, identity)
    if (reason := is_writable(folder)) is not None:
        raise LenszooError(f"{folder}: cannot be written ({reason}); choose another folder.")
    with held(folder, shard):
        check_identity(folder, identity)
        pixels = scene.open(folder)
        plan = make_plan(folder, positions, pixels, part_rows)
        if shard is None:
            sweep_plans(folder, plan.folder)
        _tell_left_out(plan)
        if lenses is not None and not plan.placed:
            raise LenszooError(
                f"{positions.path}: has no ra and dec, by which known lenses are matched; name its "
                "columns with columns=, or leave the list of lenses out."
            )
        check_scale(members, settings, _samples(plan, pixels), any_scale)
        write_bytes(folder / "search.json", json.dumps(identity, indent=1).encode())
        score = functools.partial(score_parts, workers=workers)
        if ray is not None:
            score = functools.partial(score_on_ray, address=ray)
        done = _score(folder, settings, plan, pixels, score, shard, progress)
        ranking: dict[str, Any] = {"top": top, "lenses": lenses, "prevalence": prevalence}
        ranking["trained"] = joint_prevalence([each.prevalence for each in members.opened])
        if previews:
            ranking["illustrate"] = lambda table: with_previews(
                table, pixels, members.shape, settings
            )
        facts = members.provenance | {"search": identity, TAKEN: _taken(members, settings, pixels)}
        result = finish(folder, plan, pixels, facts, done, ranking)
        if shard is None and result.complete:
            sweep_answers(folder, plan)
        return result


def _check_share(members: Members, lens_class: str) -> None:
    """Raise LenszooError where nobody knows which share of the class the weights learned on."""
    for opened in members.opened:
        if len(opened.classes) != 2:
            raise LenszooError(
                f"{opened.name} tells {len(opened.classes)} classes apart and does not say which "
                f"share {lens_class!r} had in its training, so its probabilities cannot be moved "
                "to a prevalence; leave prevalence out."
            )


def _taken(members: Members, settings: Settings, pixels: Sequence[PixelSource]) -> dict[str, Any]:
    """Facts of how the cutouts were taken, for pages that show them and exports."""
    if isinstance(pixels[0], Tile):
        settings = replace(settings, reads_headers=members.opened[0].zero_point is not None)
    fit = fit_of(members.shape, settings)
    return taken_facts(fit, {"mask_value": settings.mask_value})


def _tell_left_out(plan: Plan) -> None:
    for note in plan.notes:
        log.warning("%s", note)
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
    pixels: Sequence[PixelSource],
    score: Callable[..., Iterator[tuple[Part, Outcome]]],
    shard: tuple[int, int] | None,
    progress: Progress | None,
) -> Done:
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
    outcomes = score(settings, plan, open_parts, pixels, answers, ready=meter.begin)
    with heard() as check:
        for _, outcome in outcomes:
            check()
            meter.add(outcome.rows)
            if outcome.failure is not None:
                log.warning("%s", outcome.failure)
                failures.append(outcome.failure)
    if not rows:
        return Done(0.0, None, [])
    log.info("%s", meter)
    return Done(round(meter.seconds, 3), round(meter.rate, 3), failures)


def _samples(plan: Plan, pixels: Sequence[PixelSource]) -> Iterator[tuple[pa.Table, PixelSource]]:
    """Yield a few objects of some parts, evenly over all."""
    step = max(1, len(plan.parts) // _LOOKED_AT)
    for part in plan.parts[::step][:_LOOKED_AT]:
        yield plan.read(part).slice(0, _LOOKED_AT), pixels[part.tile]


def _is_done(answers: Path, part: Part) -> bool:
    outcome = read_outcome(answers / f"{part.key}.parquet")
    return outcome is not None and outcome.failure is None
