"""Cutouts of a simulated sky, and the table measured on them."""

from collections.abc import Sequence

import numpy as np

from lenszoo.data.aligned import aligned_empty
from lenszoo.data.dataset import Dataset
from lenszoo.data.names import LENS_CLASSES
from lenszoo.data.photometry import measure, measured_columns
from lenszoo.errors import LenszooError, unknown
from lenszoo.simulation.preset import Preset
from lenszoo.simulation.presets import get_preset
from lenszoo.simulation.sample import SPLIT_START, sample


def sample_cutouts(
    preset: str | Preset,
    n: int,
    seed: int = 0,
    split: str = "train",
    *,
    bands: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    images: bool = True,
) -> Dataset:
    """Simulate lens candidates: cutouts, labels and the table that is measured on them.

    Args:
        preset: a sky of lenses and other galaxies, such as ``"lens_finding_easy"``.
        n: candidates; lenses and non-lenses take turns.
        seed: of the scenes, as for :func:`lenszoo.simulation.sample`.
        split: ``"train"``, ``"val"`` or ``"test"``, whose scenes never overlap.
        bands: names of the sky's bands that are looked at, in order; by default all.
        columns: measured columns of the table, by default all of
            :func:`lenszoo.data.measured_columns`; an empty list measures nothing.
        images: False leaves the images out once they are measured.

    Returns:
        The candidates, named ``split/0`` and on, with their truth.

    Raises:
        LenszooError: unknown preset, split, band or column, or a sky of other classes.

    Example:
        >>> from lenszoo.simulation import sample_cutouts
        >>> candidates = sample_cutouts("lens_finding_easy", 4, seed=1)
        >>> candidates.images.shape, candidates.class_names
        ((4, 64, 64, 4), ('nonlens', 'lens'))
    """
    preset = lens_sky(preset)
    if split not in SPLIT_START:
        raise unknown("split", split, SPLIT_START)
    seen_bands = chosen_bands(preset, bands)
    names = chosen_columns(preset, columns, seen_bands)
    seen = sample(preset, n, seed, SPLIT_START[split])
    looked_at = take_bands(preset, seen.images, seen_bands)
    return Dataset(
        tuple(f"{split}/{i}" for i in range(n)),
        looked_at if images else None,
        measured_table(preset, looked_at, seen_bands, names),
        names,
        seen.labels,
        seen_bands,
        provenance={"preset": preset.name, "pixel_scale": preset.pixel_scale, "seed": seed},
        truth=seen.truth,
    )


def lens_sky(preset: str | Preset) -> Preset:
    """Return a sky of lenses and other galaxies; raise LenszooError for any other."""
    preset = get_preset(preset)
    if preset.classes != LENS_CLASSES:
        raise LenszooError(
            f"{preset.name} is no sky of lenses and other galaxies: its classes are "
            f"{', '.join(preset.classes)}."
        )
    return preset


def chosen_bands(preset: Preset, bands: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the bands of a sky: all of them, or those named."""
    for i, name in enumerate(bands or ()):
        if name not in preset.bands:
            raise unknown(f"band of {preset.name}", name, preset.bands)
        if bands is not None and name in bands[:i]:
            raise LenszooError(f"Band {name} of {preset.name} is asked for twice.")
    return tuple(bands or preset.bands)


def take_bands(preset: Preset, images: np.ndarray, bands: Sequence[str]) -> np.ndarray:
    """Return images (n, H, W, bands) of a sky in some bands, in their order."""
    if tuple(bands) == preset.bands:
        return images
    taken = aligned_empty((*images.shape[:3], len(bands)))
    for k, name in enumerate(bands):
        taken[..., k] = images[..., preset.bands.index(name)]
    return taken


def chosen_columns(
    preset: Preset, columns: Sequence[str] | None, bands: Sequence[str]
) -> tuple[str, ...]:
    """Return the names of measured columns in bands of a sky: all of them, or those named."""
    measured = measured_columns(bands)
    for name in columns or ():
        if name not in measured:
            raise unknown(f"column of {preset.name}", name, measured)
    return measured if columns is None else tuple(columns)


def measured_table(
    preset: Preset, images: np.ndarray, bands: Sequence[str], columns: Sequence[str]
) -> np.ndarray:
    """Return the photometry of images in bands of a sky as a table (n, columns) float32."""
    if not columns:
        return np.empty((len(images), 0), np.float32)
    assert preset.zero_point is not None  # every sky of lenses and other galaxies has one
    measured = measure(
        images, pixel_scale=preset.pixel_scale, bands=bands, zero_point=preset.zero_point
    )
    return np.stack([measured[name] for name in columns], axis=1)
