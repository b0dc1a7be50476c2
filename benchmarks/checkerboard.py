"""The checkerboard of a learned deconvolution beside pixel shuffle.

    python benchmarks/checkerboard.py WEIGHTS-or-RUN ... [--out docs/results/checkerboard.png]

Each network is asked for simulated images of ``sr_75_150`` and for a flat field. A checkerboard is
a pattern that repeats every two pixels: printed is how far the four phases of a 2 x 2 block lie
apart, in units of the flat field's level and, for the images, of the noise of the target.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from _machine import describe

from lenszoo import load_model
from lenszoo.pretrained.loading import model_config
from lenszoo.simulation import SPLIT_START, sample
from lenszoo.tasks.super_resolve.task import super_resolve

IMAGES, SEED = 200, 2026
LEVEL, SIDE, EDGE = 0.5, 32, 8
CUT = slice(52, 98)


def phases(images: np.ndarray) -> np.ndarray:
    """Mean of each of the four phases of a 2 x 2 block, of (n, H, W, 1)."""
    return np.array([images[:, i::2, j::2].mean(dtype=np.float64) for i in (0, 1) for j in (0, 1)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", nargs="+", metavar="WEIGHTS")
    parser.add_argument("--out", type=Path, help="PNG to draw")
    arguments = parser.parse_args()
    print(describe())
    drawn = sample("sr_75_150", IMAGES, SEED, SPLIT_START["test"])
    noise = float(np.sqrt(drawn.target_variance().mean()))
    flat = np.full((1, SIDE, SIDE, 1), LEVEL, np.float32)
    rows = []
    for name in arguments.weights:
        model = load_model(name)
        made, field = super_resolve(model, drawn.images), super_resolve(model, flat)
        inner = field[:, EDGE:-EDGE, EDGE:-EDGE]
        error = made - drawn.noiseless
        print(
            f"{name}: flat field, phases apart by {100 * np.ptp(phases(inner)) / LEVEL:.3f} %; "
            f"images, by {100 * np.ptp(phases(error)) / noise:.2f} % of the noise; "
            f"error {100 * error.std() / noise:.1f} % of the noise"
        )
        upsampling = model_config(model)["options"]["upsampling"].replace("_", " ")
        title = f"{model.name}, {upsampling}" if Path(name).is_dir() else name
        rows.append((title, made[1], error[1], inner[0]))
    if arguments.out:
        draw(rows, noise, arguments.out)


def draw(rows: list, noise: float, path: Path) -> None:
    """Answer, its error, and the flat field, a row a network."""
    figure, axes = plt.subplots(
        len(rows), 3, figsize=(9, 3.1 * len(rows)), layout="constrained", squeeze=False
    )
    for line, (title, made, error, field) in zip(axes, rows, strict=True):
        line[0].imshow(made[CUT, CUT, 0], cmap="magma", vmin=0, vmax=1)
        shown = line[1].imshow(
            error[CUT, CUT, 0] / noise, cmap="RdBu_r", vmin=-0.5, vmax=0.5, interpolation="nearest"
        )
        level = line[2].imshow(
            100 * (field[..., 0] / LEVEL - 1),
            cmap="RdBu_r",
            vmin=-2,
            vmax=2,
            interpolation="nearest",
        )
        figure.colorbar(shown, ax=line[1], label="noise of the target", shrink=0.85)
        figure.colorbar(level, ax=line[2], label="% of the level", shrink=0.85)
        titles = (title, "its error against the truth", "its answer to a flat field")
        for axis, text in zip(line, titles, strict=True):
            axis.set(xticks=[], yticks=[])
            axis.set_title(text, fontsize=10)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
