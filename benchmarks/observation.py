"""Detection of another camera: how often images of one are told from those that weights learned on.

    python benchmarks/observation.py [--weights resnet18_slim.common_test_sim_v2] [--scenes 400]

Draws the test scenes of the weights' sky again and again, one thing changed at a time, and looks at
1, 16 and 64 of them at a time, 1,000 times, as `lenszoo predict` does with the first images that it
is given. Of the sky as it is, every detection is a false alarm. With --real the images of an npz
(x: (n, H, W, bands)) are looked at as well.
"""

import argparse
from pathlib import Path

import numpy as np
from _machine import describe

from lenszoo.data import observation
from lenszoo.pretrained import get_entry
from lenszoo.simulation import SPLIT_START, perturbed, sample
from lenszoo.tasks.evaluate import EVALUATION_SEED

COUNTS = (1, 16, 64)
DRAWS = 1000
CHANGES = {
    "as trained": {},
    "noise x 1.25": {"noise": 1.25},
    "noise x 1.5": {"noise": 1.5},
    "noise x 0.5": {"noise": 0.5},
    "PSF width x 0.75": {"psf": 0.75},
    "PSF width x 1.5": {"psf": 1.5},
    "shift by 1 px along both axes": {"shift": (1.0, 1.0)},
    "shift by 3 px along both axes": {"shift": (3.0, 3.0)},
    "turned by 45°": {"angle": 45.0},
    "turned by 90°": {"angle": 90.0},
    "arcsec a pixel x 0.85": {"pixel_scale": 0.85},
    "arcsec a pixel x 1.15": {"pixel_scale": 1.15},
}


def told(images: np.ndarray, trained: observation.Observation, count: int) -> float:
    """Share of draws of ``count`` images that are told from those of the training."""
    rng = np.random.default_rng(0)
    each = observation.measure_observation(images)
    hits = 0
    for _ in range(DRAWS):
        rows = rng.choice(len(images), count, replace=False)
        some = {name: values[rows] for name, values in each.items()}
        hits += observation.compare_measured(some, trained) is not None
    return hits / DRAWS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default="resnet18_slim.common_test_sim_v2")
    parser.add_argument("--scenes", type=int, default=400)
    parser.add_argument("--real", type=Path)
    arguments = parser.parse_args()
    entry = get_entry(arguments.weights)
    trained, preset = entry.observation, entry.data["preset"]
    if trained is None:
        parser.error(f"{entry.name} does not know its training images")
    print(describe())
    print(f"{entry.name}, {arguments.scenes} test scenes of {preset}, seed {EVALUATION_SEED}")
    print("| scenes | " + " | ".join(f"of {n}" for n in COUNTS) + " |")
    print("|---" * (1 + len(COUNTS)) + "|")
    for title, change in CHANGES.items():
        sky = perturbed(preset, **change)
        images = sample(sky, arguments.scenes, EVALUATION_SEED, SPLIT_START["test"]).images
        shares = " | ".join(f"{told(images, trained, n):.3f}" for n in COUNTS)
        print(f"| {title} | {shares} |", flush=True)
    if arguments.real is not None:
        real = np.load(arguments.real, allow_pickle=False)["x"]
        odd = observation.compare_observation(real, trained)
        alone = sum(
            observation.compare_observation(real[i : i + 1], trained) is not None
            for i in range(len(real))
        )
        print(
            f"{arguments.real.name}: {odd.text if odd else 'like the training'}; one by one, "
            f"{alone} of {len(real)} are told from it"
        )


if __name__ == "__main__":
    main()
