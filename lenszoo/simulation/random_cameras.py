"""Observe each scene of a sky with a random camera: noise, PSF, pose and pixel scale.

For training: a network trained on one camera fails on images of another
(docs/results/robustness.md).
:func:`lenszoo.simulation.perturbed` changes all scenes alike and is for testing; scene ``i`` is the
same lens in both.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from keras import ops

from lenszoo.simulation.observe import FWHM_TO_SIGMA, Instrument
from lenszoo.simulation.preset import Preset
from lenszoo.simulation.render import brightness_at
from lenszoo.simulation.scene import Scene

Range = tuple[float, float]


@dataclass(frozen=True)
class Cameras:
    """Ranges of random cameras; factors are drawn evenly in their logarithm, angles from 0 to 360.

    The changes are those of :func:`lenszoo.simulation.perturbed`.

    Attributes:
        noise: factor on the standard deviation of the noise, relative to the light.
        psf: factor on the full width at half maximum of the PSF [arcsec].
        pixel_scale: factor on the pixel scale [arcsec/pixel]; a pixel keeps its counts.
        shift: largest offset of a scene from the centre, along each axis and either way [pixels].
    """

    noise: Range
    psf: Range
    pixel_scale: Range
    shift: float


def random_cameras(base: Preset, cameras: Cameras, **fields: Any) -> Preset:
    """Make the preset whose scenes are those of ``base``, each observed with a random camera.

    Args:
        base: a sky of single images in one band, of one lensed source, with its ``noisier``.
        cameras: ranges of the cameras. The truth holds the values of each scene:
            ``noise_factor``, ``psf_factor``, ``pixel_factor``, ``shift_x`` and ``shift_y``
            [pixels] and ``angle`` [degrees].
        fields: fields of the preset that differ, its ``name`` and ``summary`` at least.
    """
    return replace(
        base,
        draw=partial(_draw, base.draw, base.noisier, cameras),
        brightness=_brightness,
        blur=partial(_blur, widest=cameras.psf[1] / cameras.pixel_scale[0]),
        **fields,
    )


def noisier_values(scene: Scene, powers: Mapping[str, int], factor: float) -> dict[str, Any]:
    """Return the values of a scene with noise ``factor`` times as strong relative to the light."""
    scaled = {name: float(scene.values[name]) * factor**-power for name, power in powers.items()}
    return {**scene.values, **scaled}


def _draw(
    draw: Callable[[np.random.Generator, str, float], Scene],
    powers: Mapping[str, int],
    cameras: Cameras,
    rng: np.random.Generator,
    name: str,
    strength: float = 1.0,
) -> Scene:
    scene = draw(rng, name, strength)
    # a stream of its own: the lens stays that of the base, the camera the same in every class
    own = np.random.Generator(np.random.Philox(key=scene.keys[0].astype(np.uint64)))

    def factor(within: Range) -> float:
        return math.exp(own.uniform(*np.log(within)))

    pose = {
        "noise_factor": factor(cameras.noise),
        "psf_factor": factor(cameras.psf),
        "pixel_factor": factor(cameras.pixel_scale),
        "shift_x": own.uniform(-cameras.shift, cameras.shift),
        "shift_y": own.uniform(-cameras.shift, cameras.shift),
        "angle": own.uniform(0.0, 360.0),
    }
    return replace(scene, values=noisier_values(scene, powers, pose["noise_factor"]) | pose)


def _brightness(arrays: Mapping[str, Any], preset: Preset):
    """Brightness (batch, supersampling^2 * pixels^2) at the sub-pixels of each camera."""
    x, y = (ops.convert_to_tensor(g.reshape(1, -1)) for g in preset.instrument.grid())
    scale = arrays["pixel_factor"]
    x = scale * (x - preset.pixel_scale * arrays["shift_x"])
    y = scale * (y - preset.pixel_scale * arrays["shift_y"])
    angle = arrays["angle"] * (math.pi / 180.0)
    c, s = ops.cos(angle), ops.sin(angle)
    return brightness_at(c * x - s * y, s * x + c * y, arrays, preset.lens)


def _blur(brightness, arrays: Mapping[str, Any], preset: Preset, *, widest: float):
    """Bin, and blur with each camera's own PSF."""
    camera = preset.instrument
    assert isinstance(camera, Instrument)
    sigma = camera.psf_fwhm / camera.pixel_scale * FWHM_TO_SIGMA
    blur = gaussian_matrices(
        camera.pixels,
        sigma * arrays["psf_factor"] / arrays["pixel_factor"],
        sigma * widest,
        camera.psf_truncation,
    )
    image = ops.matmul(ops.matmul(blur, camera.bin(brightness)), ops.transpose(blur, (0, 2, 1)))
    return ops.reshape(image, (-1, camera.pixels**2))


def gaussian_matrices(n: int, sigma, widest: float, truncation: float):
    """Blur matrices (batch, n, n), each as :func:`lenszoo.simulation.observe.gaussian_matrix`.

    Args:
        n: pixels along the axis.
        sigma: standard deviation of each scene's PSF, (batch, 1) [pixels].
        widest: the largest sigma that may come [pixels].
        truncation: radius of the kernel in sigma.
    """
    reach = int(truncation * widest + 0.5)
    offsets = np.arange(-reach, reach + 1)
    rows = np.arange(n)
    places = np.zeros((len(offsets), n, n), np.float32)  # where a weight of the kernel goes
    for k, offset in enumerate(offsets):
        places[k, rows, np.clip(rows + offset, 0, n - 1)] = 1.0
    away = ops.convert_to_tensor(offsets[None].astype(np.float32))
    kernel = ops.exp(-0.5 * ops.square(away / sigma))
    kernel = ops.where(ops.abs(away) <= ops.floor(truncation * sigma + 0.5), kernel, 0.0)
    kernel = kernel / ops.sum(kernel, axis=1, keepdims=True)
    flat = ops.matmul(kernel, ops.convert_to_tensor(places.reshape(len(offsets), n * n)))
    return ops.reshape(flat, (-1, n, n))
