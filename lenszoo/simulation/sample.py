"""Sample: images, labels and truth of a preset, scene by scene."""

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lenszoo.data.aligned import aligned_empty
from lenszoo.errors import LenszooError, counted
from lenszoo.heartbeat import Heartbeat
from lenszoo.simulation.preset import Preset
from lenszoo.simulation.presets import get_preset
from lenszoo.simulation.random import scene_generator
from lenszoo.simulation.render import render

# index of the first scene of each split: disjoint by construction for any seed
SPLIT_START = {"train": 0, "val": 2**40, "test": 2**41}


@dataclass(frozen=True, repr=False)
class Sample:
    """Simulated images with labels and truth.

    Attributes:
        images: (n, H, W, bands) float32, scaled to [0, 1] where the preset does so.
        labels: (n,) int32 into ``class_names``.
        truth: arrays of length n by name: each quantity that was drawn (text where it names a kind)
            or measured on the noiseless image (as ``signal_to_noise``), and ``scene``, the index.
            ``point_x``, ``point_y`` [arcsec] and ``point_theta_e2`` [arcsec^2], in skies with point
            masses, are object arrays of arrays.
        class_names: names of the classes.
        targets: of a sky of pairs, (n, factor * H, factor * W, 1) float32: the same scenes observed
            with pixels ``factor`` times finer, in the units of ``images``, with noise of their own.
            None for other skies.
        noiseless: the targets without noise. In the truth, ``counts_at_0`` and ``counts_at_1`` are
            the values 0 and 1 of a pair in counts a fine pixel.

    Example:
        >>> from lenszoo.simulation import sample
        >>> sky = sample("common_test_sim", 2, seed=1)
        >>> sky.images.shape, sky.labels.tolist(), sky.class_names
        ((2, 150, 150, 1), [0, 1], ('no', 'sphere', 'vort'))
    """

    images: np.ndarray
    labels: np.ndarray
    truth: dict[str, np.ndarray]
    class_names: tuple[str, ...]
    targets: np.ndarray | None = None
    noiseless: np.ndarray | None = None

    def __repr__(self) -> str:
        def shape(images: np.ndarray) -> str:
            return "x".join(map(str, images.shape[1:]))

        counts = np.bincount(self.labels, minlength=len(self.class_names))
        classes = ", ".join(f"{c} {n}" for c, n in zip(self.class_names, counts, strict=True))
        fine = "" if self.targets is None else f", targets {shape(self.targets)}"
        n = counted(len(self.images), "image")
        return f"Sample({n} {shape(self.images)}{fine}: {classes}; {len(self.truth)} truths)"

    def target_variance(self) -> np.ndarray:
        """Variance of the Poisson noise of the targets, (n, factor * H, factor * W, 1) float32.

        Raises:
            LenszooError: the sky has no pairs.
        """
        if self.noiseless is None:
            raise LenszooError("Only a sky of pairs has targets.")
        zero, one = (self.truth[k][:, None, None, None] for k in ("counts_at_0", "counts_at_1"))
        return (zero / (one - zero) + self.noiseless) / (one - zero)


def scene_labels(indices: Iterable[int], preset: Preset) -> np.ndarray:
    """Labels (n,) int32 of the scenes of these indices: classes alternate."""
    return np.array([i % len(preset.classes) for i in indices], np.int32)


def check_draw(preset: Preset, seed: int, strength: float) -> None:
    """Raise LenszooError unless scenes can be drawn from this seed at this strength."""
    if not 0 <= seed < 2**64:
        raise LenszooError(f"The seed must not be negative or huge, as {seed} is.")
    if not 0 <= strength < math.inf:
        raise LenszooError(f"The strength must be a number of at least 0, not {strength}.")
    if strength != 1 and not any(preset.points.values()):
        raise LenszooError(
            f"{preset.name} has no substructure whose mass a strength of {strength} could change."
        )


def sample_scenes(
    preset: str | Preset, indices: Iterable[int], seed: int, strength: float = 1.0
) -> Sample:
    """Simulate the scenes of the given indices (each >= 0) of ``seed``; see :func:`sample`.

    Example:
        >>> from lenszoo.simulation import sample_scenes
        >>> sample_scenes("common_test_sim", [7, 3], seed=1).truth["scene"].tolist()
        [7, 3]
    """
    preset = get_preset(preset)
    indices = [int(i) for i in indices]
    check_draw(preset, seed, strength)
    if any(i < 0 for i in indices):
        raise LenszooError("Scene numbers must not be negative.")
    labels = scene_labels(indices, preset)
    names = [preset.classes[k] for k in labels]
    scenes = [
        preset.draw(scene_generator(seed, i), name, strength)
        for i, name in zip(indices, names, strict=True)
    ]
    counts = np.array([preset.points[name] for name in names], np.int64)
    groups = [np.flatnonzero(counts == n) for n in np.unique(counts)]
    # an empty sample still has its arrays' shapes
    beat, parts, done = Heartbeat("simulating"), [], 0
    for rows in groups:
        progress = functools.partial(_tell, beat, done, len(scenes))
        parts.append(render([scenes[r] for r in rows], preset, int(counts[rows[0]]), progress))
        done += len(rows)
    arrays = _in_order(parts or [render([], preset, 0)], groups, len(scenes))
    truth: dict[str, np.ndarray] = {"scene": np.array(indices, np.int64)}
    truth |= {name: arrays.pop(name) for name in list(arrays) if arrays[name].ndim == 1}
    if scenes:
        truth |= {k: np.array([s.values[k] for s in scenes]) for k in scenes[0].values}
    points = ("point_x", "point_y", "point_theta_e2") if any(preset.points.values()) else ()
    for column, key in enumerate(points):
        truth[key] = np.empty(len(scenes), object)
        for row, scene in enumerate(scenes):
            truth[key][row] = scene.points[:, column]
    return Sample(labels=labels, truth=truth, class_names=preset.classes, **arrays)


def _tell(beat: Heartbeat, before: int, total: int, done: int) -> None:
    beat(before + done, total)


def _in_order(
    parts: list[dict[str, np.ndarray]], groups: list[np.ndarray], n: int
) -> dict[str, np.ndarray]:
    """Put float32 arrays rendered group by group back into the order of the scenes."""
    if len(parts) == 1:
        return parts[0]
    whole = {name: aligned_empty((n, *array.shape[1:])) for name, array in parts[0].items()}
    for rows, part in zip(groups, parts, strict=False):
        for name, array in part.items():
            whole[name][rows] = array
    return whole


def sample(
    preset: str | Preset, n: int, seed: int = 0, start: int = 0, strength: float = 1.0
) -> Sample:
    """Simulate ``n`` images of a sky.

    Scene ``i`` depends on the preset, the seed and ``i`` alone: ``sample(p, 10, seed, start=5)``
    returns the last ten of ``sample(p, 15, seed)``.

    Args:
        preset: a name from :func:`list_presets`.
        n: number of images, at least 1; classes alternate.
        seed: seed of the scenes, not negative.
        start: index of the first scene; ``SPLIT_START`` keeps training, validation and test apart.
        strength: factor on the mass of the substructure; 1 is the true sky.

    Returns:
        Images, labels and truth, see :class:`Sample`.

    Raises:
        LenszooError: an unknown preset, n < 1, or a negative seed, start or strength.

    >>> images = sample("common_test_sim", 3, seed=1)
    >>> images.images.shape, images.labels.tolist(), images.class_names
    ((3, 150, 150, 1), [0, 1, 2], ('no', 'sphere', 'vort'))
    >>> sorted(images.truth)[:3]
    ['einstein_radius', 'gamma1', 'gamma2']
    """
    if n < 1:
        raise LenszooError(f"The number of images must be at least 1, not {n}.")
    return sample_scenes(preset, range(start, start + n), seed, strength)
