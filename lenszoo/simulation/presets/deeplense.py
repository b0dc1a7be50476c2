"""The skies of DeepLenseSim, reproduced as coded (github.com/mwt5345/DeepLenseSim)."""

import numpy as np
from keras import ops

from lenszoo.simulation.cosmology import einstein_radius
from lenszoo.simulation.observe import Instrument, gaussian_noise, poisson_counts
from lenszoo.simulation.preset import Preset
from lenszoo.simulation.random import noise_key
from lenszoo.simulation.scene import Scene
from lenszoo.simulation.substructure import power_law_masses, subhalos, vortex

LENS_MASS, VORTEX_MASS = 1e12, 3e10  # solar masses
Z_LENS, Z_SOURCE = 0.5, 1.0
EINSTEIN_RADIUS = einstein_radius(LENS_MASS, Z_LENS, Z_SOURCE)  # 1.281 arcsec
POINTS = {"no": 0, "sphere": 25, "vort": 100}
MODEL_1 = Instrument(pixels=150, pixel_scale=0.05, psf_fwhm=0.087, psf_truncation=3.0)
BACKGROUND_RMS = 1e-2  # counts/s a pixel


def system(rng: np.random.Generator, name: str, strength: float) -> tuple[dict, np.ndarray]:
    """Draw what all the models share: values of lens and source, and the point masses.

    The main lens never changes; the source only moves.
    """
    x, y = rng.uniform(-0.35, 0.35, 2)
    values = {
        "einstein_radius": EINSTEIN_RADIUS,
        "lens_e1": 0.1,
        "lens_e2": 0.0,
        "gamma1": 0.05,
        "gamma2": 0.0,
        "source_x": x,
        "source_y": y,
        "source_r_eff": 0.25,
        "source_index": 1.0,
        "source_e1": -0.1,
        "source_e2": 0.1,
    }
    points = np.zeros((0, 3))
    log_axion_mass = np.nan  # log10 eV
    if name == "sphere":
        masses = power_law_masses(rng, POINTS["sphere"])
        points = subhalos(rng, EINSTEIN_RADIUS**2 * masses / LENS_MASS, 0.25, 2.0)
    elif name == "vort":
        log_axion_mass = rng.uniform(-24.0, -22.0)
        half_length = 0.06e-22 / (2.0 * 10.0**log_axion_mass)  # kpc in the paper, arcsec in the code
        theta_e2 = EINSTEIN_RADIUS**2 * VORTEX_MASS / LENS_MASS
        points = vortex(POINTS["vort"], theta_e2, half_length, rng.uniform(0.0, 2.0 * np.pi))
    points[:, 2] *= strength
    values["log10_axion_mass"] = log_axion_mass
    values["substructure_mass_fraction"] = float(points[:, 2].sum() / EINSTEIN_RADIUS**2)
    return values, points


def _draw_model_1(rng: np.random.Generator, name: str, strength: float = 1.0) -> Scene:
    values, points = system(rng, name, strength)
    values["source_amplitude"] = 20.0 * MODEL_1.pixel_scale**2  # counts/s a pixel at r_eff
    values["exposure"] = 10.0 ** rng.uniform(3.0, 3.5)
    return Scene(values, points, np.stack([noise_key(rng) for _ in range(3)]))


def _observe_model_1(image, arrays):
    """Noise twice over: Gaussian "Poisson" noise and background, then Poisson counts of the sum."""
    exposure, keys = arrays["exposure"], arrays["keys"]
    shot = gaussian_noise(ops.sqrt(ops.abs(image) / exposure), keys[:, 0])
    background = gaussian_noise(ops.full_like(image, BACKGROUND_RMS), keys[:, 1])
    counts = poisson_counts(exposure * (image + shot + background), 0.0, keys[:, 2])
    return counts, 2.0 * image / exposure + BACKGROUND_RMS**2


PRESETS = (
    Preset(
        name="deeplense_model_1",
        summary="DeepLenseSim Model I: fixed lens, moving source, 150 px of 0.05 arcsec",
        classes=("no", "sphere", "vort"),
        instrument=MODEL_1,
        draw=_draw_model_1,
        observe=_observe_model_1,
        lens="sie",
        points=POINTS,
        reference="DeepLenseSim Model_I; Alexander et al. 2020, arXiv:1909.07346",
        notes=(
            "The macro lens is the same in every image, so substructure shifts global statistics: "
            "the shortcut baseline nearly solves it.",
            "Subhalo masses follow m^-0.9 where m^-1.9 was meant; 25 of them, always.",
            "The vortex passes through the centre; its half-length is 0.06e-22 / (2 m_axion), a "
            "length in the paper, read as arcsec.",
            "Einstein radii use luminosity distances: 1.281 arcsec, not 1.665.",
            "Poisson noise is added twice, once as a Gaussian.",
        ),
    ),
)
