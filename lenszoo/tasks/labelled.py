"""Labelled examples of a user, answered by a classifier or a lens finder in one pass."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lenszoo.data.catalogue import Catalogue
from lenszoo.data.dataset import Dataset
from lenszoo.data.index import DatasetIndex, canonical_class
from lenszoo.data.listing import Inputs
from lenszoo.errors import LenszooError
from lenszoo.inference.candidates import Candidates, open_inputs, reads_catalogue
from lenszoo.inference.gathered import Gathered
from lenszoo.inference.loaded_model import OpenedModel
from lenszoo.inference.predictor import BATCH_SIZE, run
from lenszoo.simulation import SPLIT_START, Sample
from lenszoo.tasks.base import Options

Labelled = DatasetIndex | Sample | Dataset | Catalogue | str | os.PathLike[str]


class Answered(NamedTuple):
    """The m examples that were answered and have a label.

    Attributes:
        opened: the model.
        labels: (m,) positions in the model's classes.
        logits: (m, classes).
        looks: further logits (m, classes) by name, see
            :class:`lenszoo.inference.gathered.Gathered`.
        images: (m, H, W, bands) as the model was given them, or None.
        table: (m, columns), or None.
        ids: m names.
        cutouts: the objects of a catalogue, m of them, or None.
        bands: names of the bands of ``images``, or None where nobody named them.
        source: name of the data in messages and provenance.
        notes: what was left out, a sentence each.
    """

    opened: OpenedModel
    labels: np.ndarray
    logits: np.ndarray
    looks: dict[str, np.ndarray]
    images: np.ndarray | None
    table: np.ndarray | None
    ids: Sequence[str]
    cutouts: Dataset | None
    bands: Sequence[str] | None
    source: str
    notes: list[str]

    def about(self, noun: str, about: dict[str, Any]) -> dict[str, Any]:
        """Complete title and provenance of a report."""
        more = about.get("provenance") or {}
        origin = self.source if self.cutouts is None else self.cutouts.provenance
        return about | {
            "title": about.get("title") or f"{self.opened.name} on {len(self.labels):,} {noun}",
            "provenance": self.opened.provenance | {"data": origin} | more,
        }


def answer_labelled(opened: OpenedModel, data: Labelled, options: Options) -> Answered:
    """Answer to labelled examples.

    Args:
        opened: a classifier or a lens finder.
        data: as for :func:`lenszoo.evaluate`.
        options: of the evaluation.

    Raises:
        LenszooError: no labels, classes that the model does not know, or nothing left to score.
    """
    size = options.batch_size or BATCH_SIZE
    inputs, labels = _labelled(opened, data)
    candidates = open_inputs(
        opened, inputs, options.on_bad, options.resize, options.bands, labels=True
    )
    if labels is None:
        labels = _labels_of(opened, candidates)
    gathered = Gathered(opened, candidates, size, options.tta)
    answers = run(opened.model, candidates, size, options.progress, gathered.collect)
    rows = np.flatnonzero(answers.kept & (labels.values >= 0))
    if not len(rows):
        n = len(candidates)
        raise LenszooError(f"{labels.source}: none of the {n} images could be scored.")
    whole = len(rows) == len(candidates)

    def at(array: np.ndarray | None) -> np.ndarray | None:
        return array if array is None or whole else array[rows]

    return Answered(
        opened,
        labels.values[rows],
        opened.logits(answers.values[rows]),
        {name: values[rows] for name, values in gathered.looks.items()},
        at(gathered.images),
        at(candidates.table),
        [labels.ids[int(i)] for i in rows],
        None if candidates.cutouts is None else candidates.cutouts.take(rows),
        _bands(opened, candidates),
        labels.source,
        _left_out(answers.errors, answers.kept, labels.values),
    )


def _bands(opened: OpenedModel, candidates: Candidates) -> Sequence[str] | None:
    """Names of the bands as the model was given them; None where nobody named them."""
    if candidates.images is None:
        return None
    fit, names = candidates.images.fit, opened.bands
    if not names and candidates.cutouts is not None and candidates.cutouts.bands:
        have = candidates.cutouts.bands
        names = have if fit.bands is None else tuple(have[k] for k in fit.bands)
    return names if len(names) == fit.shape[2] else None


def _left_out(errors: Sequence[str | None], kept: np.ndarray, labels: np.ndarray) -> list[str]:
    notes = []
    if not kept.all():
        first = next(error for error in errors if error)
        notes.append(f"{(~kept).sum()} of {len(kept)} images were left out: {first}")
    if (labels < 0).any():
        notes.append(f"Without a label, and left out: {(labels < 0).sum()} of {len(labels)}.")
    return notes


class _Labels(NamedTuple):
    """Labels in the model's order (-1: none), ids, and the name of the data in messages."""

    values: np.ndarray
    ids: Sequence[str]
    source: str


def _labels_of(opened: OpenedModel, candidates: Candidates) -> _Labels:
    """Labels that were read together with the candidates."""
    cutouts = candidates.cutouts
    assert cutouts is not None  # of Cutouts or a Catalogue
    labels = cutouts.known_labels()
    source = str(cutouts.provenance.get("catalogue", "the candidates"))
    places = _relabel(opened, np.maximum(labels, 0), cutouts.class_names, source)
    return _Labels(np.where(labels < 0, -1, places), candidates.ids, source)


def _labelled(
    opened: OpenedModel, data: Labelled
) -> tuple[Inputs | Dataset | Catalogue, _Labels | None]:
    """Return inputs and their labels; None for labels that are read with the inputs."""
    if isinstance(data, Dataset | Catalogue):
        return data, None
    if isinstance(data, Sample):
        ids = [_scene_name(int(scene)) for scene in data.truth["scene"]]
        labels = _relabel(opened, data.labels, data.class_names, "the sample")
        return data.images, _Labels(labels, ids, "a simulated sample")
    if not isinstance(data, DatasetIndex):
        if opened.finds_lenses and reads_catalogue(opened, data):
            return Catalogue(data), None
        if not opened.named:
            raise LenszooError(
                f"{opened.name} does not say what its classes are called; pass classes=, their "
                "names in the order of its outputs."
            )
        data = read_index(data, opened.classes)
    if data.labels is None:
        raise LenszooError(
            f"{data.source}: has no labels to score against; give one folder a class, or a CSV "
            "with a label column."
        )
    labels = _relabel(opened, data.labels, data.class_names, data.source)
    return data, _Labels(labels, data.ids, data.source)


def read_index(path: str | os.PathLike[str], classes: Sequence[str] | None = None) -> DatasetIndex:
    """Index a CSV or a folder of class folders; of one with ``train`` and ``val``, the latter."""
    path = Path(path)
    if path.suffix.lower() == ".csv":
        return DatasetIndex.from_csv(path, classes=classes)
    folder = path / "val" if (path / "train").is_dir() and (path / "val").is_dir() else path
    return DatasetIndex.from_directory(folder, classes=classes)


def _scene_name(scene: int) -> str:
    """Name a simulated scene by its split and its place there: ``test/17``."""
    split, start = max(
        ((name, at) for name, at in SPLIT_START.items() if at <= scene), key=lambda item: item[1]
    )
    return f"{split}/{scene - start}"


def _relabel(
    opened: OpenedModel, labels: np.ndarray, names: Sequence[str], source: str
) -> np.ndarray:
    """Express labels as positions in the model's classes, matched by name or alias."""
    classes = [canonical_class(name) for name in opened.classes]
    canonical = [canonical_class(name) for name in names]
    if not opened.named and len(names) == len(classes):
        return np.asarray(labels, np.int64)
    strangers = [n for n, c in zip(names, canonical, strict=True) if c not in classes]
    if strangers:
        raise LenszooError(
            f"{source}: class {strangers[0]!r} is unknown to {opened.name}, which knows "
            f"{', '.join(opened.classes)}; fine-tune on these classes with lenszoo train --weights."
        )
    order = np.array([classes.index(c) for c in canonical])
    return order[np.asarray(labels)]
