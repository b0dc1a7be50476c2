"""Speed of painting against lenstronomy on one core: lenses of 64 x 64 pixels in 4 bands a second.

    python benchmarks/painting.py [--rounds 5] [--seed 1]

Both render the same lenses on the same simulated galaxies of `kids_ugri`, in turns, pinned to one
core; seconds are the processor's, the ratio is that of the medians. lenszoo draws the lenses too,
checks the floors and adds the photons' noise. lenstronomy renders drawn ones: the ellipsoid, shear,
a Sersic body and its clumps, on the same number of samples a pixel (without lenszoo's finer ones in
the middle), blurred by a Gaussian PSF a band. Needs the extra `oracle`.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.update(OMP_NUM_THREADS="1", TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1")

import numpy as np
from _machine import describe
from lenstronomy.Data.imaging_data import ImageData
from lenstronomy.Data.psf import PSF
from lenstronomy.ImSim.image_model import ImageModel
from lenstronomy.LensModel.lens_model import LensModel
from lenstronomy.LightModel.light_model import LightModel
from lenstronomy.Util import util

from lenszoo.simulation import PaintLaw, paint, simulate_galaxies
from lenszoo.simulation.paint_draw import Painter, Painting
from lenszoo.simulation.paint_render import Grid, source_fluxes
from lenszoo.simulation.random import scene_generator
from lenszoo.simulation.surveys import ImagingSurvey

SURVEY = "kids_ugri"
GALAXIES, LENSES, ORACLES = 48, 192, 6


def lenstronomy_arcs(p: Painting, survey: ImagingSurvey) -> np.ndarray:
    """Arcs of a painting, (H, W, bands), by lenstronomy."""
    n, scale = survey.cutout_size_pixels, survey.pixel_scale_arcsec
    _, _, ra, dec, _, _, matrix, _ = util.make_grid_with_coordtransform(n, scale, inverse=False)
    s = p.source
    centre = {"center_x": p.x, "center_y": p.y}
    lens = [
        {"theta_E": p.lens.einstein_radius, "e1": p.lens.e1, "e2": p.lens.e2} | centre,
        {"gamma1": p.lens.gamma1, "gamma2": p.lens.gamma2, "ra_0": p.x, "dec_0": p.y},
    ]
    at = {"center_x": p.x + p.source_x, "center_y": p.y + p.source_y}
    shape = {"R_sersic": s.r_eff, "n_sersic": s.index, "e1": s.e1, "e2": s.e2} | at
    clumps = [row for row in s.clumps if row[3] > 0]
    total = sum(row[3] for row in clumps)
    fluxes = source_fluxes(p, survey, False)
    arcs = []
    for band, (body, spots) in zip(survey.bands, fluxes, strict=True):
        data = ImageData(
            image_data=np.zeros((n, n)), ra_at_xy_0=ra, dec_at_xy_0=dec, transform_pix2angle=matrix
        )
        psf = PSF("GAUSSIAN", fwhm=band.psf_fwhm_arcsec, pixel_size=scale, truncation=5)
        light = [{"amp": body * s.amplitude} | shape]
        light += [
            {
                "amp": spots * share / total,
                "sigma": sigma,
                "center_x": at["center_x"] + cx,
                "center_y": at["center_y"] + cy,
            }
            for cx, cy, sigma, share in clumps
        ]
        model = ImageModel(
            data,
            psf,
            LensModel(["SIE", "SHEAR"]),
            LightModel(["SERSIC_ELLIPSE"] + ["GAUSSIAN"] * len(clumps)),
            kwargs_numerics={
                "supersampling_factor": Grid.of(survey).supersampling,
                "supersampling_convolution": False,
            },
        )
        arcs.append(model.image(lens, light))
    return np.stack(arcs, axis=-1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    galaxies = simulate_galaxies(SURVEY, GALAXIES, arguments.seed)
    survey, seed = galaxies.survey, arguments.seed
    print(f"{SURVEY}, seed {seed}, {arguments.rounds} rounds, one core; {describe()}")
    print(f"{'law':8} {'lenstronomy/s':>14} {'lenszoo/s':>10} {'ratio':>7} {'given up':>9}")
    for law in (PaintLaw(law="flat"), PaintLaw(law="natural")):
        painter = Painter(galaxies, law, None)
        drawn = [painter.draw(scene_generator(seed, i), i % GALAXIES) for i in range(4 * ORACLES)]
        paintings = [p for p in drawn if isinstance(p, Painting)][:ORACLES]
        paint(galaxies, 16, seed=seed, law=law)  # compile
        lenszoo_speed, lenstronomy_speed, given_up = [], [], 0
        for turn in range(arguments.rounds):
            start = time.process_time()
            for p in paintings:
                lenstronomy_arcs(p, survey)
            middle = time.process_time()
            lenses = paint(galaxies, LENSES, seed=seed, start=turn * LENSES, law=law)
            lenstronomy_speed.append(len(paintings) / (middle - start))
            lenszoo_speed.append(len(lenses) / (time.process_time() - middle))
            given_up += len(lenses.failures)
        a, b = statistics.median(lenstronomy_speed), statistics.median(lenszoo_speed)
        share = given_up / (arguments.rounds * LENSES)
        print(f"{law.law:8} {a:14.1f} {b:10.1f} {b / a:7.1f} {share:9.1%}")


if __name__ == "__main__":
    main()
