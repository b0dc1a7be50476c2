"""Realism of painted lenses, on real ones of two surveys: `python benchmarks/realism.py FOLDER`.

FOLDER holds `spacewarps_dev.npz` (flux (n, 64, 64, 3) in g, r, i at zero point 25, and grade) and
`sled_ps1_grizy_64.npz` (x (n, 64, 64, 5), grizy of Pan-STARRS1, and kind), which are no part of
lenszoo. Real lenses are Space Warps candidates of grade 2 and above, and the lensed galaxies of
SLED, whose bands are multiplied to the noise of the painted ones, since their unit is unknown.
Lenses are painted on candidates of a grade up to 0.7 and on simulated galaxies. Both stand there
unpainted too: a probe tells real lenses from other galaxies, however realistic the arcs are.
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _machine import describe

from lenszoo import realism
from lenszoo.data.sky import measure_sky
from lenszoo.simulation import PaintLaw, get_survey, make_galaxies, paint, simulate_galaxies
from lenszoo.simulation.paint_galaxies import Galaxies

WEIGHTS = "lens_finder.easy_sim_image_v2"  # of g, r, i; scales every image by its own noise
GRI = (0, 1, 2)
APERTURE = 10  # radius of the magnitudes [pixels]
LENSES = 300
LAW = PaintLaw(einstein_radius_arcsec=(0.75, 4.0))


def host_galaxies(flux: np.ndarray, zero_point: float) -> Galaxies:
    """Galaxies of CFHTLS cutouts, with magnitudes in an aperture."""
    size = flux.shape[1]
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    light = flux[:, np.hypot(x, y) < APERTURE].sum(axis=1)
    bright = (light > 0).all(axis=1)
    magnitudes = zero_point - 2.5 * np.log10(light[bright])
    columns = {f"mag_{band}": magnitudes[:, k] for k, band in enumerate("gri")}
    return make_galaxies("cfhtls_gri", flux[bright], columns)


def pairs(folder: Path, seed: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, real lenses, and images to tell from them."""
    warps = np.load(folder / "spacewarps_dev.npz")
    point = get_survey("cfhtls_gri").bands[0].zero_point_mag
    flux, grade = warps["flux"] * np.float32(10 ** (0.4 * (point - 25.0))), warps["grade"]
    hosts = host_galaxies(flux[grade <= 0.7], point)
    simulated = simulate_galaxies("cfhtls_gri", LENSES, seed)
    for name, galaxies in (("low-graded candidates", hosts), ("simulated galaxies", simulated)):
        painted = paint(galaxies, seed=seed, law=LAW)
        yield f"Space Warps, painted {name}", flux[grade >= 2], painted.images
        yield f"Space Warps, {name} unpainted", flux[grade >= 2], galaxies.images
    sled = np.load(folder / "sled_ps1_grizy_64.npz")
    chosen = (sled["kind"] == "lensed_galaxies") & np.isfinite(sled["x"]).all((1, 2, 3))
    galaxies = simulate_galaxies("ps1_grizy", LENSES, seed)
    noise = [np.median(measure_sky(x).rms, axis=0) for x in (sled["x"][chosen], galaxies.images)]
    real = sled["x"][chosen] * (noise[1] / noise[0]).astype(np.float32)
    yield "SLED, painted simulated galaxies", real, paint(galaxies, seed=seed, law=LAW).images
    yield "SLED, simulated galaxies unpainted", real, galaxies.images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="Folder for the pages.")
    arguments = parser.parse_args()
    print(f"{WEIGHTS}, seed {arguments.seed}; {describe()}")
    print("| real against | images | probe AUC (95 %) | image statistics | Frechet | within real |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, real, other in pairs(arguments.folder, arguments.seed):
        report = realism(
            real, other, WEIGHTS, bands=GRI, seed=arguments.seed, any_scale=True, title=name
        )
        m = report.metrics
        low, high = m["probe_interval"]
        auc = f"{m['probe_auc']:.3f} ({low:.3f} to {high:.3f}) | {m['statistics_auc']:.3f}"
        distance = f"{m['frechet']:.2f} | {m['frechet_floor']:.2f}"
        print(f"| {name} | {m['real']} + {m['painted']} | {auc} | {distance} |", flush=True)
        if arguments.out is not None:
            report.save(arguments.out / name.replace(", ", "_").replace(" ", "_"))


if __name__ == "__main__":
    main()
