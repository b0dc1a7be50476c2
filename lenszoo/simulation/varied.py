"""The same scenes seen otherwise: more noise, another PSF, shifted, turned, other pixels.

For asking how far from its training data a network can be trusted: scene ``i`` of a seed stays what
it is, its class, lens, source and substructure, and the uniforms its noise is made of; only what
was asked for changes. The sky is simulated anew, nothing is interpolated.
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
from lenszoo.simulation.scattered import noisier_values
from lenszoo.simulation.scene import Scene

_ASIDE = 1e-4  # pixels
_PLAIN = {"noise": 1.0, "psf": 1.0, "shift": (0.0, 0.0), "angle": 0.0, "pixel_scale": 1.0}


def varied(
    preset: str | Preset,
    *,
    noise: float = 1.0,
    psf: float = 1.0,
    shift: tuple[float, float] = (0.0, 0.0),
    angle: float = 0.0,
    pixel_scale: float = 1.0,
) -> Preset:
    """A preset whose scenes are observed in another way, for :func:`sample` and the like.

    Args:
        preset: a sky of single images in one band, by name or itself.
        noise: factor on the standard deviation of the noise, relative to the light. Poisson noise
            is that of ``noise^2`` times fewer counts, of source and sky alike; the truth says them.
        psf: factor on the width of the PSF in arcsec.
        shift: pixels by which the scene moves to the right and down, the directions of rising
            column and row; need not be whole.
        angle: degrees by which the scene turns about the image's centre, as ``numpy.rot90`` does:
            counter-clockwise where row 0 is shown on top. Before the shift. The PSF is round.
        pixel_scale: factor on arcsec a pixel. The image keeps its number of pixels, the PSF its
            width in arcsec, and a pixel its counts, so that noise is not changed in the same go: a
            camera of twice the pixel scale would gather four times the light in each.

    Returns:
        The preset; with nothing changed its images are those of ``preset``, bit for bit.

    Raises:
        LenszooError: unknown preset, one of pairs, several bands or many cameras, or varied before,
            noise that cannot be scaled, or a factor that is no positive number.
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
            f"{base.name} cannot be varied: it is a sky of pairs, of several bands or of many "
            "cameras; take common_test_sim, say."
        )
    if isinstance(camera, _Posed):
        raise LenszooError(f"{base.name} has been varied already; ask for all in one call.")
    if noise != 1.0 and not base.noisier:
        raise LenszooError(
            f"The noise of {base.name} cannot be scaled; vary its PSF, pose or pixel scale."
        )
    wider = asdict(camera) | {
        "psf_fwhm": psf * camera.psf_fwhm,
        "pixel_scale": pixel_scale * camera.pixel_scale,
    }
    # so that what is written of the data does not pass it off for the sky itself
    asked = {"noise": noise, "psf": psf, "shift": shift, "angle": angle, "pixel_scale": pixel_scale}
    changed = ", ".join(f"{key} {value}" for key, value in asked.items() if value != _PLAIN[key])
    return replace(
        base,
        name=f"{base.name} ({changed})" if changed else base.name,
        draw=partial(_draw_noisier, base.draw, base.noisier, noise),
        instrument=_Posed(**wider, shift=(float(shift[0]), float(shift[1])), angle=float(angle)),
    )


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
class _Posed(Instrument):
    """A camera that sees the scene turned, then shifted: pixels look elsewhere instead."""

    shift: tuple[float, float] = (0.0, 0.0)
    angle: float = 0.0

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Where in the scene the sub-pixels lie, as :meth:`Instrument.grid`."""
        x, y = (axis.astype(np.float64) for axis in super().grid())
        x, y = x - self.shift[0] * self.pixel_scale, y - self.shift[1] * self.pixel_scale
        # a ray through the very centre of a singular lens would go undeflected, and show the source
        # where there is no image of it
        aside = _ASIDE * self.pixel_scale
        x = np.where(np.hypot(x, y) < aside, aside, x)
        c, s = math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))
        return (c * x - s * y).astype(np.float32), (s * x + c * y).astype(np.float32)
