"""Does adversarial training of srgan hold? Several seeds from one MSE generator, small and short.

    python benchmarks/gan_stability.py OUT [--seeds 5] [--steps 1000] [--loss relativistic]

A srresnet_1 of 32 channels is trained on MSE first; then srgan starts from it, once a seed, on
batches of 8 fine patches of 32 pixels of sr_75_150. Printed for each seed: PSNR of the averaged
generator on whole validation images before, at its worst epoch and at the end, SSIM, the power
between 0.1 and 0.2 cycles a pixel over the truth's (what MSE smooths away), and whether anything
was not finite. Runs are folders below OUT and resume. A dead generator (constant or
repeated answers) would show in PSNR, which must stay within 1.5 dB of the start.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from _machine import describe

from lenszoo import load_model
from lenszoo.metrics import image_quality
from lenszoo.simulation import SPLIT_START, sample
from lenszoo.tasks.super_resolve.task import super_resolve
from lenszoo.training import train

BOUND = 1.5  # dB
# on top of the bicubic image, so that a short MSE training is a fair start
OPTIONS = {"width": 32, "batch_norm": False, "skip": "bicubic"}
EPOCH = 250  # steps


def recipe(steps: int, **fields):
    """A small recipe on 16 coarse, hence 32 fine pixels."""
    images = EPOCH * 8 // 4
    return {
        "task": "super_resolve",
        "options": OPTIONS,
        "epochs": steps // EPOCH,
        "batch_size": 8,
        "data": {
            "preset": "sr_75_150",
            "images": images,
            "patch": 16,
            "patches": 4,
            "val_images": 30,
            "test_images": 30,
        },
        **fields,
    }


def judged(run: Path, pairs) -> tuple[float, float, float]:
    """PSNR (dB) and SSIM of a run's last weights, and its small-scale power over the truth's."""
    made = super_resolve(load_model(run / "last.weights.h5"), pairs.images)
    frequencies, ratio = image_quality.power_spectrum_ratio(made, pairs.noiseless)
    return (
        float(np.mean(image_quality.psnr(pairs.targets, made, data_range=1.0))),
        float(np.mean(image_quality.ssim(pairs.targets, made, data_range=1.0))),
        float(np.mean(ratio[:, (frequencies > 0.1) & (frequencies < 0.2)])),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--start-steps", type=int, default=1000)
    parser.add_argument("--loss", default="relativistic", choices=("relativistic", "hinge"))
    parser.add_argument("--weight", type=float, default=1e-3)
    arguments = parser.parse_args()
    print(describe())
    start = arguments.out / "mse"
    rate = {"learning_rate": 1e-3, "schedule": "cosine"}
    train(recipe(arguments.start_steps, model="srresnet_1", seed=0, optimizer=rate), start)
    pairs = sample("sr_75_150", 60, 11, SPLIT_START["test"])
    before = judged(start, pairs)
    print(f"MSE start: PSNR {before[0]:.2f} dB, SSIM {before[1]:.4f}, power {before[2]:.3f}")
    failed = 0
    for seed in range(1, arguments.seeds + 1):
        fields = recipe(
            arguments.steps,
            model="srgan",
            seed=seed,
            weights=str(start),
            optimizer={"name": "adam", "learning_rate": 1e-4, "schedule": "constant"},
            adversarial={"loss": arguments.loss, "weight": arguments.weight},
        )
        fields["options"] = {**OPTIONS, "discriminator_width": 32}
        run = arguments.out / f"{arguments.loss}_{seed}"
        history = train(fields, run).history
        worst = min(row["val_psnr"] for row in history)
        finite = all(np.isfinite(row["loss"]) for row in history)
        psnr, ssim, power = judged(run, pairs)
        held = finite and psnr > before[0] - BOUND and worst > history[0]["val_psnr"] - BOUND
        failed += not held
        print(
            f"seed {seed}: PSNR {psnr:.2f} dB ({psnr - before[0]:+.2f}; worst epoch {worst:.2f}), "
            f"SSIM {ssim:.4f}, power {power:.3f}, finite {finite}: {'held' if held else 'FAILED'}",
            flush=True,
        )
    print(f"{arguments.seeds - failed} of {arguments.seeds} seeds held")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
