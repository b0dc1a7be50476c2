"""Images without labels to learn from: a simulated sky or files, one face for both."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lenszoo.data import Cutouts, load_arrays
from lenszoo.data.listing import as_index
from lenszoo.data.pipeline import randomness
from lenszoo.data.threaded import ThreadedDataset
from lenszoo.errors import LenszooError
from lenszoo.simulation import SPLIT_START, SimulatedDataset, get_preset, sample
from lenszoo.tasks.find_lenses.batches import HeldBatches
from lenszoo.tasks.recipes import PretextRecipe
from lenszoo.tasks.sources import scenes

_SPLIT = 3  # a random stream of its own


class Held(NamedTuple):
    """Images held out: (n, H, W, bands) float32; labels (n,) where a simulation knows them."""

    images: np.ndarray
    labels: np.ndarray | None


class Pool(NamedTuple):
    """Images to learn from, and held-out ones to score by.

    Attributes:
        image_shape: (height, width, bands).
        train_images: images an epoch.
        epoch: ``epoch(e, augment)`` gives the batches of epoch e, always the same: images, and
            something that is not looked at.
        validation, test: functions that load held-out images; test is None where there is none.
        describe: what the provenance says of the data.
    """

    image_shape: tuple[int, int, int]
    train_images: int
    epoch: Callable[[int, str | None], ThreadedDataset]
    validation: Callable[[], Held]
    test: Callable[[], Held] | None
    describe: dict[str, Any]


def open_pool(recipe: PretextRecipe) -> Pool:
    """The data of a recipe.

    Raises:
        LenszooError: whatever is wrong with the preset or the files, in one line.
    """
    if recipe.data.preset is not None:
        return _simulated(recipe)
    data = recipe.data
    read = load_arrays(as_index(data.images_in or ""), on_bad=data.on_bad)
    return held_pool(recipe, read.images, {"images_in": data.images_in})


def _simulated(recipe: PretextRecipe) -> Pool:
    data, seed = recipe.data, recipe.data_seed
    preset = get_preset(data.preset or "")
    if preset.factor > 1:
        raise LenszooError(f"{preset.name} is a sky of pairs; choose one of single images.")

    def epoch(e: int, augment: str | None) -> ThreadedDataset:
        return SimulatedDataset(
            preset, data.images, seed, recipe.batch_size, **scenes(data, e), augment=augment
        )

    def held_out(split: str, n: int) -> Held:
        drawn = sample(preset, n, seed, SPLIT_START[split])
        return Held(drawn.images, drawn.labels)

    return Pool(
        preset.image_shape,
        data.images,
        epoch,
        functools.cache(functools.partial(held_out, "val", data.val_images)),
        functools.partial(held_out, "test", data.test_images),
        {"preset": preset.name, "pixel_scale": preset.pixel_scale, "seed": seed},
    )


def held_pool(recipe: PretextRecipe, images: np.ndarray, describe: dict[str, Any]) -> Pool:
    """A pool of images in memory.

    Args:
        recipe: what to hold out, seed and batch size.
        images: (n, H, W, bands) float32, without NaN.
        describe: where they come from.

    Raises:
        LenszooError: too few of them.
    """
    seed, n = recipe.data_seed, len(images)
    held = max(2, round(recipe.data.val_fraction * n))
    if n < held + 2:
        raise LenszooError(f"{n} images are too few to learn from and to hold {held} out.")
    order = randomness(seed, _SPLIT).permutation(n)
    train = images[np.sort(order[held:])]
    kept = Cutouts(
        tuple(map(str, range(len(train)))),
        train,
        np.empty((len(train), 0), np.float32),
        (),
        np.zeros(len(train), np.int32),
    )

    def epoch(e: int, augment: str | None) -> ThreadedDataset:
        return HeldBatches(kept, recipe.batch_size, seed, e, augment)

    return Pool(
        tuple(train.shape[1:]),
        len(train),
        epoch,
        lambda: Held(images[np.sort(order[:held])], None),
        None,
        describe | {"images": n, "seed": seed},
    )
