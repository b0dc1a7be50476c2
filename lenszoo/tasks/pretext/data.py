"""Training images of a pretext, which need no labels: a simulated sky, or files."""

import functools
import logging
from dataclasses import replace
from typing import Any

import numpy as np

from lenszoo.data import Dataset
from lenszoo.data.batches import Batches, ThreadedDataset
from lenszoo.data.content import hash_arrays, same_rows
from lenszoo.data.epochs import randomness
from lenszoo.data.listing import as_index
from lenszoo.errors import LenszooError
from lenszoo.simulation import SimulatedDataset
from lenszoo.tasks.parts import TRAIN, digest, part_of
from lenszoo.tasks.pretext.recipe import PretextRecipe
from lenszoo.tasks.sources import TrainingData, scenes, single_sky, sky_data

log = logging.getLogger("lenszoo")

_FEW = 30  # held-out images, on which a share is known to +-0.18
_SPLIT = 3  # a random stream of its own


def open_pool(recipe: PretextRecipe) -> TrainingData:
    """Open the data of a recipe.

    Raises:
        LenszooError: whatever is wrong with the preset or the files, in one line.
    """
    if recipe.data.preset is not None:
        return _simulated(recipe)
    index = as_index(recipe.data.images_in or "")
    parts = {TRAIN: part_of(index)}
    facts = {"images_in": recipe.data.images_in, "digest": digest(parts)}
    pool = held_pool(recipe, index.load(recipe.data.on_bad).images, facts)
    return replace(pool, parts=parts)


def _simulated(recipe: PretextRecipe) -> TrainingData:
    data, seed = recipe.data, recipe.data_seed
    preset = single_sky(data.preset)

    def epoch(e: int, augment: str | None) -> ThreadedDataset:
        return SimulatedDataset(
            preset, data.images, seed, recipe.batch_size, **scenes(data, e), augment=augment
        )

    sky = sky_data(preset, data, seed, epoch)
    return replace(sky, validation=functools.cache(sky.validation))


def held_pool(recipe: PretextRecipe, images: np.ndarray, describe: dict[str, Any]) -> TrainingData:
    """Return images in memory as training data, some of them held out; copies stay together.

    Args:
        recipe: what to hold out, seed and batch size.
        images: (n, H, W, bands) float32, without NaN.
        describe: where they come from.

    Raises:
        LenszooError: too few of them.
    """
    seed, n = recipe.data_seed, len(images)
    distinct, image = np.unique(same_rows(hash_arrays(images)), return_inverse=True)
    held = max(2, round(recipe.data.val_fraction * len(distinct)))
    if len(distinct) < held + 2:
        different = "images" if n == len(distinct) else "different images"
        raise LenszooError(
            f"{len(distinct)} {different} are too few to learn from and to hold {held} out."
        )
    if held < _FEW:
        log.warning(
            "%d images are held out: the score that chooses the best epoch is rough. Learn from "
            "more images, or hold more out, data.val_fraction.", held,
        )  # fmt: skip
    order = randomness(seed, _SPLIT).permutation(len(distinct))
    held_out = np.isin(image, order[:held])
    everything = Dataset(tuple(map(str, range(n))), images)
    train = everything.take(~held_out)

    def epoch(e: int, augment: str | None) -> Batches:
        return Batches(train, recipe.batch_size, seed=seed, epoch=e, augment=augment)

    return TrainingData(
        len(train),
        epoch,
        lambda: everything.take(held_out),
        None,
        describe | {"images": n, "seed": seed},
        image_shape=images.shape[1:],
    )
