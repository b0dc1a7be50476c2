"""Score any trained model on a user's data or on a simulated sky."""

import csv
from collections.abc import Callable, Sequence
from typing import Any, Literal, Unpack

import keras

from lenszoo import tasks
from lenszoo.data.checks import OnBad
from lenszoo.errors import LenszooError
from lenszoo.files import read_json
from lenszoo.inference.loaded_model import OpenedModel
from lenszoo.inference.preparing import Preparing
from lenszoo.metrics.prevalence import check_prevalence
from lenszoo.models.build import model_config
from lenszoo.models.registry import CATALOG
from lenszoo.pretrained.loading import load_model
from lenszoo.pretrained.members import members
from lenszoo.pretrained.origin import recall
from lenszoo.pretrained.source import WeightsName
from lenszoo.reporting.report import Report
from lenszoo.tasks.base import Options, Task
from lenszoo.tasks.parts import SPLIT_FILE, first_change, read_parts
from lenszoo.tasks.recipes import validate

EVALUATION_SEED = 2026
"""Seed of the scenes that all released weights are scored on, from the test split."""

IMAGES = 1500
"""Examples of a simulated sky, by default."""


def evaluate(
    model: keras.Model | OpenedModel | WeightsName | Sequence[WeightsName],
    data: Any = None,
    *,
    preset: str | None = None,
    split: Literal["train", "val", "test"] | None = None,
    images: int = IMAGES,
    seed: int = 0,
    batch_size: int | None = None,
    on_bad: OnBad | None = None,
    classes: Sequence[str] | None = None,
    resize: bool = False,
    bands: Sequence[int] | None = None,
    tta: bool = False,
    prevalence: float | None = None,
    title: str | None = None,
    provenance: dict[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
    **preparing: Unpack[Preparing],
) -> Report:
    """Score a model of any task on data or on a simulated sky, exactly and beside baselines.

    Args:
        model: as in :func:`lenszoo.predict`; of a run folder the history is shown too.
        data: of a classifier, a folder of class folders (of one that holds ``train`` and ``val``,
            the latter), a table with columns ``id``, ``path`` and ``label`` (an
            :class:`lenszoo.data.listing.ImageTable` names others, or cuts its images out of large
            ones), a stack with an array ``labels``, an index with labels,
            a simulated sample, arrays ``(images, labels)`` or a ``tf.data.Dataset`` of them;
            classes are matched by name or alias, whatever their order. Of a lens finder also
            candidates with labels: ``Cutouts``, a :class:`lenszoo.data.Catalogue` or its table. Of
            a super-resolution network, a folder with ``low`` and ``high``, or one of fine images,
            of which coarse ones are made as in training, else by means. Of a backbone that learned
            without labels, as for a classifier, or a folder of images without labels.
        preset: a simulated sky in place of ``data``; its test split is drawn.
        split: the part of a run folder's own data in place of ``data``: the images that it trained
            on, those that chose its best epoch, or its test scenes. The data must be unchanged.
        images: examples of the sky.
        seed: of the scenes, of the bootstrap and of the baselines.
        batch_size, on_bad, resize, bands, progress: as in :func:`lenszoo.predict`; images that
            "skip" passes over, and objects without a label, are counted in a note and score
            nothing.
        classes: the model's class names, where the weights do not know them.
        tta: score the mean over the quarter turns and flips of each image as well
            (:func:`lenszoo.evaluation.tta_logits`), in eight times the time.
        prevalence: of a lens finder, the share of lenses in the survey whose purity, inspections
            per lens and probabilities are reported; by default 1e-3.
        title: heading of the report.
        provenance: more to say of where the data come from.
        **preparing: how images are prepared, as in :func:`lenszoo.predict`.

    Returns:
        The report of the model's task; ``save`` writes it.

    Raises:
        LenszooError: as :func:`lenszoo.predict`; for neither or both of data and preset, data
            without labels or with classes that the model does not know, a preset of another task,
            or an option that does not apply to the task.

    Example:
        >>> import lenszoo
        >>> report = lenszoo.evaluate("srcnn.sr_75_150_sim", preset="sr_75_150", images=8)
        >>> report.metrics["n"]
        8
    """
    if sum(each is not None for each in (data, preset, split)) != 1:
        raise LenszooError(
            "Give data, preset (the name of a simulated sky) or split (a part of a run's own "
            "data): one of them."
        )
    if prevalence is not None:
        check_prevalence(prevalence)
    if isinstance(model, list | tuple) and len(model) == 1:
        model = model[0]  # no ensemble
    loaded = model if isinstance(model, keras.Model | OpenedModel) else load_model(model)
    if split is not None:
        options = Options(None, on_bad, classes, resize, bands, tta, preparing=preparing)
        options.refuse("is scored on a part of its own data", *vars(options))
        return _on_split(loaded, split, prevalence)
    task = task_of(loaded).task
    if preset is not None:
        graph = loaded.model if isinstance(loaded, OpenedModel) else loaded
        data = task.sample(graph, preset, images, seed)
        provenance = {"preset": preset, "data_seed": seed} | (provenance or {})
    options = Options(batch_size, on_bad, classes, resize, bands, tta, seed, progress, preparing)
    about = {"title": title, "provenance": provenance, "history": _history(loaded), "seed": seed}
    return task.evaluate(loaded, data, options, **about, **_survey(task, prevalence))


def _survey(task: type[Task], prevalence: float | None) -> dict[str, float]:
    """Return the share of lenses that a report is for, where one is given.

    Raises:
        LenszooError: it is no share, or the task has no reports of that kind.
    """
    if prevalence is None:
        return {}
    if not task.finds_lenses:
        raise LenszooError(
            "prevalence= is the share of lenses of a survey; leave it out for this "
            "model, which is no lens finder."
        )
    return {"prevalence": check_prevalence(prevalence)}


def _on_split(model: keras.Model | OpenedModel, split: str, prevalence: float | None) -> Report:
    """Score the model of a run on a part of the data it was trained with."""
    graph = model.model if isinstance(model, OpenedModel) else model
    source = next(iter(recall(graph) or ()), None)
    folder = None if source is None else source.run_dir
    if folder is None:
        raise LenszooError("split is for a run folder, which knows its data; give data or preset.")
    recipe = validate(read_json(folder / "recipe.json"), str(folder / "recipe.json"))
    kind, change = tasks.find(recipe.task).task, None
    parts = read_parts(folder / SPLIT_FILE)
    folds = getattr(recipe, "folds", None)
    for task in kind.folds(recipe, folds) if folds else [kind(recipe)]:
        change = first_change(parts, task.parts_of_data)
        if change is None:
            name = "validation" if split == "val" else split
            more = _survey(kind, prevalence)
            return task.report_on(graph, name, task.part(split), _history(model), **more)
    raise LenszooError(
        f"{folder}: the data are no longer those it was trained with: {change}. Put them back as "
        "they were, or name what to score on."
    )


def task_of(model: keras.Model | OpenedModel) -> tasks.TaskInfo:
    """Return the task that a model was trained for.

    That of its run folder or manifest entry, where it was loaded from one; else that of its row in
    the registry. A model from elsewhere counts as a classifier.
    """
    graph = model.model if isinstance(model, OpenedModel) else model
    try:
        first = next(iter(members(graph)), graph)  # those of an ensemble are of one kind
        info = CATALOG.get(model_config(first)["model"])
    except LenszooError:
        info = None
    row = info.task if info else tasks.DEFAULT
    source = next(iter(recall(graph) or ()), None)
    if source is None:
        return tasks.find(row)
    if source.entry is not None:
        return tasks.of_figures(source.entry.metrics.get("test") or {}, row)
    return tasks.find(source.run.get("task", row), source.label)


def _history(model: keras.Model | OpenedModel) -> list[dict[str, str]] | None:
    """Rows of the training of a model that was loaded from a run folder."""
    sources = recall(model.model if isinstance(model, OpenedModel) else model) or []
    folder = sources[0].run_dir if len(sources) == 1 else None
    if folder is None or not (file := folder / "history.csv").is_file():
        return None
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
