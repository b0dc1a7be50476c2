"""Where training pairs come from: a simulated sky or folders of files, one face for both."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lenszoo.data.pair_dataset import PairDataset
from lenszoo.data.pairs import Pairs, make_pairs, normalise, read_pairs
from lenszoo.errors import LenszooError
from lenszoo.simulation import SPLIT_START, SimulatedDataset, get_preset, list_presets, sample
from lenszoo.tasks.recipes import SuperResolveRecipe
from lenszoo.tasks.sources import scenes


class HeldOut(NamedTuple):
    """Pairs that score a network.

    Attributes:
        low, high: coarse and fine images.
        truth: the fine ones without noise, or None where nobody knows.
        variance: of the noise of the fine ones, or None.
        ids: n names.
    """

    low: np.ndarray
    high: np.ndarray
    truth: np.ndarray | None
    variance: np.ndarray | None
    ids: list[str]


class PairSource(NamedTuple):
    """Training pairs and the pairs that score them.

    Attributes:
        scale: fine pixels a side of a coarse one.
        bands: bands of the images.
        train_images: images an epoch.
        epoch: ``epoch(e)`` gives the batches of epoch e, always the same ones.
        validation, test: functions that load held-out pairs; test is None where there is none.
        describe: what the provenance says of the data.
    """

    scale: int
    bands: int
    train_images: int
    epoch: Callable[[int], Any]
    validation: Callable[[], HeldOut]
    test: Callable[[], HeldOut] | None
    describe: dict[str, Any]


def open_pairs(recipe: SuperResolveRecipe) -> PairSource:
    """The data of a recipe.

    Raises:
        LenszooError: whatever is wrong with the preset or the files, in one line.
    """
    return _simulated(recipe) if recipe.data.preset is not None else _from_files(recipe)


def _cut(recipe: SuperResolveRecipe) -> dict[str, Any]:
    return {
        "batch_size": recipe.batch_size // recipe.data.patches,
        "patch": recipe.data.patch,
        "patches": recipe.data.patches,
        "augment": None if recipe.augment == "none" else recipe.augment,
    }


def _simulated(recipe: SuperResolveRecipe) -> PairSource:
    data, seed = recipe.data, recipe.data_seed
    preset = get_preset(data.preset or "")
    if preset.factor == 1:
        skies = [name for name in list_presets() if get_preset(name).factor > 1]
        raise LenszooError(f"{preset.name} is no sky of pairs; these are: {', '.join(skies)}.")

    def epoch(e: int) -> SimulatedDataset:
        return SimulatedDataset(preset, data.images, seed, **_cut(recipe) | scenes(data, e))

    def held_out(split: str, n: int) -> HeldOut:
        drawn = sample(preset, n, seed, SPLIT_START[split])
        assert drawn.targets is not None  # a sky of pairs
        ids = [f"{split}/{i}" for i in range(n)]
        variance = drawn.target_variance()
        return HeldOut(drawn.images, drawn.targets, drawn.noiseless, variance, ids)

    return PairSource(
        preset.factor,
        preset.image_shape[2],
        data.images,
        epoch,
        functools.partial(held_out, "val", data.val_images),
        functools.partial(held_out, "test", data.test_images),
        {"preset": preset.name, "pixel_scale": preset.pixel_scale, "seed": seed},
    )


def _from_files(recipe: SuperResolveRecipe) -> PairSource:
    data, seed = recipe.data, recipe.data_seed
    if data.low is not None:
        pairs = read_pairs(data.low, data.high or "", data.on_bad)
    else:
        how = data.degrade
        pairs = make_pairs(
            data.high or "",
            how.factor,
            psf_fwhm=how.psf_fwhm,
            noise=how.noise,
            seed=seed,
            on_bad=data.on_bad,
        )
    low, high = normalise(pairs.low, pairs.high)
    pairs = Pairs(low, high, pairs.ids, pairs.bad_pixels)
    training, held = _split(pairs, data.val_fraction, seed)

    def epoch(e: int) -> PairDataset:
        return PairDataset(training, seed=seed, epoch=e, **_cut(recipe))

    describe = {
        "high": data.high,
        "low": data.low,
        "degrade": None if data.low is not None else data.degrade.model_dump(),
        "pixel_scale": data.pixel_scale,
        "seed": seed,
        "pairs": len(training.low),
        "bad_pixels": pairs.bad_pixels,
    }
    return PairSource(
        pairs.scale,
        low.shape[3],
        len(training.low),
        epoch,
        lambda: HeldOut(held.low, held.high, None, None, list(held.ids)),
        None,
        describe,
    )


def _split(pairs: Pairs, fraction: float, seed: int) -> tuple[Pairs, Pairs]:
    """Training and validation pairs, at random."""
    n = len(pairs.low)
    held = max(1, round(fraction * n))
    if n - held < 1:
        raise LenszooError(f"{n} pair(s) are too few to train on some and validate on others.")
    order = np.random.default_rng(seed).permutation(n)
    return pairs.take(np.sort(order[held:])), pairs.take(np.sort(order[:held]))
