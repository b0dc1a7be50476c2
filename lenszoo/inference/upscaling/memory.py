"""Upscale images into memory: an array, files, or a data set."""

import os
from typing import Any

import numpy as np

from lenszoo.data.dataset import Dataset
from lenszoo.data.fits import SUFFIXES, read_headers, split_hdu
from lenszoo.data.listing import ImageTable
from lenszoo.data.memory_table import is_table
from lenszoo.data.readers import image_name
from lenszoo.data.table import is_table_file
from lenszoo.errors import LenszooError
from lenszoo.inference.inputs import as_dataset
from lenszoo.inference.upscaling.checks import check_like_training, check_per_pixel, check_range
from lenszoo.inference.upscaling.tiles import Flux, Progress, Settings, upscale_one
from lenszoo.inference.upscaling.upscaler import Upscaler


def upscale_images(
    upscaler: Upscaler,
    inputs: Any,
    settings: Settings,
    path_column: str = "path",
    progress: Progress | None = None,
) -> np.ndarray:
    """Upscale images of one size, float32 (n, scale * H, scale * W, bands), in their order.

    Args:
        upscaler: the model.
        inputs: what :func:`lenszoo.inference.inputs.as_plain` returns.
        settings: how images are upscaled.
        path_column: a table's column of paths.
        progress: is told (images done, images in all), for a single image (tiles done, all).

    Raises:
        LenszooError: no images, or one that cannot be read or upscaled or has another size.
    """
    if is_table(inputs) or (isinstance(inputs, str | os.PathLike) and is_table_file(inputs)):
        inputs = ImageTable(inputs, path_column=path_column)
    data = as_dataset(inputs)
    count, tiles = len(data), progress if len(data) == 1 else None
    fine: np.ndarray = np.empty(0, np.float32)
    told = set[str]()
    try:
        for row in range(count):
            name, image = _read(data, row, settings.flux)
            check_range(image, name)
            check_like_training(upscaler, image, settings.scaling, name, told)
            one = upscale_one(upscaler, image, settings, progress=tiles, name=name)
            if not row:
                fine = np.empty((count, *one.shape), np.float32)
            if one.shape != fine.shape[1:]:
                height, width = (int(side) // upscaler.scale for side in fine.shape[1:3])
                raise LenszooError(
                    f"{name}: {image.shape[0]} x {image.shape[1]} pixels, but the first image has "
                    f"{height} x {width}; images of several sizes are written to files, out=FOLDER."
                )
            fine[row] = one
            if progress is not None and count > 1:
                progress(row + 1, count)
    except MemoryError as error:
        raise LenszooError(
            f"There is not enough memory for {count:,} images of {upscaler.scale**2} times the "
            "pixels; write them to files, out=FOLDER."
        ) from error
    return fine


def _read(data: Dataset, row: int, flux: Flux) -> tuple[str, np.ndarray]:
    """Name an image, and read it as it is, float32 (H, W, bands); of files the unit is checked.

    Raises:
        LenszooError: there is none, or it has a unit per area where ``flux`` is per pixel.
    """
    if data.images is not None:
        with np.errstate(over="ignore"):  # beyond float32 is infinite, a bad pixel
            return f"image {data.ids[row]}", np.asarray(data.images[row], np.float32)
    if data.files is None:
        raise LenszooError("These data hold a table alone: give images to upscale.")
    path = data.files.paths[row]
    if flux == "per_pixel":
        _check_unit(path)
    return f"image {data.ids[row]}" if path is None else image_name(path), data.files[row]


def _check_unit(path: Any) -> None:
    """Raise LenszooError where a file of an image gives its flux per area of the sky."""
    for file in [path] if isinstance(path, str | os.PathLike) else path or ():
        name = None if file is None else os.fspath(file)
        if name is None or not split_hdu(name)[0].lower().endswith(SUFFIXES):
            continue
        for header in read_headers(name):
            check_per_pixel(header, name)
