"""Training pairs: a simulated sky of pairs, or folders of files."""

from dataclasses import replace
from typing import Any

import numpy as np

from lenszoo.data import make_pairs, normalise, read_pairs
from lenszoo.data.batches import Batches
from lenszoo.data.content import hash_arrays, same_rows
from lenszoo.errors import LenszooError, counted
from lenszoo.simulation import SimulatedDataset, get_preset, list_presets
from lenszoo.tasks.parts import digest
from lenszoo.tasks.sources import (
    TrainingData,
    augmentation,
    held_parts,
    scenes,
    sky_data,
)
from lenszoo.tasks.super_resolve.recipe import SuperResolveRecipe


def open_pairs(recipe: SuperResolveRecipe) -> TrainingData:
    """Open the data of a recipe: ``images`` are the coarse ones, ``targets`` the fine ones.

    Raises:
        LenszooError: whatever is wrong with the preset or the files, in one line.
    """
    return _simulated(recipe) if recipe.data.preset is not None else _from_files(recipe)


def _cut(recipe: SuperResolveRecipe) -> dict[str, Any]:
    return {
        "batch_size": recipe.batch_size // recipe.data.patches,
        "patch": recipe.data.patch,
        "patches": recipe.data.patches,
        "augment": augmentation(recipe),
    }


def _simulated(recipe: SuperResolveRecipe) -> TrainingData:
    data, seed = recipe.data, recipe.data_seed
    preset = get_preset(data.preset or "")
    if preset.factor == 1:
        skies = [name for name in list_presets() if get_preset(name).factor > 1]
        raise LenszooError(f"{preset.name} is no sky of pairs; these are: {', '.join(skies)}.")

    def epoch(e: int) -> SimulatedDataset:
        return SimulatedDataset(preset, data.images, seed, **_cut(recipe) | scenes(data, e))

    return sky_data(preset, data, seed, epoch, scale=preset.factor)


def _from_files(recipe: SuperResolveRecipe) -> TrainingData:
    data, seed = recipe.data, recipe.data_seed
    how = data.degrade.model_dump()
    if data.low is not None:
        pairs = read_pairs(data.low, data.high or "", data.on_bad)
    else:
        pairs = make_pairs(data.high or "", **how, seed=seed, on_bad=data.on_bad)
    contents = hash_arrays(pairs.images, pairs.targets)
    # copies of a fine image are one object, though each was given noise of its own
    groups = same_rows(hash_arrays(pairs.images), hash_arrays(pairs.targets))
    images, targets = normalise(pairs.images, pairs.targets)
    pairs = replace(
        pairs,
        images=images,
        targets=targets,
        contents=np.array(contents),
        groups=groups,
    )
    if len(pairs) < 2:
        raise LenszooError(
            f"{counted(len(pairs), 'pair')}: too few to train on some and validate on others."
        )
    training, held = pairs.split(data.val_fraction, seed)

    def epoch(e: int) -> Batches:
        return Batches(training, **_cut(recipe), seed=seed, epoch=e)

    parts = held_parts(training, held)
    describe = {
        "digest": digest(parts),
        "high": data.high,
        "low": data.low,
        "degrade": None if data.low is not None else how,
        "pixel_scale": data.pixel_scale,
        "seed": seed,
        "pairs": len(training),
        "bad_pixels": pairs.provenance["bad_pixels"],
    }
    return TrainingData(
        len(training),
        epoch,
        lambda: held,
        None,
        describe,
        image_shape=tuple(pairs.images.shape[1:]),
        scale=pairs.scale,
        parts=parts,
    )
