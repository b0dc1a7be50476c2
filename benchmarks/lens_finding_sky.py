"""Simulated skies for lens finding: contact sheets, kinds, and the shortcut baseline.

    python benchmarks/lens_finding_sky.py FOLDER [--presets NAME ...] [--images 3000] [--seed 5]

For each sky, prints the images rendered a second, the fractions of kinds, the AUC that a logistic
regression reaches on global image statistics (cross-validated; what a network adds to it is worth
something), for images as they are, stretched, and for the table that a survey would measure, and
the first of these for each kind of non-lens against the lenses. Writes a contact sheet a kind
into FOLDER as PNG: i, r and g as red, green and blue, stretched by asinh (Lupton et al. 2004,
astro-ph/0312483), or VIS in grey.
"""

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from _machine import describe
from PIL import Image

from lenszoo.data.photometry import measure
from lenszoo.metrics.classification import roc_auc
from lenszoo.metrics.shortcut import shortcut_baseline
from lenszoo.simulation import Sample, get_preset, list_presets, sample
from lenszoo.simulation.preset import Preset
from lenszoo.simulation.survey import ZERO_POINT, Survey

COLUMNS, ROWS, ZOOM = 10, 6, 2
SOFTENING = 6.0


def stretched(images: np.ndarray, preset: Preset) -> np.ndarray:
    """(n, H, W, 3) uint8: i, r, g by one asinh stretch of their mean, hues kept; VIS in grey."""
    camera = preset.instrument
    assert isinstance(camera, Survey)
    weights = dict(zip(preset.bands, camera.noise, strict=True))
    if len(preset.bands) == 1:
        rgb = np.repeat(images, 3, axis=-1) / camera.noise
    else:
        # as bright as red-sequence galaxies are, so that these come out orange
        balance = {"i": 0.75, "r": 1.0, "g": 1.9}
        rgb = np.stack(
            [images[..., preset.bands.index(b)] * balance[b] for b in ("i", "r", "g")], axis=-1
        )
        rgb = rgb / weights["r"]
    mean = np.maximum(rgb.mean(axis=-1, keepdims=True), 1e-6)
    span = np.arcsinh(200.0 / SOFTENING)
    grey = np.arcsinh((mean + 1.0) / SOFTENING) / span
    rgb = (rgb + 1.0) * grey / (mean + 1.0)
    peak = np.maximum(rgb.max(axis=-1, keepdims=True), 1.0)
    return (np.clip(rgb / peak, 0, 1) * 255).astype(np.uint8)


def contact_sheet(pictures: np.ndarray, path: Path) -> None:
    """Write a grid of pictures, enlarged."""
    n, side = len(pictures), pictures.shape[1]
    sheet = np.full((ROWS * (side + 2), COLUMNS * (side + 2), 3), 60, np.uint8)
    for k in range(min(n, ROWS * COLUMNS)):
        y, x = divmod(k, COLUMNS)
        top, left = y * (side + 2), x * (side + 2)
        sheet[top : top + side, left : left + side] = pictures[k]
    image = Image.fromarray(sheet)
    image.resize((image.width * ZOOM, image.height * ZOOM), Image.Resampling.NEAREST).save(path)


def table(drawn: Sample, preset: Preset) -> np.ndarray:
    """Table that a survey would measure on the images, (n, columns); medians where missing."""
    measured = measure(
        drawn.images, pixel_scale=preset.pixel_scale, bands=preset.bands, zero_point=ZERO_POINT
    )
    columns = np.stack(list(measured.values()), axis=1).astype(np.float64)
    return np.where(np.isnan(columns), np.nanmedian(columns, axis=0), columns)


def shortcuts(drawn: Sample, preset: Preset) -> None:
    """Print the AUC of the shortcut baselines, over all and by kind of non-lens."""
    camera = preset.instrument
    assert isinstance(camera, Survey)
    stretched_images = np.arcsinh(drawn.images / camera.noise).astype(np.float32)
    for what, seen in (
        ("table", table(drawn, preset)),
        ("image statistics, asinh", stretched_images),
        ("image statistics", drawn.images),
    ):
        result = shortcut_baseline(seen, drawn.labels, 2)
        assert result.scores is not None
        print(f"  shortcut baseline, {what}: AUC {result.macro_ovr_auc:.3f}")
    kinds = drawn.truth["kind"][result.rows]
    for kind in np.unique(kinds[kinds != "lens"]):
        rows = (kinds == kind) | (kinds == "lens")
        auc = roc_auc((kinds == "lens")[rows].astype(int), result.scores[rows])
        print(f"    against {kind:<10} {np.mean(kinds == kind) * 200:5.1f} %   AUC {auc:.3f}")


def main() -> None:
    """Measure and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    skies = [name for name in list_presets() if name.startswith("lens_finding")]
    parser.add_argument("--presets", nargs="+", default=skies, choices=skies)
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    print(describe())
    for name in options.presets:
        preset = get_preset(name)
        sample(preset, 2)  # compile
        start = time.perf_counter()
        drawn = sample(preset, options.images, options.seed)
        speed = options.images / (time.perf_counter() - start)
        truth, lens = drawn.truth, drawn.labels == 1
        print(f"{name}: {preset.image_shape}, {speed:.0f} images/s")
        for column in ("einstein_radius", *preset.measured):
            spread = np.percentile(truth[column][lens], [5, 25, 50, 75, 95])
            print(f"  {column:<20}" + " ".join(f"{v:8.2f}" for v in spread))
        shortcuts(drawn, preset)
        for kind in np.unique(truth["kind"]):
            rows = np.flatnonzero(truth["kind"] == kind)[: ROWS * COLUMNS]
            path = options.folder / f"{name}_{kind}.png"
            contact_sheet(stretched(drawn.images[rows], preset), path)


if __name__ == "__main__":
    main()
