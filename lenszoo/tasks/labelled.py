"""Labelled examples of a user, answered by a classifier or a lens finder in one pass."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from lenszoo.data.catalogue import Catalogue
from lenszoo.data.dataset import Dataset
from lenszoo.data.index import DatasetIndex
from lenszoo.data.listing import ImageTable, Inputs
from lenszoo.data.memory_table import is_table
from lenszoo.data.names import canonical_class
from lenszoo.data.paired import as_labels, is_pipeline, read_pipeline
from lenszoo.data.stacks import is_stack_file
from lenszoo.data.table import is_table_file
from lenszoo.errors import LenszooError
from lenszoo.files import expanded, has_folder
from lenszoo.inference.answers import run
from lenszoo.inference.candidates import Candidates, open_inputs, reads_catalogue
from lenszoo.inference.gathered import Gathered
from lenszoo.inference.inputs import as_plain
from lenszoo.inference.loaded_model import OpenedModel
from lenszoo.inference.predictor import BATCH_SIZE
from lenszoo.simulation import SPLIT_START, Sample
from lenszoo.tasks.base import Options
from lenszoo.tasks.parts import real_notes, seen_notes

Labelled: TypeAlias = DatasetIndex | Sample | Dataset | Catalogue | str | os.PathLike[str] | Any


log = logging.getLogger("lenszoo")


class Answered(NamedTuple):
    """The m examples that were answered and have a label.

    Attributes:
        opened: the model.
        examples: images and table as the model was given them, with labels in its classes.
        logits: (m, classes).
        looks, members: further logits (m, classes) by name, see
            :class:`lenszoo.inference.gathered.Gathered`.
    """

    opened: OpenedModel
    examples: Dataset
    logits: np.ndarray
    looks: dict[str, np.ndarray]
    members: dict[str, np.ndarray]

    def about(self, noun: str, about: dict[str, Any]) -> dict[str, Any]:
        """Complete title and provenance of a report."""
        more, origin = about.get("provenance") or {}, self.examples.provenance
        return about | {
            "title": about.get("title") or f"{self.opened.name} on {len(self.examples):,} {noun}",
            "provenance": self.opened.provenance | {"data": origin["data"]} | more,
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
    reading = options.on_bad, options.resize, options.bands
    candidates = open_inputs(opened, inputs, *reading, labels=True, preparing=options.preparing)
    if labels is None:
        labels = _labels_of(opened, candidates)
    gathered = Gathered(opened, candidates, size, options.tta)
    answers = run(opened.model, candidates, size, options.progress, gathered.collect)
    rows = np.flatnonzero(answers.kept & (labels.values >= 0))
    if not len(rows):
        n = len(candidates)
        raise LenszooError(f"{labels.source}: none of the {n} images could be scored.")
    objects, whole = candidates.cutouts, len(rows) == len(candidates)

    def at(array: Any) -> Any:
        return array if array is None or whole else array[rows]

    columns = opened.columns or (objects.columns if objects is not None else ())
    truth = objects.truth if objects is not None else None
    simulated = _is_simulated(data)
    stored = candidates.images is not None and not simulated
    examples = Dataset(
        tuple(labels.ids[int(i)] for i in rows),
        at(gathered.images),
        at(candidates.table),
        () if candidates.table is None else columns,
        labels.values[rows],
        tuple(_bands(opened, candidates) or ()),
        class_names=opened.classes,
        notes=(
            *part_notes(data),
            *_left_out(answers.errors, answers.kept, labels.values),
            *(seen_notes(opened.run_dir, candidates.paths) if stored else ()),
            *([] if simulated else real_notes(opened.model)),
            *(candidates.images.notes if candidates.images is not None else ()),
        ),
        provenance={"data": labels.source if objects is None else objects.provenance},
        truth=truth and {name: values[rows] for name, values in truth.items()},
    )
    looks, members = (
        {name: values[rows] for name, values in each.items()}
        for each in (gathered.looks, gathered.members)
    )
    return Answered(opened, examples, opened.logits(answers.values[rows]), looks, members)


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
    if is_pipeline(data):
        data = tuple(read_pipeline(data))
    if isinstance(data, tuple):
        return _paired(opened, data)
    if isinstance(data, str | os.PathLike) and is_stack_file(data):
        data = DatasetIndex.from_stack(data, opened.classes)
        if data.labels is None:
            raise LenszooError(f"{data.source}: has no labels to score against: an array 'labels'.")
    if isinstance(data, ImageTable):
        data = data.index(opened.classes)
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


def _paired(opened: OpenedModel, pair: tuple[Any, ...]) -> tuple[Inputs, _Labels]:
    """Take ``(images, labels)`` in memory."""
    if len(pair) != 2 or pair[1] is None:
        raise LenszooError("Give images with their labels: (images, labels), two arrays.")
    images = as_plain(pair[0])
    if not isinstance(images, np.ndarray):
        raise LenszooError(
            f"(images, labels) holds {type(pair[0]).__name__} in place of an array of images."
        )
    labels = as_labels(pair[1], opened.classes, len(images))
    return images, _Labels(labels, [str(i) for i in range(len(images))], "the arrays")


def read_index(path: Any, classes: Sequence[str] | None = None) -> DatasetIndex:
    """Index a table or a folder of class folders; of one with ``train`` and ``val``, the latter."""
    if is_table(path) or is_table_file(path):
        return ImageTable(path).index(classes)
    folder = expanded(path)
    folder = folder / "val" if _has_parts(path) else folder
    return DatasetIndex.from_directory(folder, classes=classes)


def part_notes(data: Any) -> list[str]:
    """Say, in the log too, which part of a folder with ``train`` and ``val`` is scored."""
    if not isinstance(data, str | os.PathLike) or not _has_parts(data):
        return []
    note = f"{data} holds train and val: val is scored (for the other, give {Path(data, 'train')})."
    log.info("%s", note)
    return [note]


def _is_simulated(data: Any) -> bool:
    return isinstance(data, Sample) or (isinstance(data, Dataset) and "preset" in data.provenance)


def _has_parts(path: Any) -> bool:
    return all(has_folder(expanded(path) / part) for part in ("train", "val"))


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
