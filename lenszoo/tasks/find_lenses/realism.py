"""Realism of painted lenses: how well a linear probe tells their embeddings from real ones."""

import os
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any, NamedTuple

import numpy as np

from lenszoo.data.checks import OnBad
from lenszoo.data.dataset import Dataset
from lenszoo.data.names import LENS_CLASSES, canonical_class
from lenszoo.data.scaling import ImageScaling
from lenszoo.data.sky import SkyMethod
from lenszoo.data.written import written_galaxies
from lenszoo.errors import LenszooError
from lenszoo.inference.answers import run
from lenszoo.inference.candidates import PredictInputs, open_inputs
from lenszoo.inference.features import feature_model
from lenszoo.inference.gathered import Gathered
from lenszoo.inference.loaded_model import ModelLike, OpenedModel, open_model
from lenszoo.inference.predictor import BATCH_SIZE
from lenszoo.inference.preparing import Preparing, preparing_of
from lenszoo.metrics.frechet import frechet
from lenszoo.metrics.intervals import auc_interval
from lenszoo.metrics.shortcut import shortcut_baseline
from lenszoo.tasks.find_lenses.realism_page import RealismReport, realism_report

LEAST = 10  # images of each kind


class Embedded(NamedTuple):
    """Images of one kind with their embeddings."""

    ids: tuple[str, ...]
    images: np.ndarray  # (n, H, W, bands), as the model was given them
    features: np.ndarray  # (n, d)
    galaxies: np.ndarray  # (n,) text, the galaxy that each shows
    notes: list[str]


def realism(
    real: PredictInputs,
    painted: PredictInputs,
    model: ModelLike,
    *,
    seed: int = 0,
    batch_size: int = BATCH_SIZE,
    on_bad: OnBad | None = None,
    resize: bool = False,
    bands: Sequence[int] | None = None,
    title: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    crop: int | None = None,
    sky: SkyMethod | None = None,
    zero_point: float | None = None,
    scaling: ImageScaling | None = None,
    any_scale: bool = False,
) -> RealismReport:
    """Measure how far painted lenses can be told from real ones.

    A logistic regression on the embeddings, cross-validated, is the linear probe (Alain & Bengio
    2016, arXiv:1610.01644): 0.5 is its AUC where painted and real lenses look alike to the network,
    1 where it tells them apart without fail. Beside it stand the same on image statistics, which
    tells of noise, sky and brightness rather than of arcs, and the Frechet distance of the
    embeddings with that of two halves of the real ones.

    Both sets must have been prepared alike, and be of one mix of galaxies: a probe tells those
    apart too. Several lenses painted on one galaxy stay in one fold, and the intervals count
    galaxies, where these are known: of a folder of ``lenszoo simulate --survey``, and of a
    ``Dataset`` with ``groups``.

    Args:
        real: images of real lenses, as for :func:`lenszoo.predict`.
        painted: images of painted lenses, of the same size and bands.
        model: a network whose layer ``features`` embeds them.
        seed: of the folds and splits.
        batch_size, on_bad, resize, bands: as for :func:`lenszoo.embed`.
        title: of the report.
        progress: called as ``progress(done, total)``.
        crop, sky, zero_point, scaling, any_scale: as for :func:`lenszoo.embed`.

    Returns:
        The report; ``metrics`` holds ``probe_auc`` with its ``probe_interval``, ``statistics_auc``,
        ``frechet``, ``frechet_floor`` and their intervals; ``save`` writes the page.

    Raises:
        LenszooError: fewer than 10 images of a kind, images of other sizes or bands, and as
            :func:`lenszoo.embed`.

    Example:
        >>> from lenszoo import realism
        >>> from lenszoo.simulation import paint, simulate_galaxies
        >>> lenses = [
        ...     paint(simulate_galaxies("cfhtls_gri", 12, seed=k), seed=k).images for k in (1, 2)
        ... ]
        >>> report = realism(*lenses, "lens_finder.easy_sim_image_v2")
        >>> 0 <= report.metrics["probe_auc"] <= 1
        True
    """
    opened = open_model(model)
    preparing = preparing_of(crop, sky, zero_point, scaling, any_scale)
    options = _Options(on_bad, resize, bands, batch_size, preparing, progress)
    sets = [
        _embedded(opened, name, inputs, options)
        for name, inputs in (("real", real), ("painted", painted))
    ]
    features = np.concatenate([each.features for each in sets])
    images = np.concatenate([each.images for each in sets])
    labels = np.repeat([0, 1], [len(each.ids) for each in sets])
    galaxies = np.concatenate([each.galaxies for each in sets])
    common: dict[str, Any] = {"seed": seed, "max_images": len(labels), "groups": galaxies}
    probe = shortcut_baseline(features, labels, 2, **common)
    statistics = shortcut_baseline(images, labels, 2, **common)
    distance = frechet(*(each.features for each in sets), seed=seed)
    values: dict[str, Any] = {"real": int((labels == 0).sum()), "painted": int(labels.sum())}
    shown = [len(np.unique(each.galaxies)) for each in reversed(sets)]
    for name, result in (("probe", probe), ("statistics", statistics)):
        auc = float(result.macro_ovr_auc)
        values[f"{name}_auc"] = auc
        values[f"{name}_interval"] = auc_interval(auc, *shown).tolist()
    values |= {
        "frechet": distance.distance,
        "frechet_interval": list(distance.interval),
        "frechet_floor": distance.floor,
        "frechet_floor_interval": list(distance.floor_interval),
        "frechet_images": distance.size,
        "frechet_dimensions": distance.dimensions,
        "folds": probe.folds,
    }
    assert probe.scores is not None  # both kinds have images
    return realism_report(
        values,
        ids=[name for each in sets for name in each.ids],
        images=images,
        labels=labels,
        scores=probe.scores[:, 1] - probe.scores[:, 0],
        bands=opened.bands or None,
        title=title or f"Realism of painted lenses, by {opened.name}",
        notes=[note for each in sets for note in each.notes],
        provenance=opened.provenance | {"seed": seed},
    )


class _Options(NamedTuple):
    on_bad: OnBad | None
    resize: bool
    bands: Sequence[int] | None
    batch_size: int
    preparing: Preparing
    progress: Callable[[int, int], None] | None


def _embedded(opened: OpenedModel, kind: str, inputs: PredictInputs, options: _Options) -> Embedded:
    """Embed the images of one kind; those without an answer are left out."""
    candidates = open_inputs(
        opened, inputs, options.on_bad, options.resize, options.bands, preparing=options.preparing
    )
    if candidates.images is None:
        raise LenszooError(f"{opened.name} looks at no images, so that it embeds none.")
    gathered = Gathered(opened, candidates, options.batch_size, tta=False)
    answers = run(
        feature_model(opened.model), candidates, options.batch_size, options.progress,
        gathered.collect,
    )  # fmt: skip
    assert gathered.images is not None
    rows = np.flatnonzero(answers.kept)
    notes = [f"The {kind} images: {note}" for note in candidates.images.notes]
    if len(rows) < len(candidates):
        first = next(error for error in answers.errors if error)
        left = len(candidates) - len(rows)
        notes.append(f"{left} of {len(candidates)} {kind} images were left out: {first}")
    if len(rows) < LEAST:
        raise LenszooError(
            f"There are {len(rows)} {kind} images; a probe needs {LEAST} of each kind at least."
        )
    ids = tuple(candidates.ids[row] for row in rows)
    others = sum(_of_other_class(name) for name in ids)
    if others:
        raise LenszooError(
            f"{others} of the {len(ids)} {kind} images lie in folders of non-lenses, such as "
            f"{next(filter(_of_other_class, ids))}; name the folder of the lenses alone, such as "
            "PAINTED/train/lens."
        )
    galaxies = _galaxies(kind, inputs, ids, rows)
    shown = len(np.unique(galaxies))
    if shown < 2:
        raise LenszooError(f"All {kind} images show one galaxy: a probe needs several.")
    if shown < len(ids):
        notes.append(
            f"The {len(ids)} {kind} images show {shown} galaxies: folds keep each whole, and "
            "intervals count galaxies. The Frechet distance counts images."
        )
    features = answers.values[rows].astype(np.float64)
    return Embedded(ids, gathered.images[rows], features, galaxies, notes)


def _galaxies(kind: str, inputs: PredictInputs, ids: Sequence[str], rows: np.ndarray) -> np.ndarray:
    """Name of the galaxy that each image of one kind shows; where unknown, each its own."""
    names: Any = None
    if isinstance(inputs, str | os.PathLike):
        names = written_galaxies(inputs, ids)
    elif isinstance(inputs, Dataset) and inputs.groups is not None:
        names = inputs.groups[rows]
    return np.array([f"{kind} {name}" for name in (ids if names is None else names)])


def _of_other_class(name: str) -> bool:
    """Whether an image lies in a class folder of non-lenses."""
    return any(canonical_class(part) == LENS_CLASSES[0] for part in PurePath(name).parts[:-1])
