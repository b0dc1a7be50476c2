"""Preset: a named sky, with the law that draws its scenes and the camera that observes them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lenszoo.simulation.observe import Instrument
from lenszoo.simulation.scene import Scene
from lenszoo.simulation.survey import Survey


@dataclass(frozen=True, eq=False)
class Preset:
    """One sky.

    Attributes:
        name: what users write.
        summary: one line for lists.
        classes: class names; label k is ``classes[k]``; scene ``i`` has class ``i % len(classes)``.
        instrument: pixel grid and PSF; of a sky of several bands, a survey.
        draw: ``draw(rng, class_name, strength) -> Scene``. ``strength`` multiplies the mass of the
            substructure (1 is the true sky); it must not change what else is drawn.
        observe: ``observe(image, arrays) -> (image, variance)``: from brightness (batch, n), after
            the PSF, to pixel values before min-max, and the variance of their noise;
            (batch, bands, n) in a sky of several bands.
        lens: "sis" or "sie".
        points: largest number of point masses of a scene, by class.
        minmax: whether each image is scaled to [0, 1].
        factor: pixels of ``instrument`` along a side of one image pixel. Above 1 the sky is one of
            pairs: the images are the coarse ones, and each has a fine ``target`` and its noiseless
            truth, see :class:`lenszoo.simulation.Sample`.
        observe_coarse: ``observe`` for the coarse image of a pair, from its brightness
            (batch, n / factor^2). The noise of both must be Poisson, in one unit of brightness.
        bands: names of the bands, the last axis of the images.
        zero_point: AB magnitude of flux 1 [mag]; None where pixels have no such unit.
        brightness: ``brightness(arrays, preset)`` computes the brightness of the scenes where it is
            more than one lensed Sersic source; see :func:`lenszoo.simulation.composite.brightness`.
        blur: ``blur(brightness, arrays, preset)`` makes of it the signal behind the PSF, where that
            is more than one image; see :func:`lenszoo.simulation.composite.blur`.
        expose: ``expose(signal, arrays, preset)`` makes images and measures of the signal with
            ``observe``; see :func:`lenszoo.simulation.composite.expose`.
        measured: columns of the truth that are measured on the images, not drawn.
        noisier: powers by which drawn values scale with the noise: dividing each value by k to its
            power makes the noise k times as strong relative to the light. Empty where none do.
        reference: paper or code of the sky.
        notes: peculiarities that a user of the data should know.
    """

    name: str
    summary: str
    classes: tuple[str, ...]
    instrument: Instrument | Survey
    draw: Callable[[np.random.Generator, str, float], Scene]
    observe: Callable[[Any, Mapping[str, Any]], tuple[Any, Any]]
    lens: str
    points: Mapping[str, int]
    minmax: bool = True
    factor: int = 1
    observe_coarse: Callable[[Any, Mapping[str, Any]], tuple[Any, Any]] | None = None
    bands: tuple[str, ...] = ("",)
    zero_point: float | None = None
    brightness: Callable[[Mapping[str, Any], "Preset"], Any] | None = None
    blur: Callable[[Any, Mapping[str, Any], "Preset"], Any] | None = None
    expose: Callable[[Any, Mapping[str, Any], "Preset"], dict[str, Any]] | None = None
    measured: tuple[str, ...] = ("signal_to_noise",)
    noisier: Mapping[str, int] = field(default_factory=dict)
    reference: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, bands) of an image."""
        side = self.instrument.pixels // self.factor
        return (side, side, len(self.bands))

    @property
    def target_shape(self) -> tuple[int, int, int]:
        """(height, width, bands) of a target of a pair."""
        return (self.instrument.pixels, self.instrument.pixels, len(self.bands))

    @property
    def pixel_scale(self) -> float:
        """Pixel scale of the images [arcsec/pixel]."""
        return self.instrument.pixel_scale * self.factor
