"""Simulated cutouts of a survey: early-type galaxies with neighbours, to paint lenses on.

For trying a survey's file, and for tests and examples; a finder is trained on real cutouts.
"""

import math
from collections.abc import Sequence

import numpy as np

from lenszoo.errors import LenszooError
from lenszoo.simulation.lens_systems import bounded_power, early_type
from lenszoo.simulation.paint_draw import Painting
from lenszoo.simulation.paint_galaxies import Galaxies, make_galaxies
from lenszoo.simulation.paint_law import check_index
from lenszoo.simulation.paint_lens import Lens
from lenszoo.simulation.paint_mass import REST_R
from lenszoo.simulation.paint_psf import band_psfs
from lenszoo.simulation.paint_render import Grid, render_paintings
from lenszoo.simulation.paint_source import CLUMPS, Source, Sources
from lenszoo.simulation.paint_templates import magnitudes
from lenszoo.simulation.random import noise_key, scene_generator
from lenszoo.simulation.surveys import ImagingSurvey, get_survey

_DENSITY = 0.02  # galaxies of the field to magnitude 25 an arcsec^2
_NO_LENS = Lens(0.0, 0.0, 0.0, 0.0, 0.0)


def simulate_galaxies(survey: str | ImagingSurvey, n: int, seed: int = 0) -> Galaxies:
    """Simulate cutouts of massive early-type galaxies with neighbours, and their catalogue.

    Args:
        survey: a survey, its name or its TOML file, with a PSF and a sky of known noise.
        n: galaxies; galaxy ``i`` depends on the survey, the seed and ``i`` alone.
        seed: of the galaxies.

    Raises:
        LenszooError: n below 1, a negative seed, or a survey without the width of its PSF or the
            noise of its sky.

    Example:
        >>> from lenszoo.simulation import simulate_galaxies
        >>> simulate_galaxies("des_grizY", 2, seed=1).images.shape
        (2, 64, 64, 5)
    """
    survey = get_survey(survey)
    check_index(seed, 0, n)
    psfs = band_psfs(survey)
    scale = survey.pixel_scale_arcsec
    noise = np.array([band.sky_rms(scale) or math.nan for band in survey.bands])
    if np.isnan(noise).any() or any(math.isnan(psf.fwhm) for psf in psfs):
        raise LenszooError(
            f"{survey.name}: cutouts are simulated for surveys that give the width of the PSF and "
            "the noise of the sky in every band."
        )
    sources = Sources(survey)
    width = np.array([psf.fwhm for psf in psfs])
    images = np.empty((n, *(survey.cutout_size_pixels,) * 2, len(psfs)), np.float32)
    columns: dict[str, list[float]] = {"redshift": [], "velocity_dispersion": []}
    for i in range(n):
        rng = scene_generator(seed, i)
        light, values = _scene(rng, survey, sources)
        rendered = render_paintings(
            light, survey, psfs, np.tile(width, (len(light), 1)), None, sources.reference
        )
        images[i] = rendered["noisy"].sum(0) + rng.normal(0.0, noise, images.shape[1:])
        for name, value in values.items():
            columns.setdefault(name, []).append(value)
    table = {name: np.array(values) for name, values in columns.items()}
    source = f"simulated {survey.name}"
    return make_galaxies(survey, images, table, source=source)


def _scene(
    rng: np.random.Generator, survey: ImagingSurvey, sources: Sources
) -> tuple[Sequence[Painting], dict[str, float]]:
    """Draw an early type and its neighbours, and the row of the early type."""
    z, sigma = float(rng.uniform(0.2, 0.7)), float(rng.normal(260.0, 30.0))
    bands = [band.wavelength_nm for band in survey.bands]
    galaxy, _ = early_type(rng, z, sigma, ("r",))
    track = magnitudes([*bands, REST_R], z, 0.0)
    r = 25.0 - 2.5 * math.log10(float(galaxy.flux[0]))
    own = r + track[:-1] - track[-1]
    colour = own - own[sources.reference]
    components = [
        _light(
            rng, survey, (0.0, 0.0), own[sources.reference], colour, galaxy.r_eff, galaxy.index,
            galaxy.e1, galaxy.e2,
        )
    ]  # fmt: skip
    half = 0.5 * survey.cutout_size_pixels * survey.pixel_scale_arcsec
    for _ in range(int(min(rng.poisson(_DENSITY * (2 * half) ** 2), 15))):
        source = sources.draw(rng, sources.redshift(rng, 0.1))
        x, y = rng.uniform(-half, half, 2)
        if math.hypot(x, y) > 1.5:
            components.append(
                _light(
                    rng, survey, (x, y), bounded_power(rng, 19.0, 25.0, 0.33), source.colour,
                    1.5 * source.r_eff, source.index, source.e1, source.e2,
                )
            )  # fmt: skip
    catalogue = dict(zip((f"mag_{name}" for name in survey.names), own, strict=True))
    return components, {"redshift": z, "velocity_dispersion": sigma} | catalogue


def _light(
    rng: np.random.Generator,
    survey: ImagingSurvey,
    place: tuple[float, float],
    magnitude: float,
    colour: np.ndarray,
    r_eff: float,
    index: float,
    e1: float,
    e2: float,
) -> Painting:
    """An unlensed Sersic galaxy: a source without a lens in front."""
    none = np.zeros((CLUMPS, 4))
    none[:, 2] = 1.0
    core = 0.7 * survey.pixel_scale_arcsec / Grid.of(survey).supersampling
    source = Source(0.0, 0.0, 0.0, r_eff, index, e1, e2, colour, none, colour, core=core)
    keys = np.stack([noise_key(rng) for _ in survey.names])
    return Painting(
        0, _NO_LENS, *place, 0.0, 0.0, source, 0.0, 0.0, float(magnitude), np.zeros((0, 2)), 1, keys
    )
