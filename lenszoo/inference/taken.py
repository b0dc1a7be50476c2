"""Facts of how a model took its images, kept beside its answers to read images alike again."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from lenszoo.data.adjust import adjust_cutout
from lenszoo.data.checks import OnBad
from lenszoo.data.dataset import Dataset
from lenszoo.data.readers import ImageFiles, ImagePath
from lenszoo.data.sky import SkyMethod
from lenszoo.errors import LenszooError, one_line
from lenszoo.inference.inputs import Fit, Images
from lenszoo.inference.preparing import Preparation

TAKEN = "taken"
"""Key of these facts in the provenance of answers."""

_Side = Annotated[int, Field(ge=1, le=100_000)]  # wider is nobody's image


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class FirstChanged(_Facts):
    """Changes of images as they were read, before all else: those of a catalogue.

    Attributes:
        mask_value: pixel value that marks masked pixels.
        sky: way to measure the sky level that is subtracted.
        zero_point: AB magnitude of flux 1, which becomes 25.
    """

    mask_value: FiniteFloat | None = None
    sky: SkyMethod | None = None
    zero_point: FiniteFloat | None = None

    def apply(self, image: np.ndarray) -> None:
        """Change an image (H, W, bands) in place."""
        adjust_cutout(image, self.mask_value, self.sky, self.zero_point)


class Taken(_Facts):
    """How a model took its images.

    Attributes:
        shape: (height, width, bands) that it takes.
        bands: positions of the bands of an image that it takes; None for all.
        resize: whether images of another size are interpolated.
        on_bad: policy for bad pixels.
        crop, sky, zero_point, scaling: as for :func:`lenszoo.predict`.
        target: AB magnitude of flux 1 in its training.
        reads_headers: whether zero points are read from FITS headers.
        first: what came before.
    """

    shape: tuple[_Side | None, _Side | None, _Side]
    bands: tuple[int, ...] | None = None
    resize: bool = False
    on_bad: OnBad = "raise"
    crop: int | None = Field(None, ge=1)
    sky: SkyMethod | None = None
    zero_point: FiniteFloat | None = None
    scaling: Literal["minmax", "zscale"] | tuple[FiniteFloat, FiniteFloat] | None = None
    target: FiniteFloat | None = None
    reads_headers: bool = False
    first: FirstChanged = FirstChanged()


def taken_facts(fit: Fit, before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the facts of images, to be kept as JSON.

    Args:
        fit: how they are made to fit.
        before: ``mask_value``, ``sky`` and ``zero_point`` of a catalogue that changed them first.
    """
    names, options = FirstChanged.model_fields, fit.preparation
    first = {name: _plain(value) for name, value in (before or {}).items() if name in names}
    facts = Taken(
        shape=fit.shape, bands=fit.bands and tuple(map(int, fit.bands)), resize=fit.resize,
        on_bad=fit.on_bad, crop=options.crop, sky=options.sky,
        zero_point=_plain(options.zero_point), scaling=_plain(options.scaling),
        target=_plain(options.target), reads_headers=options.reads_headers,
        first=FirstChanged(**first),
    )  # fmt: skip
    return facts.model_dump(mode="json")


def _plain(value: Any) -> Any:
    """Return numbers of NumPy, alone or in a pair, as Python's; text and None as they are."""
    if value is None or isinstance(value, str):
        return value
    return tuple(map(float, value)) if np.ndim(value) else float(value)


def read_facts(provenance: Mapping[str, Any]) -> Taken | None:
    """Return how the images of some answers were taken; None where their provenance lacks it.

    Raises:
        LenszooError: the facts are damaged.
    """
    if TAKEN not in provenance:
        return None
    try:
        return Taken.model_validate_json(json.dumps(provenance[TAKEN]))
    except (ValidationError, ValueError, TypeError) as error:
        raise LenszooError(
            f"The provenance says in {TAKEN!r} how images were taken, and is damaged "
            f"({one_line(error)})."
        ) from error


def read_taken(source: ImagePath, taken: Taken) -> np.ndarray:
    """Read an image (H, W, bands) as a model took it.

    Args:
        source: as :func:`lenszoo.data.read_image` takes it.
        taken: of :func:`read_facts`.

    Raises:
        LenszooError: it cannot be read, or has bad pixels that were passed over.
    """
    preparation = Preparation(
        taken.crop, taken.sky, taken.zero_point, taken.scaling, any_scale=True,
        target=taken.target, reads_headers=taken.reads_headers,
    )  # fmt: skip
    fit = Fit(taken.shape, "the finder", taken.on_bad, taken.resize, taken.bands, preparation)
    files = ImageFiles([source], taken.first.apply)
    read = Images(Dataset(("",), files=files), fit).read(0)
    if read.image is None:
        raise LenszooError(str(read.error))
    return read.image
