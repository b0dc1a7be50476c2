"""Scene: all that is drawn for one image, on the host, before a pixel is computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Scene:
    """One lens system and its observation.

    Attributes:
        values: every drawn quantity by name, the columns of the truth table. The renderer reads

            - ``einstein_radius`` [arcsec], ``lens_e1``, ``lens_e2``; ``gamma1``, ``gamma2``;
            - ``source_x``, ``source_y``, ``source_r_eff`` [arcsec], ``source_index``,
              ``source_e1``, ``source_e2``, ``source_amplitude`` (brightness at ``source_r_eff``);

            and the preset's observation reads values of its own (``sky``, ``exposure`` ...).
        points: (n, 3) point masses: x, y [arcsec] and squared Einstein radius [arcsec^2].
        arrays: inputs of the renderer of a sky of many components, by name, of one shape in all
            scenes; the values are then truth alone, and may be text or NaN.
        keys: (layers, 2) uint32 keys of the pixel noise.
    """

    values: Mapping[str, float | str]
    points: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    keys: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.uint32))
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


def ellipticity(axis_ratio: float, angle: float) -> tuple[float, float]:
    """Ellipticity ``(e1, e2)``, ``|e| = (1 - q) / (1 + q)``, at a position angle [radians]."""
    e = (1.0 - axis_ratio) / (1.0 + axis_ratio)
    return e * np.cos(2.0 * angle), e * np.sin(2.0 * angle)


def stack(scenes: Sequence[Scene], n_points: int) -> dict[str, np.ndarray]:
    """Stack scenes for the renderer: (batch, 1) float32 a value, (batch, n_points) a coordinate.

    Scenes with arrays of their own give those in place of the values. Missing point masses are
    massless ones far outside the image.
    """
    if scenes[0].arrays:
        arrays = {name: np.stack([s.arrays[name] for s in scenes]) for name in scenes[0].arrays}
    else:
        arrays = {
            name: np.array([[scene.values[name]] for scene in scenes], np.float32)
            for name in scenes[0].values
        }
    points = np.tile(np.array([1e3, 1e3, 0.0]), (len(scenes), n_points, 1))
    for i, scene in enumerate(scenes):
        points[i, : len(scene.points)] = scene.points
    for column, name in enumerate(("point_x", "point_y", "point_theta_e2")):
        arrays[name] = points[:, :, column].astype(np.float32)
    arrays["keys"] = np.stack([scene.keys for scene in scenes])
    return arrays
