"""A simulated sky as a survey would hand it over: cutouts and the table measured on them."""

from collections.abc import Sequence

import numpy as np

from lenszoo.data.cutouts import Cutouts
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
    columns: Sequence[str] | None = None,
    images: bool = True,
) -> Cutouts:
    """Simulate lens candidates.

    Args:
        preset: a sky of lenses and other galaxies, such as ``"lens_finding_easy"``.
        n: candidates; lenses and non-lenses take turns.
        seed: of the scenes, as for :func:`lenszoo.simulation.sample`.
        split: ``"train"``, ``"val"`` or ``"test"``, whose scenes never overlap.
        columns: measured columns of the table, by default all of
            :func:`lenszoo.data.measured_columns`; an empty list measures nothing.
        images: False leaves the images out once they are measured.

    Returns:
        The candidates, named ``split/0`` and on, with their truth.

    Raises:
        LenszooError: unknown preset, split or column, or a sky of other classes.
    """
    preset = lens_sky(preset)
    if split not in SPLIT_START:
        raise unknown("split", split, SPLIT_START)
    wanted = chosen_columns(preset, columns)
    seen = sample(preset, n, seed, SPLIT_START[split])
    return Cutouts(
        tuple(f"{split}/{i}" for i in range(n)),
        seen.images if images else None,
        measured_table(preset, seen.images, wanted),
        wanted,
        seen.labels,
        preset.bands,
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


def chosen_columns(preset: Preset, wanted: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of what is measured on a sky: all of it, or what is wanted."""
    measured = measured_columns(preset.bands)
    for name in wanted or ():
        if name not in measured:
            raise unknown(f"column of {preset.name}", name, measured)
    return measured if wanted is None else tuple(wanted)


def measured_table(preset: Preset, images: np.ndarray, columns: Sequence[str]) -> np.ndarray:
    """Return the photometry of images of a sky as a table (n, columns) float32."""
    if not columns:
        return np.empty((len(images), 0), np.float32)
    assert preset.zero_point is not None  # every sky of lenses and other galaxies has one
    measured = measure(
        images, pixel_scale=preset.pixel_scale, bands=preset.bands, zero_point=preset.zero_point
    )
    return np.stack([measured[name] for name in columns], axis=1)
