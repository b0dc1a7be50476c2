"""Render skies of many components in several bands: trace, shine and observe."""

from collections.abc import Callable, Mapping
from typing import Any

from keras import ops

from lenszoo.simulation import shine
from lenszoo.simulation.components import columns
from lenszoo.simulation.observe import signal_to_noise
from lenszoo.simulation.preset import Preset
from lenszoo.simulation.survey import Survey
from lenszoo.simulation.trace import source_plane

_PROFILES: dict[str, Callable[..., Any]] = {
    "sersic": shine.sersic,
    "source": shine.sersic,
    "arms": shine.spiral_arms,
    "ring": shine.ring,
    "edge_on": shine.edge_on_disc,
}
LENS_SLOTS = 2  # the galaxy in the middle has the first Sersic slot, and the second or none
MEASURED = ("arc_signal_to_noise", "arc_contrast", "magnification")


def survey(preset: Preset) -> Survey:
    """Camera of a sky of several bands."""
    assert isinstance(preset.instrument, Survey)
    return preset.instrument


def _split(bank, profile: str):
    """Split a bank into x, y and parameters (batch, slots, 1), and fluxes (batch, slots, bands)."""
    n = len(columns(profile))
    x, y, *rest = (bank[:, :, k : k + 1] for k in range(n))
    return x, y, rest, bank[:, :, n:]


def _shapes(bank, profile: str, x, y):
    """Brightness of each component at unit flux, (batch, slots, n), and the fluxes."""
    cx, cy, parameters, fluxes = _split(bank, profile)
    return _PROFILES[profile](x - cx, y - cy, *parameters), fluxes


def _light(fluxes, shapes):
    """Sum of components: (batch, slots, bands) and (batch, slots, n) to (batch, bands, n)."""
    return ops.matmul(ops.transpose(fluxes, (0, 2, 1)), shapes)


def brightness(arrays: Mapping[str, Any], preset: Preset) -> dict[str, Any]:
    """Brightness on the survey's grid [flux/arcsec^2].

    Returns:
        ``light``, of all galaxies, and ``lensed``, of the lensed source alone, (batch, bands, n);
        ``arc_contrast``, lensed flux over that of the central galaxy, both within two Einstein
        radii and summed over the bands, before the PSF; ``magnification``, lensed flux of the
        source within the grid over its unlensed flux. Both (batch,), NaN where nothing is lensed.
    """
    x, y = (ops.convert_to_tensor(g) for g in survey(preset).grid())
    dx, dy = x - arrays["lens_x"], y - arrays["lens_y"]
    traced = (b[:, None, :] for b in source_plane(dx, dy, arrays))
    sources, source_fluxes = _shapes(arrays["source"], "source", *traced)
    lensed = _light(source_fluxes, sources)
    galaxies, galaxy_fluxes = _shapes(arrays["sersic"], "sersic", x[:, None, :], y[:, None, :])
    light = lensed + _light(galaxy_fluxes, galaxies)
    for profile in ("arms", "ring", "edge_on"):
        shapes, fluxes = _shapes(arrays[profile], profile, x[:, None, :], y[:, None, :])
        light = light + _light(fluxes, shapes)
    radius = arrays["einstein_radius"]
    near = ops.cast(dx * dx + dy * dy < 4.0 * radius * radius, "float32")[:, :, None]
    inner_arc = ops.matmul(sources, near)[..., 0] * ops.sum(source_fluxes, axis=2)
    inner_lens = ops.matmul(galaxies[:, :LENS_SLOTS], near)[..., 0]
    inner_lens = inner_lens * ops.sum(galaxy_fluxes[:, :LENS_SLOTS], axis=2)
    # a galaxy of one component leaves the second slot to a neighbour
    centres = arrays["sersic"][:, :LENS_SLOTS, :2]
    inner_lens = inner_lens * ops.cast(ops.all(centres == centres[:, :1], axis=2), "float32")
    sample_area = survey(preset).pixel_area / survey(preset).supersampling ** 2
    flux = ops.sum(source_fluxes, axis=2)
    arcs = ops.sum(ops.sum(sources, axis=2) * flux, axis=1) * sample_area
    lens = radius[:, 0] > 0.0
    return {
        "light": light,
        "lensed": lensed,
        "arc_contrast": _or_nan(lens, ops.sum(inner_arc, axis=1), ops.sum(inner_lens, axis=1)),
        "magnification": _or_nan(lens, arcs, ops.sum(flux, axis=1)),
    }


def _or_nan(lens, above, below):
    """Ratio ``above / below`` where ``lens``, else NaN."""
    return ops.where(lens, above / ops.where(lens, below, 1.0), float("nan"))


def blur(layers: Mapping[str, Any], arrays: Mapping[str, Any], preset: Preset) -> dict[str, Any]:
    """Blur ``light`` and ``lensed`` by each band's PSF, and add the stars to the light."""
    camera = survey(preset)
    fwhm = arrays["psf_fwhm"]
    x, y, _, fluxes = _split(arrays["star"], "star")
    light = camera.blurred(layers["light"], fwhm) + camera.stars(x[..., 0], y[..., 0], fluxes, fwhm)
    return {**layers, "light": light, "lensed": camera.blurred(layers["lensed"], fwhm)}


def expose(layers: Mapping[str, Any], arrays: Mapping[str, Any], preset: Preset) -> dict[str, Any]:
    """Add noise behind the PSF: images (batch, pixels^2, bands), and measures of them.

    ``arc_signal_to_noise`` (batch,) is that of the lensed light alone for a known shape, over all
    bands and pixels, with the noise of the lens galaxy's light; NaN where nothing is lensed. It is
    that of white noise: where the noise of neighbours is correlated, as in ``lens_finding_ps1`` and
    ``lens_finding_des``, a wide arc has about 0.7 of it.
    """
    noisy, variance = preset.observe(layers["light"], arrays)
    lensed = layers["lensed"]
    flat = (-1, lensed.shape[1] * lensed.shape[2])
    ratio = signal_to_noise(ops.reshape(lensed, flat), ops.reshape(variance, flat))
    lens = arrays["einstein_radius"][:, 0] > 0.0
    return {
        "images": ops.transpose(noisy, (0, 2, 1)),
        "arc_signal_to_noise": _or_nan(lens, ratio, 1.0),
        "arc_contrast": layers["arc_contrast"],
        "magnification": layers["magnification"],
    }
