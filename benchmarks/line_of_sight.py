"""Speed of the sky with halos along the line of sight, and its rays beside lenstronomy's.

    python benchmarks/line_of_sight.py [--scenes 64] [--rounds 5] [--rays 2000]

Renders scenes of `common_test_los`, 100 x 100 pixels, eight planes and 1,000 halos, drawing and
noise included, on all cores. Then the rays of one scene go through lenstronomy's multi-plane lens
model too, its halos taken for point masses in both, for lenstronomy has no Plummer halos: printed
are the largest difference and the times of a ray. Needs the extra `oracle`.
"""

import argparse
import math
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from _machine import describe
from astropy.cosmology import FlatLambdaCDM
from keras import ops
from lenstronomy.LensModel.lens_model import LensModel

from lenszoo.simulation import sample_scenes
from lenszoo.simulation.cosmology import H0, OMEGA_M, comoving_distance, redshift_at
from lenszoo.simulation.line_of_sight import source_position
from lenszoo.simulation.presets.line_of_sight import HALOS
from lenszoo.simulation.render import compiled
from lenszoo.simulation.trace import sis_deflection

Z_LENS, Z_SOURCE, THETA_E = 0.5, 1.0, 1.2


def speed(scenes: int, rounds: int) -> list[float]:
    """Milliseconds an image, a round."""
    times = []
    for k in range(rounds + 1):
        start = time.perf_counter()
        sample_scenes("common_test_los", range(k * scenes, (k + 1) * scenes), 1)
        times.append((time.perf_counter() - start) / scenes * 1e3)
    return times[1:]  # the first compiles


def theirs(arrays: dict[str, np.ndarray], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Source positions by lenstronomy, (2, n) [arcsec]."""
    distance = arrays["plane_distance"] * comoving_distance(Z_SOURCE)
    redshift = [redshift_at(each) for each in distance]
    centre = {"center_x": 0.0, "center_y": 0.0}
    models, planes, setting = ["SIS"], [Z_LENS], [{"theta_E": THETA_E, **centre}]
    for k in range(len(HALOS.halos)):
        plane = redshift[k if k < len(HALOS.before) else k + 1]
        halos = arrays[f"halos_{k}"]
        models += ["CONVERGENCE"] + ["POINT_MASS"] * len(halos)
        planes += [plane] * (1 + len(halos))
        setting.append({"kappa": -float(arrays["plane_sheet"][k])})
        setting += [
            {"theta_E": math.sqrt(r2), "center_x": hx, "center_y": hy} for hx, hy, r2, _ in halos
        ]
    model = LensModel(
        models, multi_plane=True, z_source=Z_SOURCE, lens_redshift_list=planes,
        cosmo=FlatLambdaCDM(H0=H0, Om0=OMEGA_M),
    )  # fmt: skip
    return np.array(model.ray_shooting(x, y, setting))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rays", type=int, default=2000)
    options = parser.parse_args()
    print(describe())
    times = speed(options.scenes, options.rounds)
    low, high = min(times), max(times)
    print(f"{statistics.median(times):.1f} ms an image ({low:.1f} to {high:.1f})")

    arrays, _ = HALOS.draw(np.random.default_rng(1), Z_LENS, Z_SOURCE)
    for k in range(len(HALOS.halos)):
        arrays[f"halos_{k}"][:, 3] = 0.0
    x, y = np.random.default_rng(2).uniform(-2.5, 2.5, (2, options.rays))
    start = time.perf_counter()
    expected = theirs(arrays, x, y)
    their_time = time.perf_counter() - start

    def trace(u, v, parts):
        return source_position(
            u, v, parts, len(HALOS.before), lambda p, q: sis_deflection(p, q, THETA_E)
        )

    program = compiled(trace)
    u, v = (ops.convert_to_tensor(part[None].astype(np.float32)) for part in (x, y))
    parts = {name: ops.convert_to_tensor(array[None]) for name, array in arrays.items()}
    program(u, v, parts)
    start = time.perf_counter()
    done = [ops.convert_to_numpy(part)[0] for part in program(u, v, parts)]
    our_time = time.perf_counter() - start
    difference = np.abs(np.array(done) - expected)
    print(
        f"rays at the source differ by at most {difference.max():.1e} arcsec, median "
        f"{np.median(difference):.1e}; lenstronomy takes {their_time / our_time:.0f} times as long"
    )


if __name__ == "__main__":
    main()
