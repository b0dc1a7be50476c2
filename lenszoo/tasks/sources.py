"""Where training images come from: a simulated sky or a folder of files, one face for both."""

import functools
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lenszoo.data import DatasetIndex, LoadedImages, image_dataset, load_arrays
from lenszoo.data.fits import read_pixel_scale
from lenszoo.errors import LenszooError
from lenszoo.simulation import SPLIT_START, SimulatedDataset, get_preset, sample
from lenszoo.tasks.checks import check_classes
from lenszoo.tasks.recipe_tables import Data, LensData, PairData, PoolData
from lenszoo.tasks.recipes import RecipeBase
from lenszoo.tasks.warm_start import check_images


class Images(NamedTuple):
    """Images held in memory: (n, H, W, bands) float32, (n,) int labels, n ids."""

    images: np.ndarray
    labels: np.ndarray
    ids: list[str]


class Source(NamedTuple):
    """Training data and the images that score it.

    Attributes:
        class_names: names of the classes, in the order of the labels.
        image_shape: (height, width, bands).
        train_images: images an epoch.
        epoch: ``epoch(e)`` gives the batches of epoch e, always the same ones.
        validation, test: functions that load held-out images; test is None where there is none.
        describe: what the provenance says of the data.
    """

    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    train_images: int
    epoch: Callable[[int], Any]
    validation: Callable[[], Images]
    test: Callable[[], Images] | None
    describe: dict[str, Any]


def open_source(recipe: RecipeBase) -> Source:
    """The data of a recipe.

    Raises:
        LenszooError: whatever is wrong with the preset or the files, in one line.
    """
    if recipe.data.preset is not None:
        return _simulated(recipe)
    return from_index(recipe, *read_index(recipe))


def _simulated(recipe: RecipeBase) -> Source:
    data, seed = recipe.data, recipe.data_seed
    preset = get_preset(data.preset or "")
    if preset.factor > 1:
        raise LenszooError(f"{preset.name} is a sky of pairs; choose one of single images.")
    if data.val_images < len(preset.classes):
        raise LenszooError(
            f"data.val_images {data.val_images} are too few for the {len(preset.classes)} classes "
            f"of {preset.name}: a score needs every class."
        )
    augment = None if recipe.augment == "none" else recipe.augment

    def epoch(e: int) -> SimulatedDataset:
        return SimulatedDataset(
            preset,
            data.images,
            seed,
            recipe.batch_size,
            **scenes(data, e),
            strength=recipe.strength(e),
            augment=augment,
        )

    def held_out(split: str, n: int) -> Images:
        drawn = sample(preset, n, seed, SPLIT_START[split])
        return Images(drawn.images, drawn.labels, [f"{split}/{i}" for i in range(n)])

    return Source(
        preset.classes,
        preset.image_shape,
        data.images,
        epoch,
        functools.partial(held_out, "val", data.val_images),
        functools.partial(held_out, "test", data.test_images),
        {"preset": preset.name, "pixel_scale": preset.pixel_scale, "seed": seed},
    )


def scenes(data: Data | PoolData | PairData, epoch: int) -> dict[str, int]:
    """Which scenes of a sky an epoch is shown, and how often they were seen before."""
    if data.fresh:
        return {"start": SPLIT_START["train"] + epoch * data.images}
    return {"start": SPLIT_START["train"], "epoch": epoch}


def read_index(recipe: RecipeBase) -> tuple[DatasetIndex, DatasetIndex]:
    """Training and validation files: `train` and `val` folders, or a stratified split."""
    data = recipe.data
    if data.csv is not None:
        index = DatasetIndex.from_csv(data.csv, classes=data.classes)
        return index.split(data.val_fraction, recipe.data_seed)
    return split_folder(data, data.classes, recipe.data_seed)


def split_folder(
    data: Data | LensData, classes: Sequence[str] | None, seed: int
) -> tuple[DatasetIndex, DatasetIndex]:
    """Training and validation files of ``data.directory``, its own two folders or a split."""
    root = Path(data.directory or "")
    if (root / "train").is_dir() and (root / "val").is_dir():
        train = DatasetIndex.from_directory(root / "train", classes=classes)
        return train, DatasetIndex.from_directory(root / "val", classes=train.class_names)
    return DatasetIndex.from_directory(root, classes=classes).split(data.val_fraction, seed)


def _digest(*parts: DatasetIndex) -> str:
    """A hash of which images train and which validate, and of their labels."""
    told = [[part.ids, np.asarray(part.labels).tolist(), part.class_names] for part in parts]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def _labels(loaded: LoadedImages) -> np.ndarray:
    if loaded.labels is None:
        raise LenszooError("Training needs labels: a folder a class, or a CSV with a label column.")
    return loaded.labels


def from_index(recipe: RecipeBase, train: DatasetIndex, val: DatasetIndex) -> Source:
    """A source of files, already split."""
    if val.labels is not None:
        check_classes(val.labels, val.class_names)
    loaded = load_arrays(train, on_bad=recipe.data.on_bad)
    arrays = (loaded.images, _labels(loaded))
    if recipe.weights is not None:
        names = [train.ids[k] for k in loaded.kept]
        check_images(recipe.model, recipe.weights, loaded.images, names)
    augment = None if recipe.augment == "none" else recipe.augment

    def epoch(e: int) -> Any:
        return image_dataset(
            arrays,
            batch_size=recipe.batch_size,
            shuffle_seed=recipe.data_seed,
            epoch=e,
            augment=augment,
        )

    def held_out() -> Images:
        held = load_arrays(val, on_bad=recipe.data.on_bad)
        return Images(held.images, _labels(held), [val.ids[k] for k in held.kept])

    describe = {
        "directory": recipe.data.directory,
        "csv": recipe.data.csv,
        "seed": recipe.data_seed,
        "pixel_scale": read_pixel_scale(train.paths[0]),
        "files": len(train),
        "digest": _digest(train, val),
        "bad_pixels": int(np.sum(loaded.bad_counts)),
        "skipped": len(train) - len(loaded.images),
    }
    return Source(
        tuple(train.class_names),
        tuple(loaded.images.shape[1:]),
        len(loaded.images),
        epoch,
        functools.cache(held_out),
        None,
        describe,
    )
