"""Speed of the simulator against lenstronomy on one core: images with noise a second.

    python benchmarks/simulation.py [--rounds 5] [--seed 1]

Both render the scenes of `deeplense_model_1`, noise and min-max included, in turns; the ratio is
that of the medians. Needs the extra `oracle`.
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

from lenszoo.simulation import get_preset, sample_scenes
from lenszoo.simulation.random import scene_generator
from lenszoo.simulation.scene import Scene

PRESET = "deeplense_model_1"
TARGETS = {"no": 5, "sphere": 10, "vort": 15}
OURS, THEIRS = 96, {"no": 24, "sphere": 12, "vort": 6}  # images a round


def lenstronomy_image(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """One image as DeepLenseSim makes it with lenstronomy, (H, W) in [0, 1]."""
    values, camera = scene.values, get_preset(PRESET).instrument
    names = ["SIE", "SHEAR"] + ["POINT_MASS"] * len(scene.points)
    lens = [
        {
            "theta_E": values["einstein_radius"],
            "e1": values["lens_e1"],
            "e2": values["lens_e2"],
            "center_x": 0.0,
            "center_y": 0.0,
        },
        {"gamma1": values["gamma1"], "gamma2": values["gamma2"]},
        *(
            {"theta_E": np.sqrt(theta_e2), "center_x": x, "center_y": y}
            for x, y, theta_e2 in scene.points
        ),
    ]
    source = {
        "amp": values["source_amplitude"] / camera.pixel_scale**2,
        "R_sersic": values["source_r_eff"],
        "n_sersic": values["source_index"],
        "e1": values["source_e1"],
        "e2": values["source_e2"],
        "center_x": values["source_x"],
        "center_y": values["source_y"],
    }
    n = camera.pixels
    _, _, ra, dec, _, _, matrix, _ = util.make_grid_with_coordtransform(n, camera.pixel_scale)
    data = ImageData(
        image_data=np.zeros((n, n)),
        ra_at_xy_0=ra,
        dec_at_xy_0=dec,
        transform_pix2angle=matrix,
        background_rms=1e-2,
        exposure_time=values["exposure"],
    )
    psf = PSF("GAUSSIAN", fwhm=camera.psf_fwhm, pixel_size=camera.pixel_scale, truncation=3)
    model = ImageModel(data, psf, LensModel(names), LightModel(["SERSIC_ELLIPSE"]))
    image = model.image(lens, [source])
    exposure = values["exposure"]
    noisy = image + rng.normal(size=image.shape) * np.sqrt(np.abs(image) / exposure)
    noisy += rng.normal(size=image.shape) * 1e-2
    counts = rng.poisson(np.clip(exposure * noisy, 0, None)).astype(np.float64)
    return (counts - counts.min()) / (counts.max() - counts.min())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    preset = get_preset(PRESET)
    rng = np.random.default_rng(arguments.seed)
    print(f"{PRESET}, seed {arguments.seed}, {arguments.rounds} rounds, one core; {describe()}")
    print(f"{'class':8} {'lenstronomy/s':>14} {'lenszoo/s':>10} {'ratio':>7} {'target':>7}")
    for label, name in enumerate(preset.classes):
        indices = [3 * i + label for i in range(OURS)]
        scenes = [
            preset.draw(scene_generator(arguments.seed, i), name, 1.0)
            for i in indices[: THEIRS[name]]
        ]
        sample_scenes(preset, indices, arguments.seed)  # compile
        lenszoo_speed, lenstronomy_speed = [], []
        for _ in range(arguments.rounds):
            start = time.perf_counter()
            for scene in scenes:
                lenstronomy_image(scene, rng)
            middle = time.perf_counter()
            sample_scenes(preset, indices, arguments.seed)
            lenstronomy_speed.append(len(scenes) / (middle - start))
            lenszoo_speed.append(len(indices) / (time.perf_counter() - middle))
        a, b = statistics.median(lenstronomy_speed), statistics.median(lenszoo_speed)
        print(f"{name:8} {a:14.1f} {b:10.1f} {b / a:7.1f} {TARGETS[name]:7d}")


if __name__ == "__main__":
    main()
