"""Pairs for super-resolution: one scene observed by a coarse and by a fine camera.

The sky is that of ``common_test_sim``. Both cameras have its PSF and the same sub-grid, so without
noise a coarse pixel is the mean of the fine pixels that it covers; each has its own Poisson noise.
A coarse pixel collects the light of all the fine ones under it, in the same exposure.
"""

from dataclasses import replace

import numpy as np

from lenszoo.simulation.observe import poisson_counts
from lenszoo.simulation.presets import common_test
from lenszoo.simulation.random import noise_key
from lenszoo.simulation.scene import Scene

FACTOR = 2


def draw(rng: np.random.Generator, name: str, strength: float = 1.0) -> Scene:
    """Draw a scene of ``common_test_sim``, with a second key for the noise of the coarse image."""
    scene = common_test.draw(rng, name, strength)
    return replace(scene, keys=np.concatenate([scene.keys, noise_key(rng)[None]]))


def observe_coarse(image, arrays):
    """Poisson counts of source and sky, as a mean over the fine pixels, and their variance."""
    area = float(FACTOR**2)
    counts = poisson_counts(area * image, area * arrays["sky"], arrays["keys"][:, 1])
    return counts / area, (image + arrays["sky"]) / area


PRESETS = (
    replace(
        next(p for p in common_test.PRESETS if p.name == "common_test_sim"),
        name="sr_75_150",
        summary="Pairs of 75 and 150 pixels of that sky, the noiseless truth beside them",
        draw=draw,
        # one number for all classes: small training batches then fill the renderer's tiles
        points=dict.fromkeys(("no", "sphere", "vort"), common_test.N_POINTS),
        factor=FACTOR,
        observe_coarse=observe_coarse,
        notes=(
            "Images have 0.1 arcsec a pixel, targets 0.05; PSF and sub-grid are the same.",
            "Image, target and truth are scaled by the map that takes the image to [0, 1]: targets "
            "may leave it.",
            "Each has its own Poisson noise; a coarse pixel gathers four times the light.",
        ),
    ),
)
