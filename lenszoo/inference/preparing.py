"""Preparation of images for a model: crop, sky, zero point and scaling."""

import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict, cast

import numpy as np

from lenszoo.data.flux_units import AGREE, check_zero_point, read_zero_points
from lenszoo.data.photometry import ZERO_POINT
from lenszoo.data.scaling import ImageScaling, check_scaling, crop_image, scale_image
from lenszoo.data.sky import SkyMethod, check_sky, subtract_sky
from lenszoo.errors import LenszooError, whole_number

log = logging.getLogger("lenszoo")


class Preparing(TypedDict, total=False):
    """Options that prepare images, in this order; see :func:`lenszoo.predict`."""

    crop: int | None
    sky: SkyMethod | None
    zero_point: float | None
    scaling: ImageScaling | None
    any_scale: bool


def preparing_of(
    crop: int | None,
    sky: SkyMethod | None,
    zero_point: float | None,
    scaling: ImageScaling | None,
    any_scale: bool,
) -> Preparing:
    """Collect the options that were asked for."""
    options = Preparing(
        crop=crop, sky=sky, zero_point=zero_point, scaling=scaling, any_scale=any_scale
    )
    settings = {
        name: value
        for name, value in options.items()
        if value is not None and value is not False  # 0 is a zero point
    }
    return cast(Preparing, settings)


@dataclass(frozen=True)
class Preparation:
    """Images prepared as :class:`Preparing` says, one by one.

    Attributes:
        target: AB magnitude of flux 1 in the model's training; None where unknown.
        reads_headers: whether zero points are read from FITS headers where none is given.
    """

    crop: int | None = None
    sky: SkyMethod | None = None
    zero_point: float | None = None
    scaling: ImageScaling | None = None
    any_scale: bool = False
    target: float | None = None
    reads_headers: bool = True
    _told: set[float] = field(default_factory=set, repr=False)
    _kinds: dict[str, str] = field(default_factory=dict, repr=False)
    _lock: Any = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        check_sky(self.sky)
        check_scaling(self.scaling)
        if self.crop is not None:
            whole_number("crop", self.crop)
        check_zero_point(self.zero_point)

    def facts(self) -> dict[str, Any]:
        """Return what was asked for, by name."""
        names = ("crop", "sky", "zero_point", "scaling")
        values = {name: getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if value is not None}

    def apply(
        self, image: np.ndarray, path: Any, name: str, bands: Sequence[int] | None = None
    ) -> np.ndarray:
        """Prepare an image (H, W, bands) float32, which may be changed in place.

        Args:
            image: the image as read.
            path: its file or files, None for an image in memory.
            name: what messages call it.
            bands: positions of the bands that the model takes; None for all.

        Raises:
            LenszooError: it is smaller than the cut, its header names two zero points, or those of
                some bands name one and those of others none.
        """
        if self.crop is not None:
            image = crop_image(image, self.crop, name)
        if self.sky is not None:
            subtract_sky(image[None], self.sky)
        factors = self._factors(path, image.shape[2], name, bands)
        if factors is not None:
            image = image * factors
        return image if self.scaling is None else scale_image(image, self.scaling)

    def _factors(
        self, path: Any, bands: int, name: str, chosen: Sequence[int] | None
    ) -> np.ndarray | None:
        """Factor of each band, (bands,); None where nothing is to be multiplied."""
        if self.zero_point is not None:
            return _factor(
                [self.zero_point] * bands, ZERO_POINT if self.target is None else self.target
            )
        if (
            not self.reads_headers
            or self.target is None
            or path is None
            or self.scaling is not None
        ):
            return None
        read = read_zero_points(path)
        if read is None or len(read) not in (1, bands):
            return None
        files = [path] if isinstance(path, str | os.PathLike) else list(path)
        taken = [k for k in chosen or range(len(read)) if 0 <= k < len(read)] or [0]
        unknown = [files[k] for k in taken if read[k] is None and files[k] is not None]
        named = [value for value in (read[k] for k in taken) if value is not None]
        if all(abs(value - self.target) <= AGREE for value in named):
            self._compare(unknown, changed=False)
            return None
        if unknown:
            raise LenszooError(
                f"{name}: the header of {unknown[0]} names no zero point, but those of other bands "
                f"do and differ from {self.target:g} mag; give one for all with zero_point=."
            )
        self._compare([], changed=True)
        points = [self.target if value is None else value for value in read]
        points = points * bands if len(points) == 1 else points
        self._tell(points, name)
        return _factor(points, self.target)

    def _compare(self, unknown: Sequence[Any], changed: bool) -> None:
        """Warn once when the fluxes of some images are changed and those of others unknown."""
        with self._lock:
            before = len(self._kinds)
            if changed:
                self._kinds.setdefault("changed", "")
            elif unknown:
                self._kinds.setdefault("unknown", str(unknown[0]))
            both = before < 2 <= len(self._kinds)
        if both:
            log.warning(
                "%s and perhaps others name no zero point: their fluxes stay as they are, while "
                "those of other images are brought to %g mag. Give one for all with zero_point=.",
                self._kinds["unknown"], self.target,
            )  # fmt: skip

    def _tell(self, points: Sequence[float], name: str) -> None:
        with self._lock:
            fresh = [value for value in points if value not in self._told]
            self._told.update(fresh)
        if fresh:
            values = " and ".join(f"{value:g}" for value in sorted(set(fresh)))
            log.info(
                "%s: its header says that flux 1 is %s mag (AB); fluxes are brought to %g mag, as "
                "in training.", name, values, self.target,
            )  # fmt: skip


def prepare(options: Preparing, target: float | None) -> Preparation:
    """Return the preparation that options ask for, for a model of a zero point.

    Raises:
        LenszooError: an illegal value.
    """
    return Preparation(**options, target=target)


def _factor(points: Sequence[float], target: float) -> np.ndarray:
    return np.power(10.0, 0.4 * (target - np.array(points, np.float64))).astype(np.float32)
