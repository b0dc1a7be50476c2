"""Score a classifier on labelled files or on a simulated sky."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lenszoo.data.checks import OnBad
from lenszoo.data.index import DatasetIndex, canonical_class
from lenszoo.data.readers import aligned_empty
from lenszoo.errors import LenszooError
from lenszoo.evaluation import ClassificationReport, classification_report, tta_logits
from lenszoo.prediction.inputs import Inputs
from lenszoo.prediction.opened import ModelLike, OpenedModel, open_model
from lenszoo.prediction.predictor import BATCH_SIZE, Progress, answer, open_images, run
from lenszoo.simulation import SPLIT_START, Sample


def evaluate(
    model: ModelLike,
    data: DatasetIndex | Sample | str | os.PathLike[str],
    *,
    batch_size: int = BATCH_SIZE,
    on_bad: OnBad = "raise",
    classes: Sequence[str] | None = None,
    resize: bool = False,
    bands: Sequence[int] | None = None,
    tta: bool = False,
    title: str | None = None,
    provenance: dict[str, Any] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> ClassificationReport:
    """Score a classifier on labelled images, exactly and beside the shortcut baseline.

    Args:
        model: as in :func:`lenszoo.predict`; of a run folder the history is shown too.
        data: a folder of class folders (of one that holds ``train`` and ``val``, the latter); a
            ``.csv`` with columns ``id``, ``path`` and ``label``; an index with labels; or a
            simulated sample. Classes are matched by name or alias, whatever their order.
        batch_size, on_bad, resize, bands, progress: as in :func:`lenszoo.predict`; images that
            "skip" passes over are counted in a note and score nothing.
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
    inputs, labels, ids, facts = _labelled(opened, data)
    images = open_images(opened, inputs, on_bad, resize, bands)
    height, width, n_bands = images.fit.shape
    stack = aligned_empty((len(images), height or 1, width or 1, n_bands))
    looks = np.full((len(images), len(opened.classes)), np.nan, np.float32) if tta else None
    padded = _Padded(opened, min(batch_size, len(images)))

    def collect(rows: np.ndarray, batch: np.ndarray) -> None:
        stack[rows] = batch
        if looks is not None and len(rows):
            looks[rows] = tta_logits(padded, batch)

    answers = run(opened.model, images, batch_size, progress, collect)
    kept = np.flatnonzero(answers.kept)
    if not len(kept):
        raise LenszooError(f"{facts['data']}: none of the {len(images)} images could be scored.")
    whole = len(kept) == len(images)
    report = classification_report(
        labels[kept],
        opened.logits(answers.values[kept]),
        opened.classes,
        images=stack if whole else stack[kept],
        model=opened.model,
        tta=None if looks is None else looks[kept],
        ids=[ids[int(i)] for i in kept],
        history=_history(opened.run_dir),
        title=title or f"{opened.name} on {len(kept):,} images",
        provenance=opened.provenance | facts | (provenance or {}),
        seed=seed,
    )
    if not whole:
        left = len(images) - len(kept)
        first = next(error for error in answers.errors if error)
        report.notes = [*report.notes, f"{left} of {len(images)} images were left out: {first}"]
    return report


class _Padded(NamedTuple):
    """What ``tta_logits`` asks: answers as logits, from batches of one size."""

    opened: OpenedModel
    size: int

    def predict_on_batch(self, images: np.ndarray) -> np.ndarray:
        return self.opened.logits(answer(self.opened.model, images, self.size))


def _labelled(
    opened: OpenedModel, data: Any
) -> tuple[Inputs, np.ndarray, Sequence[str], dict[str, Any]]:
    """Return inputs, labels in the model's order, ids, and what is known of the data."""
    if isinstance(data, Sample):
        labels = _relabel(opened, data.labels, data.class_names, "the sample")
        ids = [_scene_name(int(scene)) for scene in data.truth["scene"]]
        return data.images, labels, ids, {"data": "a simulated sample"}
    if not isinstance(data, DatasetIndex):
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
    return data, labels, data.ids, {"data": data.source}


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
