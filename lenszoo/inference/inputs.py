"""Images to predict on, from files or memory: read, checked and made to fit, batch by batch."""

import logging
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from lenszoo.data.brightness import span
from lenszoo.data.checks import OnBad, apply_policy, check_policy
from lenszoo.data.dataset import Dataset, as_inputs
from lenszoo.data.input_scale import ABSURD
from lenszoo.data.listing import Inputs, as_index
from lenszoo.data.memory_table import is_table
from lenszoo.data.paired import is_pipeline, read_pipeline
from lenszoo.data.readers import ImageFiles, image_name
from lenszoo.errors import LenszooError, counted, whole_number
from lenszoo.inference.preparing import Preparation
from lenszoo.masked import unmasked

log = logging.getLogger("lenszoo")

Shape = tuple[int | None, int | None, int]


@dataclass(frozen=True)
class Fit:
    """Requirements of a model on its images, and how they are made to meet them.

    Attributes:
        shape: (height, width, bands) that the model takes; height and width may be None.
        label: what messages call the model.
        on_bad: what happens to images with NaN, infinite or constant bands: "raise", "zero",
            "fill", or "skip", which also passes over files that cannot be read or do not fit.
        resize: interpolate images of another size bilinearly (with a filter as wide as the step
            when they shrink). This changes the pixel scale, which the model does not learn of.
        bands: positions of the bands to take, in the model's order; a band may stand twice.
        preparation: changes every image once it was read.
        brightness: measures the brightest pixel of an image, in units of the brightest that the
            model learned on; None where it does not know.
        passes_over: whether files that cannot be read or do not fit are passed over whatever
            ``on_bad`` says of pixels.
    """

    shape: Shape
    label: str
    on_bad: OnBad = "raise"
    resize: bool = False
    bands: tuple[int, ...] | None = None
    preparation: Preparation = field(default_factory=Preparation)
    brightness: Callable[[np.ndarray], float] | None = None
    passes_over: bool = False


class Read(NamedTuple):
    """One image as read: None with the reason where it was passed over."""

    image: np.ndarray | None
    bad_pixels: int | None
    error: str | None


class Batch(NamedTuple):
    """A stretch of the inputs.

    Attributes:
        rows: (n,) positions in the inputs.
        images: (m, H, W, bands) float32, those of ``rows[kept]``; None for a model without images.
        kept: (n,) bool.
        bad_pixels: n counts, None for what could not be read.
        errors: n reasons, None where all is well.
        table: (m, columns) float32 beside the images; None for a model without a table.
    """

    rows: np.ndarray
    images: np.ndarray | None
    kept: np.ndarray
    bad_pixels: list[int | None]
    errors: list[str | None]
    table: np.ndarray | None = None

    @property
    def inputs(self) -> Any:
        """Inputs of the model: images, a table, or a dictionary of both."""
        return as_inputs(self.images, self.table)


class Images:
    """The inputs of a prediction, one by one or in batches.

    Args:
        inputs: as :func:`as_index` takes them, an array (n, H, W, bands) or (n, H, W), or a
            dataset.
        fit: what the model needs.

    Attributes:
        notes: warnings about the images, for the results.

    Raises:
        LenszooError: no inputs, an array of another kind, or an unknown policy.
    """

    def __init__(self, inputs: Inputs | Dataset, fit: Fit) -> None:
        check_policy(fit.on_bad)
        self.dataset = as_dataset(inputs, fit.shape[2])
        self.ids = self.dataset.ids
        self.paths = None if self.dataset.files is None else self.dataset.files.paths
        self.fit, self.notes = fit, list[str]()
        if None in fit.shape[:2]:
            self.fit = self._sized(fit)

    def __len__(self) -> int:
        return len(self.ids)

    def name(self, row: int) -> str:
        """Return how messages call an image."""
        path = None if self.paths is None else self.paths[row]
        return f"image {self.ids[row]}" if path is None else image_name(path)

    def first(self) -> int:
        """Return the first row that has an image; 0 where none has."""
        return next((row for row in range(len(self)) if not self._is_missing(row)), 0)

    def span(self, row: int) -> tuple[float, float]:
        """Return the lowest and highest finite pixel of an image; 0 and 1 where there is none."""
        if self._is_missing(row):
            return 0.0, 1.0
        try:
            return span(self._raw(row))
        except LenszooError:  # reading it will tell
            return 0.0, 1.0

    def sample(self, count: int) -> np.ndarray:
        """Return some images, evenly over all, with the model's bands: (m, H, W, bands).

        Left out are images that cannot be read, have other bands, or another size than the first.
        """
        images: list[np.ndarray] = []
        for row in self.spread(count):
            if self._is_missing(row):
                continue
            try:
                image = _take_bands(self._raw(row), self.fit, self.name(row))
            except LenszooError:  # reading it will tell
                continue
            if not images or images[0].shape == image.shape:
                images.append(image)
        return np.stack(images) if images else np.empty((0, 1, 1, self.fit.shape[2]), np.float32)

    def check_bands(self) -> None:
        """Raise LenszooError where the first image has other bands than the model takes.

        Nothing is said under on_bad="skip", nor of an image that cannot be read, which reading it
        will tell.
        """
        row = self.first()
        if self.fit.on_bad == "skip" or not len(self) or self._is_missing(row):
            return
        try:
            image = self._raw(row)
        except LenszooError:
            return
        _take_bands(image, self.fit, self.name(row))

    def size(self, row: int) -> tuple[int, int]:
        """Return how many pixels high and wide an image is before it is made to fit."""
        height, width = self._raw(row).shape[:2]
        return int(height), int(width)

    def spread(self, count: int) -> list[int]:
        """Return some rows, evenly over all."""
        return np.unique(np.linspace(0, len(self) - 1, min(len(self), count)).astype(int)).tolist()

    def read(self, row: int) -> Read:
        """Read one image and make it fit.

        Raises:
            LenszooError: it cannot be read or does not fit; not under on_bad="skip".
        """
        fit, bad = self.fit, None
        if self._is_missing(row):
            return Read(None, None, f"{self.name(row)}: there is no such file, or not in all bands")
        try:
            image = np.array(self._raw(row))  # a copy: "zero" writes into it
            image = _take_bands(image, fit, self.name(row))
            keep, counts = apply_policy(image[None], [self.name(row)], fit.on_bad)
            counted = self.dataset.bad_counts
            before = 0 if counted is None else int(counted[row])
            bad = max(int(counts[0]), before)
            if not keep[0]:
                reason = f"{self.name(row)}: NaN, infinite or constant pixels"
                return Read(None, bad, reason)
            self._check_brightest(image, row)
            return Read(_sized_as(image, fit, self.name(row)), bad, None)
        except LenszooError as error:
            if fit.on_bad != "skip" and not fit.passes_over:
                raise
            return Read(None, bad, str(error))

    def _check_brightest(self, image: np.ndarray, row: int) -> None:
        fit = self.fit
        if fit.brightness is None or fit.preparation.any_scale:
            return
        times = fit.brightness(image)
        if times > ABSURD:
            raise LenszooError(
                f"{self.name(row)}: a pixel is {times:.2g} times brighter than any that "
                f"{fit.label} learned on; mask it, or bring the image to the unit of the training. "
                "To have an answer all the same, any_scale=True."
            )

    def batches(self, batch_size: int, first: int = 0) -> Iterator[Batch]:
        """Yield all images from a row on; the next batch is read while one is in use."""
        batch_size = whole_number("batch_size", batch_size)
        ahead: deque[tuple[range, list[Future[Read]]]] = deque()
        pool = ThreadPoolExecutor(min(8, (os.cpu_count() or 1) + 1))
        try:
            for start in range(first, len(self), batch_size):
                rows = range(start, min(start + batch_size, len(self)))
                ahead.append((rows, [pool.submit(self.read, row) for row in rows]))
                if len(ahead) > 1:
                    yield self._collect(*ahead.popleft())
            while ahead:
                yield self._collect(*ahead.popleft())
        finally:
            pool.shutdown(cancel_futures=True)

    def _collect(self, rows: range, futures: list[Future[Read]]) -> Batch:
        reads = [future.result() for future in futures]
        images = [read.image for read in reads if read.image is not None]
        height, width, bands = self.fit.shape
        empty = np.empty((0, height or 1, width or 1, bands), np.float32)
        return Batch(
            np.arange(rows.start, rows.stop),
            np.stack(images) if images else empty,
            np.array([read.image is not None for read in reads]),
            [read.bad_pixels for read in reads],
            [read.error for read in reads],
        )

    def _is_missing(self, row: int) -> bool:
        return self.paths is not None and self.paths[row] is None

    def _raw(self, row: int) -> np.ndarray:
        path = None if self.paths is None else self.paths[row]
        if self.dataset.images is not None:
            image = self.dataset.images[row].astype(np.float32)
        else:
            assert self.dataset.files is not None  # one of the two is there
            image = self.dataset.files[row]
        return self.fit.preparation.apply(image, path, self.name(row), self.fit.bands)

    def _sized(self, fit: Fit) -> Fit:
        """Give a model of any size that of the first image that can be read."""
        for row in range(len(self)):
            if self._is_missing(row):
                continue
            try:
                height, width = self._raw(row).shape[:2]
            except LenszooError:
                if fit.on_bad != "skip":
                    raise
                continue
            shape = (fit.shape[0] or height, fit.shape[1] or width, fit.shape[2])
            return replace(fit, shape=shape)
        return fit


def as_plain(inputs: Any) -> Any:
    """Arrays of what holds images in memory, and a list of what gives files one by one.

    A sample of a simulated sky, a tensor of TensorFlow or JAX, a ``tf.data`` pipeline and a list of
    images become an array, an array of text a list of paths. An array with a unit gives its values,
    with a warning.

    Raises:
        LenszooError: images of a list differ in shape, or ``inputs`` are nothing that holds images.
    """
    if hasattr(inputs, "truth") and not isinstance(inputs, Dataset):  # a simulated Sample
        inputs = inputs.images
    if is_pipeline(inputs):
        inputs = read_pipeline(inputs).images
    if isinstance(inputs, Iterator):
        inputs = list(inputs)
    if isinstance(inputs, list | tuple) and inputs and _is_array(inputs[0]):
        shapes = {np.shape(image) for image in inputs}
        if len(shapes) > 1:
            raise LenszooError(f"Images of one size are needed, not {sorted(shapes)}.")
        return np.stack([np.asarray(image) for image in inputs])
    if is_table(inputs) or not _is_array(inputs):
        return inputs
    unit = getattr(inputs, "unit", None)  # of an astropy Quantity
    if unit is not None and str(unit):
        log.warning(
            "The array's unit, %s, is not converted: its values are taken as they are; "
            "zero_point= says which AB magnitude has flux 1.",
            unit,
        )
    plain = inputs if unit is None else getattr(inputs, "value", inputs)
    array = plain if isinstance(plain, np.ndarray) else np.asarray(plain)
    return array.tolist() if array.dtype.kind in "US" else array


def _is_array(value: Any) -> bool:
    """Whether NumPy reads it as numbers; a table or a path it does not."""
    return hasattr(value, "__array__") and hasattr(value, "shape") and hasattr(value, "dtype")


def as_dataset(inputs: Inputs | Dataset, bands: int | None = None) -> Dataset:
    """List the images of files or an array as a data set; those of files are not read yet.

    Args:
        inputs: what there is.
        bands: that the model takes; an array (H, W, bands) is then told how to be one image.

    Raises:
        LenszooError: no inputs, or an array of another kind.
    """
    if isinstance(inputs, Dataset):
        return inputs
    if isinstance(inputs, np.ndarray):
        array = _as_stack(inputs, bands)
        return Dataset(tuple(map(str, range(len(array)))), array)
    index = as_index(inputs)
    return Dataset(index.ids, files=ImageFiles(index.paths), beside=index.beside)


def _as_stack(array: np.ndarray, bands: int | None) -> np.ndarray:
    """Return (n, H, W, bands) from that, from (n, H, W) of one band or from one image (H, W, 1)."""
    one = {2: "image[None, ..., None]"}.get(array.ndim)
    if array.ndim == 3 and bands is not None and array.shape[-1] == bands > 1:
        one = "image[None]"
    if one or array.ndim not in (3, 4) or array.dtype.kind not in "fiub" or 0 in array.shape:
        raise LenszooError(
            f"The array has shape {array.shape} and type {array.dtype}; give numbers of shape "
            f"(images, height, width, bands){f': for one image {one}' if one else ''}."
        )
    if array.ndim == 3:
        array = array[None] if array.shape[-1] == 1 else array[..., None]
    return unmasked(array)


def _take_bands(image: np.ndarray, fit: Fit, name: str) -> np.ndarray:
    """Pick the chosen bands of (H, W, bands) and check that they are as many as the model takes."""
    have, want = image.shape[2], fit.shape[2]
    if fit.bands is not None:
        if not all(0 <= band < have for band in fit.bands):
            raise LenszooError(
                f"{name}: has bands 0 to {have - 1}, but bands={list(fit.bands)} was asked for."
            )
        image = image[..., list(fit.bands)]
    if image.shape[2] != want:
        if image.shape[0] == want and fit.bands is None:
            raise LenszooError(
                f"{name}: of shape {image.shape}, with its bands first; they belong last: "
                "np.moveaxis(images, 1, -1)."
            )
        count = image.shape[2]
        remedy = (
            f"choose {want} of 0 to {have - 1} with bands=."
            if have >= want
            else f"give images of {counted(want, 'band')}, or take weights for {have}."
        )
        raise LenszooError(
            f"{name}: {counted(count, 'band')}, but {fit.label} takes {want}; {remedy}"
        )
    return image


def _sized_as(image: np.ndarray, fit: Fit, name: str) -> np.ndarray:
    """Check the size of (H, W, bands), or interpolate to it where that was asked for."""
    height, width = fit.shape[:2]
    assert height is not None and width is not None  # settled before the first image is read
    if image.shape[:2] == (height, width):
        return image
    if not fit.resize:
        raise LenszooError(
            f"{name}: {image.shape[0]} x {image.shape[1]} pixels, but {fit.label} takes "
            f"{height} x {width}; cut the images to that, or pass resize=True to interpolate "
            "bilinearly, which changes the pixel scale."
        )
    from PIL import Image

    planes = [
        Image.fromarray(np.ascontiguousarray(plane)).resize(
            (width, height), Image.Resampling.BILINEAR
        )
        for plane in np.moveaxis(image, 2, 0)
    ]
    return np.stack([np.asarray(plane, np.float32) for plane in planes], axis=2)
