"""Time and memory of upscaling a large FITS image, in a process of its own.

    python benchmarks/upscale_memory.py [--model srcnn] [--side 4000] [--weights NAME-or-FILE]

Makes a float32 image of a noisy sky with sources and NaN gaps, upscales it with a network of the
catalogue (untrained, unless weights are given; that costs the same), and prints seconds, peak
memory (the backend included). Fails above --limit GiB.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

_GIB = 2**30


def make_image(path: Path, side: int) -> None:
    """Write noise, a thousand sources and gaps between detectors."""
    from astropy.io import fits

    rng = np.random.default_rng(0)
    sky = rng.normal(0, 0.01, (side, side)).astype(np.float32)
    y, x = np.mgrid[-15:16, -15:16]
    for row, column in rng.integers(15, side - 15, (1000, 2)):
        width = rng.uniform(1, 4)
        star = rng.uniform(0.1, 1) * np.exp(-(x**2 + y**2) / (2 * width**2))
        sky[row - 15 : row + 16, column - 15 : column + 16] += star.astype(np.float32)
    sky[side // 2 : side // 2 + 20] = np.nan
    header = fits.Header()
    header.update({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": side / 2, "CRVAL1": 150.1})
    header.update({"CRPIX2": side / 2, "CRVAL2": 2.2, "CDELT1": -2.8e-5, "CDELT2": 2.8e-5})
    fits.writeto(path, sky, header)


def work(source: str, target: str, model: str, weights: str | None) -> None:
    """Upscale, and print what it took as JSON; runs in a process of its own."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    keras.utils.set_random_seed(0)
    import lenszoo
    from lenszoo.inference.upscaling import open_upscaler

    network = weights or lenszoo.build_model(model, input_shape=(None, None, 1))
    upscaler = open_upscaler(network)
    ready = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    lenszoo.upscale(upscaler, source, target)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    from _machine import describe

    facts = {"seconds": seconds, "peak": peak * 1024, "ready": ready * 1024, "machine": describe()}
    print(json.dumps(facts | {"scale": upscaler.scale, "reach": upscaler.reach.pixels}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="srcnn")
    parser.add_argument("--weights")
    parser.add_argument("--side", type=int, default=4000)
    parser.add_argument("--limit", type=float, default=2.0, help="GiB")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(*options.work, options.model, options.weights)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "sky.fits", Path(folder) / "fine.fits"
        make_image(source, options.side)
        command = [sys.executable, __file__, *sys.argv[1:], "--work", str(source), str(target)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(done.stderr, file=sys.stderr)
            return 1
        facts = json.loads(done.stdout.splitlines()[-1])
        size = target.stat().st_size
    side, peak = options.side, facts["peak"] / _GIB
    print(
        f"{options.weights or options.model}, {side} x {side} to {side * facts['scale']} x "
        f"{side * facts['scale']} pixels ({size / 2**20:.0f} MiB), margins of {facts['reach']} "
        f"pixels: {facts['seconds']:.0f} s, {side**2 / facts['seconds'] / 1e6:.3f} input "
        f"Mpixel/s, peak memory {peak:.2f} GiB, of which {facts['ready'] / _GIB:.2f} before the "
        f"image was read; {facts['machine']}"
    )
    if peak > options.limit:
        print(f"more than {options.limit} GiB", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
