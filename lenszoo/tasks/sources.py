"""Training data of the tasks: a simulated sky or files, behind one type."""

import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lenszoo.data import Dataset, DatasetIndex, Leak
from lenszoo.data.batches import Batches
from lenszoo.data.cutting import Cut
from lenszoo.data.fits import read_pixel_scale
from lenszoo.data.pixel_scale import check_band_scales
from lenszoo.data.scaling import prepared
from lenszoo.errors import LenszooError
from lenszoo.files import expanded
from lenszoo.simulation import SPLIT_START, Sample, SimulatedDataset, get_preset, sample
from lenszoo.simulation.preset import Preset
from lenszoo.tasks.checks import check_classes
from lenszoo.tasks.classify.recipe import COLUMNS, Data
from lenszoo.tasks.find_lenses.recipe import LensData
from lenszoo.tasks.parts import TRAIN, VALIDATION, Part, digest, overlap, part_of
from lenszoo.tasks.pretext.recipe import PoolData
from lenszoo.tasks.recipes import RecipeBase
from lenszoo.tasks.super_resolve.recipe import PairData
from lenszoo.tasks.warm_start import check_images

log = logging.getLogger("lenszoo")


@dataclass(frozen=True)
class TrainingData:
    """Training data of a task, and the data that score it.

    Attributes:
        train_images: images (or rows of a table) an epoch.
        epoch: ``epoch(e)`` gives the batches of epoch e, always the same ones; of lens candidates
            ``epoch(e, batch_size, augment)``, of a pretext's images ``epoch(e, augment)``.
        validation, test: functions that load held-out data; test is None where there is none.
        describe: what the provenance says of the data.
        image_shape: (height, width, bands), or None without images.
        class_names: names of the classes, in the order of the labels.
        columns: names of the table's columns; empty without a table.
        bands: names of the images' bands; empty where nobody named them.
        scale: of pairs, fine pixels a side of a coarse one.
        first: a function that loads the training examples, of a sky those of the first epoch.
        leaks: columns that give the label away.
        parts: of data in files, the examples of each part; empty for a simulated sky.
        notes: sentences for the report.
    """

    train_images: int
    epoch: Callable[..., Any]
    validation: Callable[[], Dataset]
    test: Callable[[], Dataset] | None
    describe: dict[str, Any]
    image_shape: Any = None
    class_names: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    bands: tuple[str, ...] = ()
    scale: int = 1
    first: Any = None
    leaks: list[Leak] = field(default_factory=list)
    parts: dict[str, Part] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def open_source(recipe: RecipeBase) -> TrainingData:
    """Open the data of a classifier's recipe.

    Raises:
        LenszooError: whatever is wrong with the preset or the files, in one line.
    """
    if recipe.data.preset is not None:
        return _simulated(recipe)
    return from_index(recipe, *read_index(recipe))


def _simulated(recipe: RecipeBase) -> TrainingData:
    data, seed = recipe.data, recipe.data_seed
    preset = single_sky(data.preset)
    if data.val_images < len(preset.classes):
        raise LenszooError(
            f"data.val_images {data.val_images} are too few for the {len(preset.classes)} classes "
            f"of {preset.name}: a score needs every class."
        )

    def epoch(e: int) -> SimulatedDataset:
        return SimulatedDataset(
            preset,
            data.images,
            seed,
            recipe.batch_size,
            **scenes(data, e),
            strength=recipe.strength(e),
            augment=augmentation(recipe),
        )

    return sky_data(preset, data, seed, epoch, class_names=preset.classes)


def single_sky(name: str | None) -> Preset:
    """Return a preset of single images; raise LenszooError for a sky of pairs."""
    preset = get_preset(name or "")
    if preset.factor > 1:
        raise LenszooError(f"{preset.name} is a sky of pairs; choose one of single images.")
    return preset


def sky_data(
    preset: Preset,
    data: Data | PoolData | PairData,
    seed: int,
    epoch: Callable[..., Any],
    **more: Any,
) -> TrainingData:
    """Return the epochs of a simulated sky with its held-out images, see :class:`TrainingData`."""
    return TrainingData(
        data.images,
        epoch,
        functools.partial(draw_split, preset, "val", data.val_images, seed),
        functools.partial(draw_split, preset, "test", data.test_images, seed),
        describe_sky(preset, seed),
        image_shape=preset.image_shape,
        first=functools.partial(draw_split, preset, "train", data.images, seed),
        **more,
    )


def draw_split(preset: Preset, split: str, n: int, seed: int) -> Dataset:
    """Simulate n held-out images of a split, with labels or, of a sky of pairs, with targets.

    ``truth`` of pairs holds the targets without noise, ``noiseless``, and ``target_variance``.
    """
    ids = tuple(f"{split}/{i}" for i in range(n))
    return as_dataset(sample(preset, n, seed, SPLIT_START[split]), ids)


def as_dataset(sky: Sample, ids: tuple[str, ...]) -> Dataset:
    """Return a sample of a sky as the tasks hold it, see :func:`draw_split`."""
    if sky.targets is None:
        return Dataset(ids, sky.images, labels=sky.labels, class_names=sky.class_names)
    truth = None
    if sky.noiseless is not None:
        truth = {"noiseless": sky.noiseless, "target_variance": sky.target_variance()}
    return Dataset(ids, sky.images, targets=sky.targets, truth=truth)


def describe_sky(preset: Preset, seed: int) -> dict[str, Any]:
    """Return what the provenance says of a simulated sky."""
    return {"preset": preset.name, "pixel_scale": preset.pixel_scale, "seed": seed}


def scenes(data: Data | PoolData | PairData, epoch: int) -> dict[str, int]:
    """Return which scenes of a sky an epoch is shown, and how often they were seen before."""
    if data.fresh:
        return {"start": SPLIT_START["train"] + epoch * data.images}
    return {"start": SPLIT_START["train"], "epoch": epoch}


def augmentation(recipe: RecipeBase) -> str | None:
    """Return the augmentation of a recipe; None for ``"none"``."""
    return None if recipe.augment == "none" else recipe.augment


def read_index(recipe: RecipeBase) -> tuple[DatasetIndex, DatasetIndex]:
    """Return training and validation files: `train` and `val` folders, or a stratified split."""
    data = recipe.data
    if data.csv is not None:
        return read_csv(data).split(data.val_fraction, recipe.data_seed)
    return split_folder(data, data.classes, recipe.data_seed)


def read_csv(data: Data) -> DatasetIndex:
    """Return the images of a table, by the columns that the recipe names."""
    columns = {name: getattr(data, name) for name in COLUMNS}
    cut = None if data.cutout_size is None else Cut(data.cutout_size, data.positions)
    return DatasetIndex.from_csv(data.csv, classes=data.classes, cut=cut, **columns)


def split_folder(
    data: Data | LensData, classes: Sequence[str] | None, seed: int
) -> tuple[DatasetIndex, DatasetIndex]:
    """Return training and validation images: of ``data.directory`` its two folders, or a split."""
    if data.stack is not None:
        index = DatasetIndex.from_stack(data.stack, classes)
        need_labels(index)
        return index.split(data.val_fraction, seed)
    root = expanded(data.directory or "")
    if (root / "train").is_dir() and (root / "val").is_dir():
        if data.val_fraction != type(data).model_fields["val_fraction"].default:
            raise LenszooError(
                f"{root}: its folders train and val are the split already; leave out "
                f"data.val_fraction = {data.val_fraction:g}."
            )
        train = DatasetIndex.from_directory(root / "train", classes=classes)
        return train, DatasetIndex.from_directory(root / "val", classes=train.class_names)
    return DatasetIndex.from_directory(root, classes=classes).split(data.val_fraction, seed)


def need_labels(index: DatasetIndex) -> np.ndarray:
    """Return the labels; raise LenszooError where images have none."""
    if index.labels is None:
        raise LenszooError(
            f"{index.source}: training needs labels: a folder a class, a CSV with a label column, "
            "or a stack with an array 'labels'."
        )
    return index.labels


def held_parts(train: Dataset | DatasetIndex, held: Dataset | DatasetIndex) -> dict[str, Part]:
    """Return the two parts of data in files."""
    return {TRAIN: part_of(train), VALIDATION: part_of(held)}


def overlap_notes(parts: dict[str, Part]) -> tuple[str, ...]:
    """Count images that lie in both parts and say so, in the log too; a split of ours has none."""
    n, first = overlap(parts[TRAIN], parts[VALIDATION])
    if not n:
        return ()
    total = len(parts[VALIDATION].ids)
    note = (
        f"{n} of {total} validation images are also training images (the first: {first}): the "
        "scores are too good; take them out of one of the two."
    )
    log.warning("%s", note)
    return (note,)


def from_index(recipe: RecipeBase, train: DatasetIndex, val: DatasetIndex) -> TrainingData:
    """Open the data of a classifier from files, already split."""
    for name, part in (("training", train), ("validation", val)):
        check_classes(need_labels(part), part.class_names, name)
    parts = held_parts(train, val)
    apart = check_band_scales(train.paths[0])
    notes = (*overlap_notes(parts), *([] if apart is None else [apart]))
    looks = recipe.data.crop, recipe.data.scaling
    loaded = prepared(train.load(recipe.data.on_bad), *looks)
    check_classes(loaded.labels, train.class_names, "training")  # bad images may be left out
    if recipe.weights is not None:
        check_images(recipe.model, recipe.weights, loaded.images, list(loaded.ids))

    def epoch(e: int) -> Batches:
        size, seed, augment = recipe.batch_size, recipe.data_seed, augmentation(recipe)
        return Batches(loaded, size, seed=seed, epoch=e, augment=augment)

    describe = {
        "directory": recipe.data.directory,
        "csv": recipe.data.csv,
        "stack": recipe.data.stack,
        "seed": recipe.data_seed,
        "pixel_scale": read_pixel_scale(train.paths[0]),
        "files": len(train),
        "digest": digest(parts, train.class_names),
        "bad_pixels": loaded.provenance["bad_pixels"],
        "skipped": loaded.provenance["skipped"],
    }
    height, width, bands = loaded.images.shape[1:]
    return TrainingData(
        len(loaded),
        epoch,
        functools.cache(lambda: prepared(val.load(recipe.data.on_bad), *looks)),
        None,
        describe,
        image_shape=(height, width, bands),
        class_names=tuple(train.class_names),
        first=lambda: loaded,
        parts=parts,
        notes=notes,
    )
