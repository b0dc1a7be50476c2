"""Companions of a lens galaxy: its neighbours in the cutout that lens too, as in a group."""

import numpy as np
from scipy import ndimage

from lenszoo.simulation.observe import FWHM_TO_SIGMA
from lenszoo.simulation.paint_galaxies import Galaxies, weighted_light

FAINTEST = 0.1  # flux over that of the lens galaxy
_COLOUR = 0.3  # largest difference of a colour from the lens galaxy's [mag]
_DETECTION = 5.0  # peaks and colours are believed above so many sigma
_NEAREST, _FARTHEST = 1.0, 0.9  # from the lens [arcsec]; of half the cutout


def find_companions(galaxies: Galaxies, most: int) -> list[np.ndarray]:
    """Find the neighbours of each galaxy that can belong to its group.

    They are peaks of the light, at least a tenth as bright as the galaxy, whose colours are the
    galaxy's within 0.3 mag; a survey of one band has no colours to tell them by. Fluxes are those
    in a circle as wide as the PSF, less the light at the opposite side of the galaxy.

    Args:
        galaxies: n galaxies.
        most: of the companions of one galaxy; the brightest are kept.

    Returns:
        For each galaxy (k, 3): x and y from its centre [arcsec], and flux over its own.

    Example:
        >>> from lenszoo.simulation import simulate_galaxies
        >>> from lenszoo.simulation.paint_companions import find_companions
        >>> galaxies = simulate_galaxies("des_grizY", 2, seed=1)
        >>> [part.shape[1] for part in find_companions(galaxies, 3)]
        [3, 3]
    """
    rms = galaxies.rms
    rms = rms if rms.ndim == 2 else np.nanmedian(rms, axis=(1, 2))
    light = weighted_light(galaxies.images, rms)
    return [
        _companions(
            np.nan_to_num(galaxies.images[row]), light[row], rms[row], galaxies.centre[row],
            float(np.median(galaxies.psf_fwhm[row])), galaxies.survey.pixel_scale_arcsec, most,
        )
        for row in range(len(galaxies))
    ]  # fmt: skip


def _companions(
    image: np.ndarray,
    light: np.ndarray,
    rms: np.ndarray,
    centre: np.ndarray,
    fwhm: float,
    scale: float,
    most: int,
) -> np.ndarray:
    size = len(light)
    axis = (np.arange(size) + 0.5 - size / 2) * scale
    smooth = ndimage.gaussian_filter(light, fwhm * FWHM_TO_SIGMA / scale)
    width = 2 * max(1, round(fwhm / scale)) + 1
    rows, columns = np.nonzero(smooth == ndimage.maximum_filter(smooth, width))
    places = np.stack([axis[columns], axis[rows]], axis=1) - centre
    distance = np.hypot(*places.T)
    near = (distance > max(_NEAREST, fwhm)) & (distance < _FARTHEST * axis[-1])
    places = places[near]
    aperture = np.pi * (fwhm / scale) ** 2  # pixels
    noise = np.sqrt(aperture) * rms

    def flux(x: float, y: float) -> np.ndarray:
        inside = np.hypot(axis[None] - centre[0] - x, axis[:, None] - centre[1] - y) < fwhm
        return image[inside].sum(0)

    own = flux(0.0, 0.0)
    companions = []
    for x, y in places:
        neighbour = flux(x, y) - np.maximum(flux(-x, -y), 0.0)
        sure = (neighbour > _DETECTION * noise) & (own > _DETECTION * noise)
        if not sure.any():
            continue
        ratios = neighbour[sure] / own[sure]
        alike = np.abs(2.5 * np.diff(np.log10(ratios))).max(initial=0.0) < _COLOUR
        # a band in which the galaxy is seen shows a companion of its colour too
        expected = np.median(ratios) * own > 2 * _DETECTION * noise
        if alike and not (expected & ~sure).any() and np.median(ratios) >= FAINTEST:
            companions.append((x, y, float(np.median(ratios))))
    companions.sort(key=lambda companion: -companion[2])
    return np.array(companions[:most]).reshape(-1, 3)
