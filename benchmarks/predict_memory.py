"""Peak memory of predictions as a table and streamed to a file, by the number of images.

    python benchmarks/predict_memory.py [--images 2000 20000]

Writes images of 20 x 20 pixels, a file each, and classifies them with an untrained network, each
measurement in a process of its own.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def measure(folder: str, out: str) -> None:
    """Classify the images of a folder; print the peak memory. Runs in a process of its own."""
    from lenszoo import build_model, predict

    model = build_model("simple_cnn", input_shape=(20, 20, 1), num_classes=3)
    start = time.perf_counter()
    predict(model, folder, out=out or None)
    seconds = time.perf_counter() - start
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB, {seconds:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, nargs="+", default=[2000, 20000])
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if options.measure:
        measure(*options.measure)
        return
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        for count in options.images:
            folder = Path(name) / str(count)
            for k in range(count):
                path = folder / str(k // 1000) / f"{k}.npy"
                path.parent.mkdir(parents=True, exist_ok=True)
                np.save(path, rng.random((20, 20), np.float32))
            for kind, out in (("table", ""), ("file", f"{name}/{count}.parquet")):
                command = [sys.executable, __file__, "--measure", str(folder), out]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                print(f"{count:,} images, {kind}: {done.stdout.splitlines()[-1]}", flush=True)


if __name__ == "__main__":
    main()
