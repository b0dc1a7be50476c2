"""Score a classifier or a lens finder on labelled files, candidates or a simulated sky."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lenszoo.data.catalogue import Catalogue
from lenszoo.data.checks import OnBad
from lenszoo.data.dataset import Cutouts
from lenszoo.data.index import DatasetIndex, canonical_class
from lenszoo.data.leaks import find_leaks
from lenszoo.data.listing import Inputs
from lenszoo.errors import LenszooError
from lenszoo.inference.candidates import Candidates, open_inputs, reads_catalogue
from lenszoo.inference.gathered import LOOKS, Gathered
from lenszoo.inference.loaded_model import ModelLike, OpenedModel, open_model
from lenszoo.inference.predictor import BATCH_SIZE, Progress, run
from lenszoo.simulation import SPLIT_START, Sample, sample
from lenszoo.simulation.cutouts import sample_cutouts
from lenszoo.tasks.classify.report import ClassificationReport, classification_report
from lenszoo.tasks.find_lenses.report import LensFindingReport, lens_finding_report

Labelled = DatasetIndex | Sample | Cutouts | Catalogue | str | os.PathLike[str]


def evaluate(
    model: ModelLike,
    data: Labelled,
    *,
    batch_size: int = BATCH_SIZE,
    on_bad: OnBad | None = None,
    classes: Sequence[str] | None = None,
    resize: bool = False,
    bands: Sequence[int] | None = None,
    tta: bool = False,
    title: str | None = None,
    provenance: dict[str, Any] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> ClassificationReport | LensFindingReport:
    """Score a model on labelled data, exactly and beside the shortcut baseline.

    A lens finder gets the lens-finding report; one that looks at images and a table has three
    scores there: both, the image only and the table only.

    Args:
        model: as in :func:`lenszoo.predict`; of a run folder the history is shown too.
        data: a folder of class folders (of one that holds ``train`` and ``val``, the latter); a
            ``.csv`` with columns ``id``, ``path`` and ``label``; an index with labels; or a
            simulated sample. Classes are matched by name or alias, whatever their order. Lens
            candidates with labels: ``Cutouts``, a :class:`lenszoo.inference.Catalogue` or the path
            of one, without a column ``path``.
        batch_size, on_bad, resize, bands, progress: as in :func:`lenszoo.predict`; images that
            "skip" passes over, and objects without a label, are counted in a note and score
            nothing.
        classes: the model's class names, where the weights do not know them.
        tta: score the mean over the quarter turns and flips of each image as well
            (:func:`lenszoo.evaluation.tta_logits`), in eight times the time.
        title: heading of the report.
        provenance: more to say of where the data come from.
        seed: of the bootstrap and of the shortcut baseline.

    Raises:
        LenszooError: as :func:`lenszoo.predict`, and for data without labels or with classes that
            the model does not know; for images that are not square with tta.
    """
    opened = open_model(model, classes)
    inputs, found = _labelled(opened, data)
    asked = open_inputs(opened, inputs, on_bad, resize, bands, labels=True)
    if found is None:
        found = _labels_of(opened, asked)
    gathered = Gathered(opened, asked, batch_size, tta)
    answers = run(opened.model, asked, batch_size, progress, gathered.collect)
    scored = np.flatnonzero(answers.kept & (found.labels >= 0))
    if not len(scored):
        raise LenszooError(f"{found.source}: none of the {len(asked)} images could be scored.")
    parts = _Parts(
        found.labels[scored],
        opened.logits(answers.values[scored]),
        {name: values[scored] for name, values in gathered.looks.items()},
        _at(gathered.images, scored),
        [found.ids[int(i)] for i in scored],
    )
    what = "candidates" if opened.finds_lenses else "images"
    given: dict[str, Any] = {
        "title": title or f"{opened.name} on {len(scored):,} {what}",
        "history": _history(opened.run_dir),
        "provenance": opened.provenance | {"data": found.source} | (provenance or {}),
        "seed": seed,
    }
    report: ClassificationReport | LensFindingReport
    if opened.finds_lenses:
        report = _finder_report(opened, asked, scored, parts, given)
    else:
        report = classification_report(
            parts.labels, parts.logits, opened.classes, images=parts.images, model=opened.model,
            tta=parts.looks.get(LOOKS), ids=parts.ids, **given,
        )  # fmt: skip
    report.notes = [*report.notes, *_left_out(answers.errors, answers.kept, found.labels)]
    return report


def simulated(opened: OpenedModel, preset: str, images: int, seed: int) -> Sample | Cutouts:
    """Draw the test split of a sky for a model: for one that looks at a table, with its columns.

    Raises:
        LenszooError: an unknown preset, or one that measures other columns.
    """
    if not opened.finds_lenses:
        return sample(preset, images, seed, SPLIT_START["test"])
    columns = opened.columns if "table" in opened.takes else ()
    bands = opened.bands or None
    return sample_cutouts(preset, images, seed, "test", bands=bands, columns=columns)


class _Parts(NamedTuple):
    """What was scored: m objects of those that were asked about."""

    labels: np.ndarray  # (m,) positions in the model's classes
    logits: np.ndarray  # (m, classes)
    looks: dict[str, np.ndarray]  # (m, classes) each
    images: np.ndarray | None  # (m, H, W, bands)
    ids: list[str]


def _finder_report(
    opened: OpenedModel,
    asked: Candidates,
    scored: np.ndarray,
    parts: _Parts,
    given: dict[str, Any],
) -> LensFindingReport:
    takes, cutouts = opened.takes, asked.cutouts
    main = "image and table" if len(takes) == 2 else f"{next(iter(takes)).removesuffix('s')} only"
    logits = {main: parts.logits} | parts.looks
    scores = {name: pair[:, 1] - pair[:, 0] for name, pair in logits.items()}
    table = _at(asked.table, scored)
    known: dict[str, Any] = {}
    if table is not None:
        columns = opened.columns or (cutouts.columns if cutouts is not None else ())
        both = 0 < parts.labels.sum() < len(parts.labels)
        leaks = find_leaks(table, columns, parts.labels) if both else None
        known = {"table": table, "columns": columns, "leaks": leaks}
    if cutouts is not None and cutouts.truth is not None:
        known["truth"] = {name: values[scored] for name, values in cutouts.truth.items()}
    if cutouts is not None:
        given["provenance"]["data"] = cutouts.provenance
    return lens_finding_report(
        parts.labels,
        scores,
        uncalibrated=scores[main] * float(opened.model.get_layer("temperature").temperature),
        images=parts.images,
        bands=_bands(opened, asked),
        ids=parts.ids,
        **known,
        **given,
    )


def _bands(opened: OpenedModel, asked: Candidates) -> Sequence[str] | None:
    """Names of the bands as the model was given them; None where nobody named them."""
    if asked.images is None:
        return None
    fit, names = asked.images.fit, opened.bands
    if not names and asked.cutouts is not None and asked.cutouts.bands:
        have = asked.cutouts.bands
        names = have if fit.bands is None else tuple(have[k] for k in fit.bands)
    return names if len(names) == fit.shape[2] else None


def _at(array: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    """Some rows; without a copy where they are all."""
    return array if array is None or len(rows) == len(array) else array[rows]


def _left_out(errors: Sequence[str | None], kept: np.ndarray, labels: np.ndarray) -> list[str]:
    notes = []
    if not kept.all():
        first = next(error for error in errors if error)
        notes.append(f"{(~kept).sum()} of {len(kept)} images were left out: {first}")
    if (labels < 0).any():
        notes.append(f"Without a label, and left out: {(labels < 0).sum()} of {len(labels)}.")
    return notes


class _Found(NamedTuple):
    """Labels in the model's order (-1: none), ids, and what messages call the data."""

    labels: np.ndarray
    ids: Sequence[str]
    source: str


def _labels_of(opened: OpenedModel, asked: Candidates) -> _Found:
    """Labels that were read together with the candidates."""
    cutouts = asked.cutouts
    assert cutouts is not None  # of Cutouts or a Catalogue
    known = cutouts.known_labels()
    source = str(cutouts.provenance.get("catalogue", "the candidates"))
    labels = _relabel(opened, np.maximum(known, 0), cutouts.class_names, source)
    return _Found(np.where(known < 0, -1, labels), asked.ids, source)


def _labelled(
    opened: OpenedModel, data: Labelled
) -> tuple[Inputs | Cutouts | Catalogue, _Found | None]:
    """Return inputs and their labels; None for labels that are read with the inputs."""
    if isinstance(data, Cutouts | Catalogue):
        return data, None
    if isinstance(data, Sample):
        labels = _relabel(opened, data.labels, data.class_names, "the sample")
        ids = [_scene_name(int(scene)) for scene in data.truth["scene"]]
        return data.images, _Found(labels, ids, "a simulated sample")
    if not isinstance(data, DatasetIndex):
        if opened.finds_lenses and reads_catalogue(opened, data):
            return Catalogue(data), None
        if not opened.named:
            raise LenszooError(
                f"{opened.name} does not say what its classes are called; pass classes=, their "
                "names in the order of its outputs."
            )
        path = Path(data)
        if path.suffix.lower() == ".csv":
            data = DatasetIndex.from_csv(path, classes=opened.classes)
        else:
            folder = path / "val" if (path / "train").is_dir() and (path / "val").is_dir() else path
            data = DatasetIndex.from_directory(folder, classes=opened.classes)
    if data.labels is None:
        raise LenszooError(
            f"{data.source}: has no labels to score against; give one folder a class, or a CSV "
            "with a label column."
        )
    labels = _relabel(opened, data.labels, data.class_names, data.source)
    return data, _Found(labels, data.ids, data.source)


def _scene_name(scene: int) -> str:
    """Name a simulated scene by its split and its place there: ``test/17``."""
    split, start = max(
        ((name, at) for name, at in SPLIT_START.items() if at <= scene), key=lambda item: item[1]
    )
    return f"{split}/{scene - start}"


def _relabel(
    opened: OpenedModel, labels: np.ndarray, names: Sequence[str], source: str
) -> np.ndarray:
    """Express labels as positions in the model's classes, found by name or alias."""
    known = [canonical_class(name) for name in opened.classes]
    wanted = [canonical_class(name) for name in names]
    if not opened.named and len(names) == len(known):
        return np.asarray(labels, np.int64)
    strangers = [n for n, c in zip(names, wanted, strict=True) if c not in known]
    if strangers:
        raise LenszooError(
            f"{source}: class {strangers[0]!r} is unknown to {opened.name}, which knows "
            f"{', '.join(opened.classes)}; fine-tune on these classes with lenszoo train --weights."
        )
    order = np.array([known.index(c) for c in wanted])
    return order[np.asarray(labels)]


def _history(run_dir: Path | None) -> list[dict[str, str]] | None:
    """Rows of a run's history, where there is one."""
    if run_dir is None or not (run_dir / "history.csv").is_file():
        return None
    with (run_dir / "history.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
