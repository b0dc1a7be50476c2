"""Upscale a stack, image by image, into one ``.npy`` file."""

from typing import BinaryIO

import numpy as np

from lenszoo.data.stacks import Stack
from lenszoo.inference.upscaling.checks import check_like_training, check_range
from lenszoo.inference.upscaling.tiles import Progress, Settings, upscale_one
from lenszoo.inference.upscaling.upscaler import Upscaler


def upscale_stack(
    upscaler: Upscaler,
    stack: Stack,
    settings: Settings,
    out: BinaryIO,
    progress: Progress | None = None,
) -> None:
    """Write the images of a stack upscaled, float32, with the axes of the stack.

    Memory holds one image at a time.

    Raises:
        LenszooError: an image cannot be read or upscaled; messages name its row.
    """
    told: set[str] = set()
    for done, image in enumerate(stack.images):
        pixels = image.read()
        check_range(pixels, str(image))
        check_like_training(upscaler, pixels, settings.scaling, str(image), told)
        fine = upscale_one(upscaler, pixels, settings, name=str(image))
        row = np.ascontiguousarray(image.as_stored(fine), "<f4")
        if not done:
            shape = (len(stack.images), *row.shape)
            header = {"descr": row.dtype.str, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(out, header)
        out.write(row.tobytes())
        if progress is not None:
            progress(done + 1, len(stack.images))
