"""Training data of lens finding: a simulated sky, a catalogue, or class folders."""

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lenszoo.data import Dataset, DatasetIndex, check_leaks, read_catalogue
from lenszoo.data.batches import Batches
from lenszoo.data.names import LENS_CLASSES
from lenszoo.data.scaling import prepared
from lenszoo.data.written import WrittenFacts, written_facts
from lenszoo.errors import LenszooError, counted
from lenszoo.simulation import SPLIT_START, SimulatedDataset
from lenszoo.simulation.cutouts import chosen_bands, chosen_columns, lens_sky, sample_cutouts
from lenszoo.tasks.checks import check_classes
from lenszoo.tasks.find_lenses.batches import StreamedBatches, as_targets
from lenszoo.tasks.find_lenses.painted import open_painted
from lenszoo.tasks.find_lenses.real_sky import open_mixed
from lenszoo.tasks.find_lenses.recipe import LensData
from lenszoo.tasks.parts import digest
from lenszoo.tasks.sources import (
    TrainingData,
    describe_sky,
    held_parts,
    overlap_notes,
    split_folder,
)

STATISTICS = 4096  # candidates that scales and means are taken from


def open_lenses(data: LensData, use: str, seed: int, allow_leaks: bool = False) -> TrainingData:
    """Open the data of a recipe.

    Args:
        data: the recipe's table.
        use: ``"both"``, ``"image"`` or ``"table"``: what is not used is not made.
        seed: of scenes and splits.
        allow_leaks: go on although a column of a catalogue gives the label away.

    Raises:
        LenszooError: whatever is wrong with the preset or the files, in one line.
    """
    if data.real is not None:
        return open_mixed(data, use, seed)
    if data.preset is not None:
        return _simulated(data, use, seed)
    if data.galaxies is not None:
        return open_painted(data, use, seed)
    files = data.directory or data.stack
    if files is None:
        candidates = prepared(_catalogue(data, use), data.crop, data.scaling)
        return _held(*candidates.split(data.val_fraction, seed), seed, allow_leaks)
    if use != "image":
        raise LenszooError(f'{files}: class folders and stacks hold no table; use = "image".')
    facts = written_facts(data.directory)
    train, val = (_folder(part, data, facts) for part in split_folder(data, LENS_CLASSES, seed))
    return _held(train, val, seed, allow_leaks)


def _simulated(data: LensData, use: str, seed: int) -> TrainingData:
    preset = lens_sky(data.preset or "")
    bands = chosen_bands(preset, data.bands)
    columns = () if use == "image" else chosen_columns(preset, data.columns, bands)
    looks: dict[str, Any] = {"bands": bands, "columns": columns, "images": use != "table"}

    def split(name: str, n: int) -> Callable[[], Dataset]:
        return functools.partial(_drawn, preset.name, n, seed, name, **looks)

    def epoch(e: int, batch_size: int, augment: str | None) -> Any:
        if not data.fresh:
            return _batches(split("train", data.images)(), seed, e, batch_size, augment)
        start = SPLIT_START["train"] + e * data.images
        stream = SimulatedDataset(preset, data.images, seed, batch_size, start, augment=augment)
        return StreamedBatches(stream, **looks)

    height, width = preset.image_shape[:2]
    return TrainingData(
        data.images,
        epoch,
        split("val", data.val_images),
        split("test", data.test_images),
        describe_sky(preset, seed),
        image_shape=None if use == "table" else (height, width, len(bands)),
        class_names=LENS_CLASSES,
        columns=columns,
        bands=bands,
        first=split("train", min(data.images, STATISTICS) if data.fresh else data.images),
    )


# a split is drawn once: the trainings of one process share it
_drawn = functools.lru_cache(maxsize=8)(sample_cutouts)


def _catalogue(data: LensData, use: str) -> Dataset:
    names = {"layout", "pattern", "bands", "id", "columns", "on_bad", "missing_values"}
    options = data.model_dump(include=names | {"mask_value", "zero_point", "sky", "on_missing"})
    candidates = read_catalogue(
        data.catalogue or "",
        images=data.folder,
        label=data.label or (None if data.layout else "label"),
        table_only=use == "table",
        **options,
    )
    candidates.known_labels()
    if use == "image":
        return replace(candidates, table=candidates.table[:, :0], columns=())
    if not candidates.columns:
        raise LenszooError(
            f"{data.catalogue}: no column of numbers is left to learn from; "
            'train on images alone, use = "image".'
        )
    return candidates


def _folder(index: DatasetIndex, data: LensData, facts: WrittenFacts) -> Dataset:
    """Load the images of class folders, without a table; with what their writer says of them."""
    _ = index.contents  # loaded along
    loaded = prepared(index.load(data.on_bad or "raise"), data.crop, data.scaling)
    bands = loaded.images.shape[-1]
    if data.bands is not None and len(data.bands) != bands:
        raise LenszooError(
            f"{index.source}: {counted(bands, 'band')}, but bands = {list(data.bands)}."
        )
    names = facts.bands if len(facts.bands) == bands else ()
    about = {"directory": index.source, "pixel_scale": facts.pixel_scale}
    if data.scaling is None:
        about["zero_point"] = facts.zero_point
    about = {name: value for name, value in about.items() if value is not None}
    return replace(loaded, bands=tuple(data.bands or names), provenance=about)


def _held(train: Dataset, val: Dataset, seed: int, allow_leaks: bool) -> TrainingData:
    for name, part in (("training", train), ("validation", val)):
        check_classes(part.known_labels(), LENS_CLASSES, name)
    parts = held_parts(train, val)
    lens_share = float(train.known_labels().mean())
    return TrainingData(
        len(train),
        functools.partial(_batches, train, seed),
        lambda: val,
        None,
        train.describe()
        | {"seed": seed, "digest": digest(parts, LENS_CLASSES), "lens_share": lens_share},
        image_shape=None if train.images is None else tuple(train.images.shape[1:]),
        class_names=LENS_CLASSES,
        columns=train.columns,
        bands=train.bands,
        first=lambda: train,
        leaks=check_leaks(train.table, train.columns, train.known_labels(), allow=allow_leaks),
        parts=parts,
        notes=overlap_notes(parts),
    )


def _batches(train: Dataset, seed: int, e: int, batch_size: int, augment: str | None) -> Any:
    order = {"seed": seed, "epoch": e}
    return Batches(train, batch_size, **order, augment=augment, answers=as_targets)
