"""Super-resolution on real images: HST galaxies binned by two, and one published pair.

    python benchmarks/real_super_resolution.py FOLDER WEIGHTS ... [--out RUNS] [--epochs 20]

FOLDER holds cosmos_acs_f814w_168.npz (x: (217, 168, 168), HST ACS F814W) and, if there,
sr_pair/Raw.npy and Gold.npy. The cutouts are binned 2 x 2 and each network makes 168 pixels of the
84; scores are against the cutouts, noise included, scaled by the map that takes the coarse image to
[0, 1] (data range 1). Beside them stand the best linear filter of 100 cutouts and the floor that
the noise of the sky sets. With --out each network is also fine-tuned there on 170 of the cutouts,
and all are scored on the other 47.
"""

import argparse
from pathlib import Path

import numpy as np
from _machine import describe
from _sky_floor import linear_filter, sky_floor

from lenszoo import load_model
from lenszoo.data import make_pairs, normalise
from lenszoo.metrics import image_quality as iq
from lenszoo.metrics.interpolation import bicubic
from lenszoo.pretrained.loading import model_config
from lenszoo.tasks.super_resolve.task import super_resolve
from lenszoo.training import train

TRAINING = 170
FILTERED = 100
SEED = 0


def line(name: str, high: np.ndarray, made: np.ndarray) -> None:
    """Print the scores of one answer."""
    flux = iq.flux_error(made, high)
    print(
        f"{name:44s} PSNR {np.mean(iq.psnr(high, made, data_range=1.0)):6.2f} dB  "
        f"SSIM {np.mean(iq.ssim(high, made, data_range=1.0)):.4f}  "
        f"flux error {100 * np.median(np.abs(flux)):.3f} % (median)",
        flush=True,
    )


def compare(title: str, low: np.ndarray, high: np.ndarray, models: dict) -> None:
    print(f"{title}: {len(low)} images, {low.shape[1]} to {high.shape[1]} pixels")
    line("bicubic", high, bicubic(low, high.shape[1] // low.shape[1]))
    for name, model in models.items():
        line(name, high, super_resolve(model, low))


def fine_tune(name: str, cutouts: np.ndarray, out: Path, epochs: int):
    """The network of a weights' name after some more epochs on cutouts alone."""
    folder = out / "cutouts"
    folder.mkdir(parents=True, exist_ok=True)
    for i, cutout in enumerate(cutouts):
        np.save(folder / f"{i:03d}.npy", cutout[..., 0])
    recipe = {
        "task": "super_resolve",
        "model": name.split(".")[0],
        "weights": name,
        "options": model_config(load_model(name))["options"],
        "seed": SEED,
        "epochs": epochs,
        "batch_size": 16,
        "data": {"high": str(folder), "patch": 40, "patches": 4, "val_fraction": 0.1},
        "optimizer": {"name": "adam", "learning_rate": 1e-4, "clip_norm": 1.0},
    }
    return load_model(train(recipe, out / name).run_dir)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights", nargs="+")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--epochs", type=int, default=20)
    arguments = parser.parse_args()
    print(describe())
    cutouts = np.load(arguments.folder / "cosmos_acs_f814w_168.npz", allow_pickle=False)["x"]
    cutouts = cutouts[..., None].astype(np.float32)
    pairs = make_pairs(cutouts, 2)
    low, high = normalise(pairs.images, pairs.targets)
    models = {name: load_model(name) for name in arguments.weights}
    compare("COSMOS, binned", low, high, models)
    order = np.random.default_rng(SEED).permutation(len(cutouts))
    filtered, held = order[:FILTERED], order[FILTERED:]
    print(f"COSMOS, {len(held)} others than the {len(filtered)} that a linear filter is made of")
    floor = sky_floor(low, high)
    line("bicubic", high[held], bicubic(low[held], 2))
    line(
        "linear filter", high[held], made := linear_filter(low[filtered], high[filtered], low[held])
    )
    gap = 10 * np.log10(np.mean((made - high[held]) ** 2, axis=(1, 2, 3)) / floor[held])
    print(
        f"floor of the sky's noise: PSNR {np.mean(-10 * np.log10(floor[held])):.2f} dB; the filter "
        f"is {np.median(gap):.2f} dB from it in the median, more than 1 dB in {np.sum(gap > 1)}"
    )
    raw, gold = (arguments.folder / "sr_pair" / f"{name}.npy" for name in ("Raw", "Gold"))
    if raw.exists() and gold.exists():
        one, other = (
            np.load(p, allow_pickle=False).reshape(1, n, n, 1) for p, n in ((raw, 64), (gold, 128))
        )
        compare("DeepLense III.B, as published", one, other, models)
    if arguments.out is not None:
        training, held = order[:TRAINING], np.sort(order[TRAINING:])
        tuned = {
            f"{name}, fine-tuned": fine_tune(
                name, cutouts[training], arguments.out, arguments.epochs
            )
            for name in arguments.weights
        }
        compare("COSMOS, held out", low[held], high[held], {**models, **tuned})


if __name__ == "__main__":
    main()
