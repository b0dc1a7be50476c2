"""Sky of the DeepLense common-test set, its law recovered from the published images."""

from functools import partial

import numpy as np

from lenszoo.simulation.cosmology import einstein_radius
from lenszoo.simulation.observe import Instrument, poisson_counts
from lenszoo.simulation.preset import Preset
from lenszoo.simulation.random import noise_key
from lenszoo.simulation.random_cameras import Cameras, random_cameras
from lenszoo.simulation.scene import Scene, ellipticity
from lenszoo.simulation.substructure import power_law_masses, subhalos, vortex

LENS_MASS = 1e12  # solar masses
MAX_ANGLE = np.deg2rad(6.28)  # 2 pi was meant, but read as degrees
N_POINTS = 25


def draw(rng: np.random.Generator, name: str, strength: float = 1.0) -> Scene:
    """Draw one scene. Lens, shear and source come from one law, whatever the class."""
    z_lens, z_source = rng.uniform(0.4, 0.6), rng.uniform(0.8, 1.2)
    theta_e = einstein_radius(LENS_MASS, z_lens, z_source)
    gamma, gamma_angle = rng.uniform(0.0, 0.3), -rng.uniform(0.0, MAX_ANGLE)
    offset, offset_angle = rng.uniform(0.0, 0.5), rng.uniform(0.0, 2.0 * np.pi)
    e1, e2 = ellipticity(rng.uniform(0.4, 1.0), -rng.uniform(0.0, MAX_ANGLE))
    values = {
        "einstein_radius": theta_e,
        "z_lens": z_lens,
        "z_source": z_source,
        "gamma1": gamma * np.cos(2 * gamma_angle),
        "gamma2": gamma * np.sin(2 * gamma_angle),
        "source_x": offset * np.cos(offset_angle),
        "source_y": offset * np.sin(offset_angle),
        "source_r_eff": 0.5,
        "source_index": 1.5,
        "source_e1": e1,
        "source_e2": e2,
        "source_amplitude": rng.uniform(92.0, 107.0),
        "sky": 10.0,
    }
    keys = np.stack([noise_key(rng)])
    points = _substructure(rng, name, theta_e**2)
    points[:, 2] *= strength
    values["substructure_mass_fraction"] = float(points[:, 2].sum() / theta_e**2)
    return Scene(values, points, keys)


def _substructure(rng: np.random.Generator, name: str, theta_e2: float) -> np.ndarray:
    if name == "sub":
        name = ("sphere", "vort")[rng.integers(2)]
    if name == "sphere":
        return subhalos(rng, theta_e2 * power_law_masses(rng, N_POINTS) / LENS_MASS, 0.0, 2.0)
    if name == "vort":
        fraction, length = rng.uniform(0.03, 0.055), rng.uniform(0.5, 2.0)
        angle, (x, y) = rng.uniform(0.0, 2.0 * np.pi), rng.normal(0.0, 0.5, 2)
        return vortex(N_POINTS, fraction * theta_e2, length / 2, angle, x, y)
    return np.zeros((0, 3))


def observe(image, arrays):
    """Poisson counts of source and sky."""
    return poisson_counts(image, arrays["sky"], arrays["keys"][:, 0]), image + arrays["sky"]


_SKY = partial(
    Preset,
    instrument=Instrument(pixels=150, pixel_scale=0.05, psf_fwhm=0.2, supersampling=2),
    draw=draw,
    observe=observe,
    lens="sis",
    noisier={"source_amplitude": 2, "sky": 2},  # fewer counts
    reference="Alexander et al. 2020, arXiv:1909.07346; law recovered from the published images",
    notes=(
        "Shear and source angles run over 6.28 degrees, not 2 pi: rings are elongated along x.",
        "Einstein radii use luminosity distances, as DeepLenseSim does.",
        "Images are min-max scaled one by one; there is no lens light.",
    ),
)

COMMON = _SKY(
    name="common_test_sim",
    summary="Twin of the DeepLense common-test set: none, CDM subhalos, vortex",
    classes=("no", "sphere", "vort"),
    points={"no": 0, "sphere": N_POINTS, "vort": N_POINTS},
)

PRESETS = (
    COMMON,
    _SKY(
        name="common_test_sim_binary",
        summary="The same sky in two classes: without and with substructure",
        classes=("no", "sub"),
        points={"no": 0, "sub": N_POINTS},
    ),
    random_cameras(
        COMMON,
        Cameras(noise=(0.5, 3.0), psf=(0.5, 2.0), pixel_scale=(0.7, 1.4), shift=5.0),
        name="common_test_sim_varied",
        summary="The same sky, each scene by another camera: noise, PSF, pose, pixel scale",
        notes=(
            "Noise 0.5 to 3 times, PSF 0.5 to 2 times, pixel scale 0.7 to 1.4 times that of "
            "common_test_sim; up to 5 pixels off centre, at any angle. The lenses are the same.",
            *COMMON.notes[1:],
        ),
    ),
)
