"""Training data of lens finding that mixes a simulated sky with a real one.

Part of the scenes is painted into frames of real sky, part of the non-lenses are real galaxies, and
part of the lenses may be painted on these. No real lens is learned from.
"""

import functools
import json
import logging
from dataclasses import replace
from typing import Any

import numpy as np

from lenszoo.data import Dataset, read_catalogue
from lenszoo.data.batches import Batches
from lenszoo.data.colour_pictures import through_picture
from lenszoo.data.content import hash_arrays
from lenszoo.data.input_scale import compare_scale, measure_scale
from lenszoo.data.names import LENS_CLASSES
from lenszoo.errors import LenszooError, counted
from lenszoo.simulation import SPLIT_START, get_preset
from lenszoo.simulation.composite import survey
from lenszoo.simulation.cutouts import chosen_bands, lens_sky
from lenszoo.simulation.frames import Frames, photon_noise, read_frames
from lenszoo.simulation.preset import Preset
from lenszoo.simulation.random import scene_generator
from lenszoo.simulation.sample import sample, sample_scenes
from lenszoo.tasks.find_lenses.batches import as_targets
from lenszoo.tasks.find_lenses.painted import painted_parts
from lenszoo.tasks.find_lenses.real_hosts import RealHosts, open_hosts
from lenszoo.tasks.find_lenses.recipe import LensData, RealSky
from lenszoo.tasks.parts import TRAIN, Part, digest
from lenszoo.tasks.sources import TrainingData, describe_sky

log = logging.getLogger("lenszoo")

_DRAW, _COPIES = 2**61, 2**61 + 1  # numbers of draws of a split, far from those of its scenes
_COMPARED = 64  # galaxies whose scale is measured
_OF_SCENES = ("frames", *RealSky.parts["frames"], "white", *RealSky.parts["white"])
_SHIFT = 2  # pixels by which copies of real galaxies are moved, at most


def open_mixed(data: LensData, use: str, seed: int) -> TrainingData:
    """Open a simulated sky with real galaxies and real sky beside it.

    Args:
        data: the recipe's table, with ``preset`` and ``real``.
        use: "image": real galaxies have no table.
        seed: of scenes, places and copies.

    Raises:
        LenszooError: whatever is wrong with the files, in one line.
    """
    real = data.real
    assert real is not None
    if use != "image":
        raise LenszooError('data.real: real galaxies have no table; use = "image".')
    if data.fresh:
        raise LenszooError("data.real: the mixture is held in memory; fresh = false.")
    preset = lens_sky(data.preset or "")
    if chosen_bands(preset, data.bands) != preset.bands:
        raise LenszooError(
            f"data.real: all bands of {preset.name} are learned from; leave bands out."
        )
    hosts = None if real.survey is None else open_hosts(real, preset)
    others = None
    if hosts is None and real.catalogue is not None:
        others = _read_others(real, preset)
    frames = _frames(real, preset)
    mix = functools.partial(mixed_scenes, preset, real)
    seen, held = (others, None) if hosts is None else hosts
    train = functools.cache(lambda: mix(seen, data.images, seed, "train"))
    facts: dict[str, Any] = real.model_dump(mode="json")
    parts: dict[str, Part] = {}
    if others is not None:
        facts |= {"others": len(others)}
        parts = {TRAIN: Part(others.ids, hash_arrays(others.images))}
    if hosts is not None:
        counts = [len(part.others) for part in hosts]
        facts |= {"hosts": counts[0], "held_out_hosts": counts[1], "others": counts[0]}
        parts = painted_parts(*(part.side for part in hosts))
    if frames is not None:
        bands = np.moveaxis(frames.pixels, -1, 0)
        parts |= {"frame": Part(preset.bands, hash_arrays(bands))}
    facts |= {"digest": digest(parts, LENS_CLASSES)}

    def epoch(e: int, batch_size: int, augment: str | None) -> Batches:
        return Batches(train(), batch_size, seed=seed, epoch=e, augment=augment, answers=as_targets)

    return TrainingData(
        data.images,
        epoch,
        functools.cache(lambda: mix(held, data.val_images, seed, "val")),
        functools.cache(lambda: mix(held, data.test_images, seed, "test")),
        describe_sky(preset, seed) | {"real": facts},
        image_shape=preset.image_shape,
        class_names=LENS_CLASSES,
        bands=preset.bands,
        first=train,
        parts=parts,
    )


def _frames(real: RealSky, preset: Preset) -> Frames | None:
    if real.frames is None:
        return None
    size, scale = preset.image_shape[0], preset.pixel_scale
    return read_frames(real.frames, preset.bands, size, scale, real.frames_zero_point)


def _read_others(real: RealSky, preset: Preset) -> Dataset:
    others = read_catalogue(
        real.catalogue or "", images=real.folder, pattern=real.pattern, bands=preset.bands,
        columns=(), zero_point=real.zero_point, sky=real.sky, unlabelled=True,
    )  # fmt: skip
    if others.images.shape[1:] != preset.image_shape:
        raise LenszooError(
            f"{real.catalogue}: cutouts of {others.images.shape[1]} x {others.images.shape[2]} "
            f"pixels in {counted(others.images.shape[3], 'band')}; {preset.name} has "
            f"{' x '.join(map(str, preset.image_shape))}."
        )
    _compare(others.images, preset, real)
    return others


def _compare(images: np.ndarray, preset: Preset, real: RealSky) -> None:
    """Warn of real galaxies of another unit of flux, noise or sky than the simulated ones."""
    simulated = measure_scale(sample(preset.name, 2 * _COMPARED, 0).images[::2])  # the others
    if simulated is None:
        return
    difference = compare_scale(images[:_COMPARED], simulated)
    if difference is not None:
        text = difference.text.replace("that of the training", f"that of {preset.name}")
        text = text.replace("zero_point=", "data.real.zero_point")
        log.warning(
            "%s: %s. A network would tell real galaxies from simulated ones by it.",
            real.catalogue,
            text,
        )


def mixed_scenes(
    preset: Preset,
    real: RealSky,
    galaxies: Dataset | RealHosts | None,
    n: int,
    seed: int,
    split: str,
) -> Dataset:
    """Simulate scenes of a split, part of them in real sky, and put real galaxies among them.

    Half of the examples are lenses. Real galaxies take the place of ``real.share`` of the others;
    each is shown as often as the next, moved by up to two pixels. Of hosts, lenses that are painted
    on them take the place of ``real.lensed`` of the lenses.

    Returns:
        n examples; ``groups`` are ids of real galaxies and numbers of scenes.
    """
    hosts = galaxies if isinstance(galaxies, RealHosts) else None
    others = hosts.others if hosts is not None else galaxies
    assert not isinstance(others, RealHosts)
    copies = 0 if others is None else round(real.share * (n // 2))
    lensed = 0 if hosts is None else round(real.lensed * (n // 2))
    # classes alternate: non-lenses have even numbers; real galaxies replace the last of each class
    simulated = (n + 1) // 2 - copies, n // 2 - lensed
    numbers = [i for i in range(n) if i // 2 < simulated[i % 2]]
    looks = RealSky(catalogue="", **{name: getattr(real, name) for name in _OF_SCENES})
    scenes, labels = _scenes(preset.name, looks.model_dump_json(), tuple(numbers), seed, split)
    images, names = [scenes], [f"{split}/{i}" for i in numbers]
    groups = list(names)
    if others is not None:
        rng = scene_generator(seed, SPLIT_START[split] + _COPIES)
        chosen = np.resize(rng.permutation(len(others)), copies)
        images.append(_moved(others.images[chosen], rng))
        names += [f"{others.ids[k]}/{i}" for i, k in enumerate(chosen)]
        groups += [others.ids[k] for k in chosen]
        if hosts is not None:
            painted, ids = hosts.paint(lensed, SPLIT_START[split], seed)
            images.append(_moved(painted, rng))
            names += [f"{name}/lens{i}" for i, name in enumerate(ids)]
            groups += ids
    labels = np.concatenate([labels, np.zeros(copies, np.int32), np.ones(lensed, np.int32)])
    return Dataset(
        tuple(names), np.concatenate(images), labels=labels, bands=preset.bands,
        groups=np.array(groups),
        provenance={"preset": preset.name, "pixel_scale": preset.pixel_scale, "seed": seed},
    )  # fmt: skip


# trainings of one process that differ in their real galaxies share the scenes
@functools.lru_cache(maxsize=4)
def _scenes(
    name: str, looks: str, numbers: tuple[int, ...], seed: int, split: str
) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of scenes, part of them in real sky and part seen through pictures."""
    preset, real = get_preset(name), RealSky(**json.loads(looks))
    start, n = SPLIT_START[split], len(numbers)
    rng = scene_generator(seed, start + _DRAW)
    frames = _frames(real, preset)
    painted = rng.random(n) < (0.0 if frames is None else real.painted)
    images = np.empty((n, *preset.image_shape), np.float32)
    labels = np.zeros(n, np.int32)
    in_sky = replace(preset, observe=photon_noise(survey(preset)))
    for sky, rows in ((preset, np.flatnonzero(~painted)), (in_sky, np.flatnonzero(painted))):
        seen = sample_scenes(sky, start + np.array(numbers)[rows], seed)
        images[rows], labels[rows] = seen.images, seen.labels
    if frames is not None:
        rows = np.flatnonzero(painted)
        images[rows] += frames.cut(rng, len(rows))
    if real.white is not None:
        rows = np.flatnonzero(rng.random(n) < real.pictures)
        images[rows] = through_picture(images[rows], real.white)
    return images, labels


def _moved(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Move each image by up to two pixels, its edge mirrored."""
    side = [(0, 0), (_SHIFT, _SHIFT), (_SHIFT, _SHIFT), (0, 0)]
    padded = np.pad(images, side, mode="reflect")
    moved, (height, width) = np.empty_like(images), images.shape[1:3]
    for each, wide, (y, x) in zip(
        moved, padded, rng.integers(0, 2 * _SHIFT + 1, (len(images), 2)), strict=True
    ):
        each[:] = wide[y : y + height, x : x + width]
    return moved
