"""Skies of DeepLenseSim, reproduced as coded (github.com/mwt5345/DeepLenseSim)."""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from keras import ops

from lenszoo.simulation.cosmology import deflection_ratio, einstein_radius
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
    """Draw lens, source and point masses, common to all models.

    The main lens never changes; of the source only the position does.
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
        # kpc in the paper, arcsec in the code
        half_length = 0.06e-22 / (2.0 * 10.0**log_axion_mass)
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
    return Scene(values, points, np.stack([noise_key(rng) for _ in range(2)]))


def _observe_model_1(image, arrays):
    """Add noise twice: Gaussian "Poisson" noise and background, then Poisson counts of the sum.

    The two independent Gaussians are drawn as one, whose variance is their sum.
    """
    exposure, keys = arrays["exposure"], arrays["keys"]
    variance = ops.abs(image) / exposure + BACKGROUND_RMS**2
    noisy = image + gaussian_noise(ops.sqrt(variance), keys[:, 0])
    counts = poisson_counts(exposure * noisy, 0.0, keys[:, 1])
    return counts, variance + image / exposure


@dataclass(frozen=True)
class Camera:
    """A telescope's camera as lenstronomy describes it, with the names it uses there.

    Attributes:
        instrument: pixel grid and PSF.
        exposure_time: of one exposure [s].
        num_exposures: number of exposures that are added up.
        magnitude_zero_point: magnitude of one electron a second [mag].
        sky_brightness: surface brightness of the sky [mag/arcsec^2].
        read_noise: electrons per exposure.
    """

    instrument: Instrument
    exposure_time: float
    num_exposures: int
    magnitude_zero_point: float
    sky_brightness: float
    read_noise: float

    @property
    def exposure(self) -> float:
        """Total exposure time [s]."""
        return self.exposure_time * self.num_exposures

    @property
    def background_variance(self) -> float:
        """Variance of a pixel from sky and readout [(electrons/s)^2]."""
        sky = self.rate(self.sky_brightness) * self.instrument.pixel_scale**2 * self.exposure
        return (self.num_exposures * self.read_noise**2 + sky) / self.exposure**2

    def rate(self, magnitude: float) -> float:
        """Count rate of a magnitude [electrons/s]."""
        return 10.0 ** (-0.4 * (magnitude - self.magnitude_zero_point))


# lenstronomy 1.14.2, ObservationConfig.Euclid("VIS", coadd_years=6): zero point and sky of
# arXiv:2405.13496 (page 17, table 2), PSF of arXiv:2405.13501 (table 1), read noise of
# arXiv:2405.13493 (table 3). Before 2026 it had 24.0, 22.35 and 565 s.
EUCLID = Camera(Instrument(64, 0.101, psf_fwhm=0.16), 566.0, 4, 25.72, 22.3, 4.2)
# lenstronomy 1.14.2, ObservationConfig.HST("WFC3_F160W", "GAUSSIAN"): two orbits, drizzled pixels
HST = Camera(Instrument(64, 0.08, psf_fwhm=0.08), 5400.0, 1, 25.96, 22.3, 4.0)
SOURCE_MAGNITUDE = 20.0
# Models II and III hand the lens to lenstronomy with z_source = 1.0 and z_source_convention = 2.5,
# in the cosmology of pyHalo: all deflections shrink by this factor of 0.6343.
DEFLECTION_RATIO = deflection_ratio(Z_LENS, Z_SOURCE, 2.5, omega_m=0.0464 + 0.235)


def sersic_flux(r_eff: float, index: float) -> float:
    """Total flux of a Sersic profile of unit brightness at ``r_eff`` [arcsec]; in arcsec^2."""
    b = 1.9992 * index - 0.3271
    gamma = math.exp(b) * b ** (-2 * index) * math.gamma(2 * index)
    return 2.0 * math.pi * index * r_eff**2 * gamma


def _draw_survey(
    camera: Camera, rng: np.random.Generator, name: str, strength: float = 1.0
) -> Scene:
    values, points = system(rng, name, strength)
    for key in ("einstein_radius", "gamma1", "gamma2"):
        values[key] *= DEFLECTION_RATIO
    points[:, 2] *= DEFLECTION_RATIO
    brightness = camera.rate(SOURCE_MAGNITUDE) / sersic_flux(
        values["source_r_eff"], values["source_index"]
    )
    values["source_amplitude"] = brightness * camera.instrument.pixel_scale**2
    values["exposure"] = camera.exposure
    return Scene(values, points, np.stack([noise_key(rng)]))


def _observe_survey(camera: Camera, image, arrays):
    """Add Gaussian noise of sky, readout and source to the sky-subtracted image [electrons/s]."""
    variance = camera.background_variance + ops.maximum(image, 0.0) / camera.exposure
    return image + gaussian_noise(ops.sqrt(variance), arrays["keys"][:, 0]), variance


def _survey(name: str, camera: Camera, summary: str) -> Preset:
    return Preset(
        name=name,
        summary=f"{summary} arcsec",
        classes=("no", "sphere", "vort"),
        instrument=camera.instrument,
        draw=partial(_draw_survey, camera),
        observe=partial(_observe_survey, camera),
        lens="sie",
        points=POINTS,
        reference="DeepLenseSim Model_II and Model_III; Alexander et al. 2020, arXiv:1909.07346",
        notes=(
            "Lenses and sources are those of deeplense_model_1, with its quirks.",
            "The code sets the Einstein radii for a source at z = 1.0 but lets lenstronomy take "
            "them as for z = 2.5: all deflections are 0.634 of Model I's, the Einstein radius is "
            "0.813 arcsec.",
            "Noise is added once. The public code computes it and then writes twice the noise-free "
            "image instead, a slip.",
            "The camera is lenstronomy 1.14.2's; its Euclid of 2022 had a zero point of 24.0, so a "
            "fifth of the electrons. The public code names no HST filter: this is WFC3 F160W.",
        ),
    )


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
        # fainter against the background, and as much fainter again in counts
        noisier={"source_amplitude": 1, "exposure": 1},
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
    _survey(
        "deeplense_model_2",
        EUCLID,
        "DeepLenseSim Model II: the same lenses seen by Euclid, 64 px of 0.101",
    ),
    _survey(
        "deeplense_model_3",
        HST,
        "DeepLenseSim Model III: the same lenses seen by HST, 64 px of 0.08",
    ),
)
