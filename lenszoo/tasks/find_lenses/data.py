"""Where lens candidates come from: a simulated sky, a catalogue, or class folders, one face."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from lenszoo.data import Cutouts, DatasetIndex, Leak, check_leaks, load_arrays, read_catalogue
from lenszoo.data.names import LENS_CLASSES
from lenszoo.errors import LenszooError
from lenszoo.simulation import SPLIT_START, SimulatedDataset
from lenszoo.simulation.cutouts import chosen_bands, chosen_columns, lens_sky, sample_cutouts
from lenszoo.tasks.find_lenses.batches import HeldBatches, StreamedBatches
from lenszoo.tasks.recipe_tables import LensData
from lenszoo.tasks.sources import split_folder

STATISTICS = 4096  # candidates that scales and means are taken from


class LensSource(NamedTuple):
    """Training candidates and those that score them.

    Attributes:
        columns: names of the table's columns; empty without a table.
        bands: names of the images' bands; empty where nobody named them.
        image_shape: (height, width, bands), or None without images.
        train_images: candidates an epoch.
        epoch: ``epoch(e, batch_size, augment)`` gives the batches of epoch e, always the same.
        first: candidates to take statistics from.
        validation, test: functions that load held-out ones; test is None where there is none.
        leaks: columns that give the label away.
        describe: what the provenance says of the data.
    """

    columns: tuple[str, ...]
    bands: tuple[str, ...]
    image_shape: tuple[int, int, int] | None
    train_images: int
    epoch: Callable[[int, int, str | None], keras.utils.PyDataset]
    first: Callable[[], Cutouts]
    validation: Callable[[], Cutouts]
    test: Callable[[], Cutouts] | None
    leaks: list[Leak]
    describe: dict[str, Any]


def open_lenses(data: LensData, use: str, seed: int, allow_leaks: bool = False) -> LensSource:
    """The data of a recipe.

    Args:
        data: the recipe's table.
        use: ``"both"``, ``"image"`` or ``"table"``: what is not used is not made.
        seed: of scenes and splits.
        allow_leaks: go on although a column of a catalogue gives the label away.

    Raises:
        LenszooError: whatever is wrong with the preset or the files, in one line.
    """
    if data.preset is not None:
        return _simulated(data, use, seed)
    if data.directory is None:
        return _held(data, *_catalogue(data, use, seed), seed, allow_leaks)
    if use != "image":
        raise LenszooError(f'{data.directory}: class folders hold no table; use = "image".')
    train, val = (_folder(part, data) for part in split_folder(data, LENS_CLASSES, seed))
    return _held(data, train, val, seed, allow_leaks)


def _simulated(data: LensData, use: str, seed: int) -> LensSource:
    preset = lens_sky(data.preset or "")
    bands = chosen_bands(preset, data.bands)
    columns = () if use == "image" else chosen_columns(preset, data.columns, bands)

    def drawn(split: str, n: int) -> Cutouts:
        return _sampled(preset.name, split, n, seed, bands, columns, use != "table")

    def epoch(e: int, batch_size: int, augment: str | None) -> keras.utils.PyDataset:
        if not data.fresh:
            return HeldBatches(drawn("train", data.images), batch_size, seed, e, augment)
        start = SPLIT_START["train"] + e * data.images
        stream = SimulatedDataset(preset, data.images, seed, batch_size, start, augment=augment)
        return StreamedBatches(stream, bands, columns, use != "table")

    first = min(data.images, STATISTICS) if data.fresh else data.images
    return LensSource(
        columns=columns,
        bands=bands,
        image_shape=None if use == "table" else (*preset.image_shape[:2], len(bands)),
        train_images=data.images,
        epoch=epoch,
        first=functools.partial(drawn, "train", first),
        validation=functools.partial(drawn, "val", data.val_images),
        test=functools.partial(drawn, "test", data.test_images),
        leaks=[],
        describe={"preset": preset.name, "pixel_scale": preset.pixel_scale, "seed": seed},
    )


@functools.lru_cache(maxsize=8)
def _sampled(
    preset: str,
    split: str,
    n: int,
    seed: int,
    bands: tuple[str, ...],
    columns: tuple[str, ...],
    images: bool,
) -> Cutouts:
    """Draw a split once: the trainings of one process share it."""
    return sample_cutouts(preset, n, seed, split, bands=bands, columns=columns, images=images)


def _catalogue(data: LensData, use: str, seed: int) -> tuple[Cutouts, Cutouts]:
    """Training and validation part of a catalogue, split class by class."""
    options = data.model_dump(include={"layout", "pattern", "bands", "id", "columns", "on_bad"})
    options |= data.model_dump(include={"missing_values", "mask_value", "zero_point", "sky"})
    options |= data.model_dump(include={"on_missing"})
    read = read_catalogue(
        data.catalogue or "",
        images=data.folder,
        label=data.label or (None if data.layout else "label"),
        table_only=use == "table",
        **options,
    )
    labels = read.known_labels()
    if use == "image":
        read = dataclasses.replace(read, table=read.table[:, :0], columns=())
    elif not read.columns:
        raise LenszooError(
            f"{data.catalogue}: no column of numbers is left to learn from; "
            'train on images alone, use = "image".'
        )
    index = DatasetIndex(
        read.ids, tuple(map(Path, read.ids)), labels, LENS_CLASSES, str(data.catalogue)
    )
    row = {name: i for i, name in enumerate(read.ids)}
    train, val = (
        read.take([row[name] for name in part.ids]) for part in index.split(data.val_fraction, seed)
    )
    return train, val


def _folder(index: DatasetIndex, data: LensData) -> Cutouts:
    """The images of class folders, without a table."""
    loaded = load_arrays(index, on_bad=data.on_bad or "raise")
    bands = loaded.images.shape[-1]
    if data.bands is not None and len(data.bands) != bands:
        raise LenszooError(f"{index.source}: {bands} band(s), but bands = {list(data.bands)}.")
    return Cutouts(
        tuple(index.ids[int(i)] for i in loaded.kept),
        loaded.images,
        np.empty((len(loaded.kept), 0), np.float32),
        (),
        loaded.labels,
        data.bands or (),
        loaded.bad_counts[loaded.kept],
        provenance={"directory": index.source},
    )


def _held(data: LensData, train: Cutouts, val: Cutouts, seed: int, allow_leaks: bool) -> LensSource:
    return LensSource(
        columns=train.columns,
        bands=train.bands,
        image_shape=None if train.images is None else tuple(train.images.shape[1:]),
        train_images=len(train),
        epoch=functools.partial(_epoch, train, seed),
        first=lambda: train,
        validation=lambda: val,
        test=None,
        leaks=check_leaks(train.table, train.columns, train.known_labels(), allow=allow_leaks),
        describe=train.describe() | {"seed": seed},
    )


def _epoch(train: Cutouts, seed: int, e: int, batch_size: int, augment: str | None) -> HeldBatches:
    return HeldBatches(train, batch_size, seed, e, augment)
