"""Time and memory of training steps on a CPU, with freed memory kept and given back to Linux.

    python benchmarks/allocator.py [--model resnet50_slim] [--images 1280] [--rounds 2]

Trains a classifier on scenes of `common_test_sim`, taught by another, as the recipes of the zoo do,
in processes of their own by turns: as lenszoo sets glibc, and with glibc's own settings. Printed
are seconds an epoch after the first, pages that Linux cleared and the largest memory of each.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from _machine import describe

SEED, BATCH, EPOCHS = 1, 32, 3
TEACHER = "resnet18_slim.common_test_sim_v2"
WAYS = ("kept", "given back")


def recipe(model: str, images: int) -> dict[str, Any]:
    """Fields of a short training, with a teacher."""
    parts = {"images": images, "val_images": 96, "test_images": 96}
    return {
        "model": model,
        "options": {"crop": 104},
        "seed": SEED,
        "epochs": EPOCHS,
        "batch_size": BATCH,
        "augment": "d4",
        "data": {"preset": "common_test_sim", **parts},
        "optimizer": {"name": "adamw", "learning_rate": 1e-3, "clip_norm": 1.0},
        "distill": {"teacher": TEACHER, "weight": 0.9},
    }


def trained(model: str, images: int) -> dict[str, float]:
    """Train in this process: seconds of an epoch, pages cleared in all, MiB at most."""
    import resource

    from lenszoo.training import train

    with tempfile.TemporaryDirectory() as folder:
        history = train(recipe(model, images), folder).history
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = statistics.median(row["seconds"] for row in history[1:])
    return {"seconds": seconds, "pages": used.ru_minflt, "MiB": used.ru_maxrss / 1024}


def main() -> None:
    """Train by turns, print each and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="resnet50_slim")
    parser.add_argument("--images", type=int, default=1280)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once:
        print(json.dumps(trained(arguments.model, arguments.images)))
        return
    print(describe(), f"seed {SEED}", sep=", ")
    command = [sys.executable, __file__, "--once", "--model", arguments.model]
    command += ["--images", str(arguments.images)]
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(arguments.rounds):
        for way in WAYS:
            # set, though empty, it counts as a setting of the user, which lenszoo leaves alone
            own = {} if way == "kept" else {"GLIBC_TUNABLES": ""}
            began = time.monotonic()
            done = subprocess.run(
                command, env=os.environ | own, capture_output=True, text=True, check=True
            )
            measured = json.loads(done.stdout.splitlines()[-1])
            seconds[way].append(measured["seconds"])
            print(
                f"{way}: {measured['seconds']:.1f} s an epoch of {arguments.images} images, "
                f"{measured['pages'] / 1e6:.2f} million pages, at most {measured['MiB']:.0f} MiB, "
                f"{time.monotonic() - began:.0f} s in all",
                flush=True,
            )
    times = [statistics.median(seconds[way]) for way in WAYS]
    print(f"kept takes {times[0] / times[1]:.2f} of the time")


if __name__ == "__main__":
    main()
