"""How strongly the substructure of ``common_test_sim`` shows, beside that of the real images.

    python benchmarks/substructure.py [REAL.npz] [--per-class 150] [--seed 31415]

A smooth lens is refitted to every image; what it cannot follow raises the reduced chi-square of
the ring (pixels whose fitted value is above 0.05). Simulated images start from their truth, real
ones from a coarse grid. REAL.npz holds images ``x`` (n, 150, 150, 1) in [0, 1] and their class
names ``label``; simulated images go through the 256 steps of the pictures they were read from.

The published percentiles were found in the same way on 171 images of the real set, 57 a class; some
of them had been resampled, which lowers their noise a little (see their row of class no). Those of
the 45 exact ones, 15 a class, stand beside them.
"""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from scipy.stats import ks_2samp

sys.path.insert(0, str(Path(__file__).resolve().parent))
import _fit
from _machine import describe

from lenszoo.simulation import get_preset, sample_scenes

PERCENTILES = (5, 25, 50, 75, 95)
PUBLISHED = {  # smooth fits to 171 images of the DeepLense common test set
    "no": (0.80, 0.90, 0.95, 1.04, 1.12),
    "sphere": (0.96, 1.17, 1.37, 1.64, 2.5),
    "vort": (1.09, 1.35, 1.63, 2.19, 4.2),
}
PUBLISHED_EXACT = {  # the same, of the 45 exact ones: percentiles 5, 50, 95
    "no": (0.94, None, 1.04, None, 1.14),
    "sphere": (1.05, None, 1.36, None, 2.5),
    "vort": (1.16, None, 1.60, None, 5.2),
}
DRAWS = 1000


def simulated_chi_square(name: str, n: int, seed: int) -> np.ndarray:
    """Ring chi-square (n,) of simulated images of one class."""
    preset = get_preset("common_test_sim")
    k, step = preset.classes.index(name), len(preset.classes)
    drawn = sample_scenes(preset, range(k, k + n * step, step), seed)
    images = _fit.quantise(drawn.images)
    _, fitted = _fit.fit(images, _fit.smooth_truth(drawn.truth), iterations=7)
    return _fit.ring_chi_square(images, fitted)


def row(name: str, values: tuple | np.ndarray) -> None:
    cells = "".join(f"{'-' if v is None else format(v, '.2f'):>8s}" for v in values)
    print(f"  {name:28s}{cells}", flush=True)


def compare(simulated: np.ndarray, real: np.ndarray) -> None:
    """Rows of what as many simulated images as there are real ones give, and a two-sample test."""
    rng = np.random.default_rng(0)
    draws = rng.choice(simulated, (DRAWS, len(real)))
    quantiles = np.percentile(draws, PERCENTILES, axis=1)
    row(f"{len(real)} simulated: low (2.5 %)", np.percentile(quantiles, 2.5, axis=1))
    row(f"{len(real)} simulated: high (97.5 %)", np.percentile(quantiles, 97.5, axis=1))
    row("real, given", np.percentile(real, PERCENTILES))
    print(f"  same law? Kolmogorov-Smirnov p = {ks_2samp(simulated, real).pvalue:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("real", nargs="?", type=Path, help="npz with x and label")
    parser.add_argument("--per-class", type=int, default=150, help="simulated images a class")
    parser.add_argument("--seed", type=int, default=31415)
    args = parser.parse_args()
    began = time.perf_counter()
    images = labels = None
    if args.real:
        with np.load(args.real) as data:
            images, labels = data["x"], data["label"]
    print(
        f"reduced chi-square of the ring after a smooth fit; {args.per_class} simulated images a "
        f"class, seed {args.seed}"
    )
    row("percentile", PERCENTILES)
    for name in PUBLISHED:
        print(name)
        row("published, 171 real", PUBLISHED[name])
        row("published, 45 exact real", PUBLISHED_EXACT[name])
        simulated = simulated_chi_square(name, args.per_class, args.seed)
        row("simulated", np.percentile(simulated, PERCENTILES))
        if images is not None and labels is not None:
            real = images[labels == name]
            compare(simulated, _fit.ring_chi_square(real, _fit.fit(real)[1]))
    print(f"{time.perf_counter() - began:.0f} s; {describe()}")


if __name__ == "__main__":
    main()
