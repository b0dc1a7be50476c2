"""Perturb the observation of a sky: noise, PSF, shift, rotation, pixel scale.

For testing a network away from its training data. Scene ``i`` of a seed keeps its class, lens,
source and substructure, and the random numbers of its noise; only the perturbed quantity changes.
The images are simulated anew, none is interpolated.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np

from lenszoo.errors import LenszooError
from lenszoo.simulation.observe import Instrument
from lenszoo.simulation.preset import Preset
from lenszoo.simulation.presets import get_preset
from lenszoo.simulation.random_cameras import noisier_values
from lenszoo.simulation.scene import Scene

_ASIDE = 1e-4  # pixels
_PLAIN = {"noise": 1.0, "psf": 1.0, "shift": (0.0, 0.0), "angle": 0.0, "pixel_scale": 1.0}


def perturbed(
    preset: str | Preset,
    *,
    noise: float = 1.0,
    psf: float = 1.0,
    shift: tuple[float, float] = (0.0, 0.0),
    angle: float = 0.0,
    pixel_scale: float = 1.0,
) -> Preset:
    """Make a preset whose scenes are observed with another noise, PSF, pose or pixel scale.

    Args:
        preset: a sky of single images in one band: its name, or the preset itself.
        noise: factor on the standard deviation of the noise, relative to the light. For Poisson
            noise the counts of source and sky are divided by ``noise^2``; the truth holds them.
        psf: factor on the full width at half maximum of the PSF [arcsec].
        shift: offset of the scene to the right and down (rising column and row) [pixels]; need not
            be whole.
        angle: rotation about the image's centre, counter-clockwise where row 0 is on top, as
            ``numpy.rot90`` turns [degrees]. It comes before the shift; the PSF is round.
        pixel_scale: factor on the pixel scale [arcsec/pixel]. The image keeps its number of pixels,
            the PSF its width in arcsec, and a pixel its counts, so that the noise does not change
            too: a real camera of twice the pixel scale would collect four times the light a pixel.

    Returns:
        The preset, for :func:`sample` and all that takes one; with nothing changed its images are
        those of ``preset``, bit for bit.

    Raises:
        LenszooError: an unknown preset, one of pairs, several bands or random cameras, or one that
            is perturbed already; noise that cannot be scaled; a factor that is not positive.

    >>> noisy = perturbed("common_test_sim", noise=2.0)
    >>> noisy.name
    'common_test_sim (noise 2.0)'
    """
    base = get_preset(preset)
    for name, factor in (("noise", noise), ("psf", psf), ("pixel_scale", pixel_scale)):
        if not 0.0 < factor < math.inf:
            raise LenszooError(f"{name} must be a factor above 0, not {factor}.")
    if not np.isfinite([*shift, angle]).all() or len(shift) != 2:
        raise LenszooError(
            f"Give a shift of two numbers and an angle that is one, not {shift} and {angle}."
        )
    camera = base.instrument
    if not isinstance(camera, Instrument) or base.factor != 1 or base.brightness:
        raise LenszooError(
            f"{base.name} cannot be perturbed: it is a sky of pairs, of several bands, of random "
            "cameras or of several planes; take common_test_sim, say."
        )
    if isinstance(camera, _PosedInstrument):
        raise LenszooError(f"{base.name} is perturbed already; give all changes in one call.")
    if noise != 1.0 and not base.noisier:
        raise LenszooError(
            f"The noise of {base.name} cannot be scaled; change its PSF, pose or pixel scale."
        )
    fields = asdict(camera) | {
        "psf_fwhm": psf * camera.psf_fwhm,
        "pixel_scale": pixel_scale * camera.pixel_scale,
    }
    values = (noise, psf, shift, angle, pixel_scale)
    # in the name, so that tables and headers do not take the data for those of the sky itself
    changed = ", ".join(
        f"{name} {value}"
        for (name, plain), value in zip(_PLAIN.items(), values, strict=True)
        if value != plain
    )
    return replace(
        base,
        name=f"{base.name} ({changed})" if changed else base.name,
        draw=partial(_draw_noisier, base.draw, base.noisier, noise),
        instrument=_PosedInstrument(
            **fields, shift=(float(shift[0]), float(shift[1])), angle=float(angle)
        ),
    )


varied = perturbed  # its name in earlier releases


def _draw_noisier(
    draw: Callable[[np.random.Generator, str, float], Scene],
    powers: Mapping[str, int],
    noise: float,
    rng: np.random.Generator,
    name: str,
    strength: float = 1.0,
) -> Scene:
    scene = draw(rng, name, strength)
    return replace(scene, values=noisier_values(scene, powers, noise))


@dataclass(frozen=True)
class _PosedInstrument(Instrument):
    """A camera that is turned, then shifted: its grid moves over the scene."""

    shift: tuple[float, float] = (0.0, 0.0)
    angle: float = 0.0

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Sub-pixel centres in the scene [arcsec], shaped as :meth:`Instrument.grid`."""
        x, y = (axis.astype(np.float64) for axis in super().grid())
        x, y = x - self.shift[0] * self.pixel_scale, y - self.shift[1] * self.pixel_scale
        # a ray through the centre of a singular lens is not deflected, and would show the source
        # where there is no image of it
        aside = _ASIDE * self.pixel_scale
        x = np.where(np.hypot(x, y) < aside, aside, x)
        c, s = math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))
        return (c * x - s * y).astype(np.float32), (s * x + c * y).astype(np.float32)
