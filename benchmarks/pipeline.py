"""How fast images come from 2,000 warm DeepLense files, and from memory.

    python benchmarks/pipeline.py [--files 2000] [--seed 0]

The peer, in the same run, is the loop that everybody writes first: numpy.load on one file after
another. Every figure is the best of several passes.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _machine import describe

from lenszoo.data import DatasetIndex, image_dataset

BATCH = 128


def make_files(folder: Path, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for i in range(n):
        home = folder / ("no", "sphere", "vort")[i % 3]
        home.mkdir(exist_ok=True)
        np.save(home / f"{i}.npy", rng.random((1, 150, 150)))


def best_rate(n: int, passes: int, run: Callable[[], object]) -> float:
    times = []
    for _ in range(passes):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return n / min(times)


def numpy_loop(index: DatasetIndex) -> None:
    for path in index.paths:
        np.load(path)[0].astype(np.float32)


def drain(dataset: Iterable) -> None:
    for _ in dataset:
        continue


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_files(Path(folder), args.files, args.seed)
        index = DatasetIndex.from_directory(folder)
        loaded = index.load()
        epochs = 10  # one pass over memory is too short to time
        parts = loaded.images, loaded.labels
        many = [np.concatenate([part] * epochs) for part in parts]

        def streamed() -> Iterable:
            return image_dataset(index, batch_size=BATCH, shuffle_seed=args.seed, cache=False)

        def cached(augment: str | None) -> Iterable:
            return image_dataset(
                (many[0], many[1]), batch_size=BATCH, shuffle_seed=args.seed, augment=augment
            )

        n, m = args.files, args.files * epochs
        plain, turned = cached(None), cached("d4")
        stream = streamed()
        rows = [
            ("numpy.load loop (peer), files", n, lambda: numpy_loop(index), None),
            ("index.load, files, checked", n, index.load, 6000),
            ("image_dataset cache=False, files, checked", n, lambda: drain(stream), 6000),
            ("image_dataset, from memory", m, lambda: drain(plain), 50000),
            ("image_dataset, from memory, d4", m, lambda: drain(turned), None),
        ]
        print(f"{args.files} files of (1, 150, 150) float64, batch {BATCH}, seed {args.seed}")
        for name, count, run, target in rows:
            rate = best_rate(count, args.passes, run)
            goal = "" if target is None else f"  (target {target}: {rate / target:.2f}x)"
            print(f"{name:45s} {rate:9.0f} images/s{goal}", flush=True)
    print(describe())


if __name__ == "__main__":
    main()
