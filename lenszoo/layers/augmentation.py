"""Ready-made augmentation of lens images, for contrastive learning and small data sets."""

from typing import Any

import keras
import numpy as np

from lenszoo.layers.augmentation_base import Augmentation, amount
from lenszoo.layers.augmentation_geometry import RandomD4, RandomMotion
from lenszoo.layers.augmentation_observation import RandomBlur, RandomNoise


@keras.saving.register_keras_serializable(package="lenszoo")
class LensAugmentation(Augmentation):
    """Augment lens images: rotation and flip, sub-pixel shift, blur and noise.

    In this order: an element of D4; any position angle and a shift, by one interpolation; a blur;
    noise relative to that of the image. Images are never cropped, erased or distorted: position,
    width and brightness of an arc are the signal.

    Args:
        strength: factor on the largest shift, blur and noise; at 0 images are only rotated.
        turn: False for neither D4 nor position angle, as for a pretext task that predicts the
            angle.
        shift: largest shift at strength 1, along each axis [pixels].
        fwhm: largest full width at half maximum of the blur at strength 1 [pixels].
        noise: largest noise at strength 1 [standard deviations of the noise along the edge].
        fill: pixels outside the image: ``"reflect"``, ``"nearest"`` or ``"constant"``.
        fill_value: brightness of the sky, for ``"constant"``.

    Raises:
        LenszooError: a negative strength or largest value, or an unknown fill; when called with
            ``turn``, images that are not square.

    >>> augment = LensAugmentation(strength=0.5, seed=1)
    >>> tuple(augment(np.zeros((2, 32, 32, 1), "float32"), training=True).shape)
    (2, 32, 32, 1)
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
        # independent streams, also of those of the next seed
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
        """Build the steps, which a call without training does not; ``fit`` on JAX needs them."""
        for step in self.steps:
            step.build(images_shape)
        super().build(images_shape)

    def change(self, images: Any) -> Any:
        """Return each image augmented by every step."""
        for step in self.steps:
            images = step.augment(images)
        return images

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), **self.options}


def _seeds(seed: int, n: int) -> list[int]:
    """Independent seeds from one."""
    return [int(x) >> 1 for x in np.random.SeedSequence(seed).generate_state(n)]
