"""Ready-made random views of a lens image, for contrastive learning and for small data sets."""

from typing import Any

import keras
import numpy as np

from lenszoo.layers.augmentation_base import Augmentation, amount
from lenszoo.layers.augmentation_geometry import RandomD4, RandomMotion
from lenszoo.layers.augmentation_observation import RandomBlur, RandomNoise


@keras.saving.register_keras_serializable(package="lenszoo")
class LensAugmentation(Augmentation):
    """See the same lens again: turned, moved by parts of a pixel, through a broader PSF, noisier.

    In this order: an element of D4; any position angle and a shift, by one interpolation; a blur;
    noise in units of the image's own. Nothing is cropped, erased or distorted: where the arc is,
    how thick and how bright, is the signal.

    Args:
        strength: factor on the largest shift, blur and noise; 0 leaves the turns alone.
        turn: False for neither D4 nor position angle, as a pretext that asks for the angle needs.
        shift: the largest at strength 1, pixels along each axis.
        fwhm: the broadest blur at strength 1, pixels.
        noise: the strongest noise at strength 1, in units of the noise along the image's edge.
        fill: what comes in from outside: ``"reflect"``, ``"nearest"`` or ``"constant"``.
        fill_value: the sky's brightness, for ``"constant"``.
        seed: as for every augmentation (:class:`~lenszoo.layers.augmentation_base.Augmentation`).
        **kwargs: as for any Keras layer.

    Raises:
        LenszooError: a strength or a largest value that is negative, or an unknown fill; when
            called with ``turn``, images that are not square.
    """

    def __init__(
        self,
        strength: float = 1.0,
        turn: bool = True,
        shift: float = 1.0,
        fwhm: float = 2.0,
        noise: float = 1.0,
        fill: str = "reflect",
        fill_value: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.options: dict[str, Any] = {
            "strength": amount("strength", strength),
            "turn": bool(turn),
            "shift": amount("shift", shift),
            "fwhm": amount("fwhm", fwhm),
            "noise": amount("noise", noise),
            "fill": fill,
            "fill_value": fill_value,
        }
        shift, fwhm, noise = strength * shift, strength * fwhm, strength * noise
        angle = 180.0 if turn else 0.0
        # streams of their own, and not those of the next seed
        seeds = [None] * 4 if seed is None else _seeds(seed, 4)
        self.steps: list[Augmentation] = [RandomD4(seed=seeds[0])] if turn else []
        if turn or shift:
            self.steps.append(RandomMotion(angle, shift, fill, fill_value, seed=seeds[1]))
        if fwhm:
            self.steps.append(RandomBlur(fwhm, seed=seeds[2]))
        if noise:
            self.steps.append(RandomNoise(noise, relative=True, seed=seeds[3]))

    def check_shape(self, shape: tuple[int | None, ...]) -> None:
        """Raise LenszooError unless every step can change images of this shape."""
        super().check_shape(shape)
        for step in self.steps:
            step.check_shape(shape)

    def build(self, images_shape: Any) -> None:
        """Build the steps: without training none is called, and on JAX ``fit`` looks."""
        for step in self.steps:
            step.build(images_shape)
        super().build(images_shape)

    def change(self, images: Any) -> Any:
        """Return another view of each image."""
        for step in self.steps:
            images = step.augment(images)
        return images

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the layer."""
        return {**super().get_config(), **self.options}


def _seeds(seed: int, n: int) -> list[int]:
    """Seeds that have nothing to do with each other."""
    return [int(x) >> 1 for x in np.random.SeedSequence(seed).generate_state(n)]
