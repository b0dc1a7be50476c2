"""Upscale an image of any size in tiles, as if it had gone through the network in one piece."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from lenszoo.data.sky import measure_sky
from lenszoo.errors import LenszooError, counted, unknown, whole_number
from lenszoo.inference.upscaling.pixels import (
    Scaling,
    ValueRange,
    check_scaling,
    find_bad,
    find_range,
    mend,
)
from lenszoo.inference.upscaling.upscaler import Upscaler, UpscalerLike, open_upscaler
from lenszoo.masked import unmasked

Flux: TypeAlias = Literal["surface_brightness", "per_pixel"]
Progress: TypeAlias = Callable[[int, int], None]

TILE = 128
WHOLE = 256
"""Images of at most WHOLE x WHOLE pixels go in whole."""
_CHANGES = 256
"""Blocks of a tile whose flux is compared with the input's."""
log = logging.getLogger("lenszoo")
_STEP_PIXELS = WHOLE * WHOLE
"""Input pixels a step, by default."""


@dataclass(frozen=True)
class Settings:
    """How images are upscaled; the arguments of :func:`upscale_array`.

    Raises:
        LenszooError: an illegal value.
    """

    scaling: Scaling = "auto"
    tile: int | None = None
    overlap: int | None = None
    batch_size: int | None = None
    conserve_flux: bool = True
    flux: Flux = "surface_brightness"

    def __post_init__(self) -> None:
        check_scaling(self.scaling)
        if self.flux not in get_args(Flux):
            raise unknown("flux", str(self.flux), get_args(Flux))
        for name, least in (("tile", 1), ("overlap", 0), ("batch_size", 1)):
            if (value := getattr(self, name)) is not None:
                whole_number(name, value, least)


def upscale_array(
    model: UpscalerLike,
    image: np.ndarray,
    *,
    mask: np.ndarray | None = None,
    scaling: Scaling = "auto",
    tile: int | None = None,
    overlap: int | None = None,
    batch_size: int | None = None,
    conserve_flux: bool = True,
    flux: Flux = "surface_brightness",
    progress: Progress | None = None,
) -> np.ndarray:
    """Upscale one image of any size with a super-resolution model.

    The image is mapped to the values that models are trained on, cut into overlapping tiles of one
    size (the last ones are shifted inwards), and of each upscaled tile only the part is kept that
    does not notice where it was cut: the result is that of the whole image in one piece, up to
    float32 rounding, and memory holds a few tiles beside image and result.

    Pixels that are NaN, infinite or masked take the mean of good pixels around them before the
    model sees them, and their scale x scale blocks are NaN in the result. Tiles without a good
    pixel are not computed.

    Args:
        model: a weights' name, a run folder, a ``.weights.h5`` or ``.keras`` file, or a model.
        image: (H, W, bands) or (H, W) of any real number type.
        mask: (H, W) or (H, W, bands), True where a pixel is bad; or None.
        scaling: which values the model sees as 0 and 1: "minmax", the least and the greatest good
            pixel of the image, as in training, where images are cutouts of one object; "auto", the
            same for images of up to 128 pixels a side, and in wider fields what most blocks of 64
            pixels hold, so that no single star sets the range; "none", for images that are scaled
            already; or (low, high). The map is one for all bands, is undone afterwards, and cuts
            nothing off.
        tile: side of a tile in input pixels. By default images of up to 256 x 256 pixels go in
            whole, and others in tiles of 128 pixels, or 4 times the overlap where that is more.
        overlap: input pixels at each edge of a tile that are not kept where the image goes on; by
            default as far as the model looks. Fewer are faster, and no longer exact.
        batch_size: tiles a step; by default as many as make 65,536 pixels.
        conserve_flux: add to each scale x scale block what its mean differs by from the input
            pixel (back-projection, Irani & Peleg 1991), so that the flux in any aperture of whole
            input pixels is exactly the input's. It is an offset, not a factor, since sky-subtracted
            pixels are near 0 or below; it also hands the noise of the input on. False leaves the
            model's answer as it is, with a warning where it changes flux by more than the noise.
        flux: unit of the pixel values. "surface_brightness": flux per area; a block's mean is the
            value of the input pixel. "per_pixel": flux in the pixel, such as counts; a block's sum
            is, so that values are divided by scale**2.
        progress: is told (tiles done, tiles in all).

    Returns:
        float32 (scale * H, scale * W, bands), in the units of the input.

    Raises:
        LenszooError: in one line, for a model that does not upscale, an image of other bands or
            size than the model takes, an illegal option, tiles that are too small for how far the
            model looks, or an answer of the model that is not finite.
    """
    settings = Settings(scaling, tile, overlap, batch_size, conserve_flux, flux)
    return upscale_one(open_upscaler(model), image, settings, mask=mask, progress=progress)


def upscale_one(
    upscaler: Upscaler,
    image: np.ndarray,
    settings: Settings,
    *,
    mask: np.ndarray | None = None,
    progress: Progress | None = None,
    name: str = "The image",
) -> np.ndarray:
    """As :func:`upscale_array`, with the model opened and the settings checked."""
    image = _as_image(image, upscaler, name)
    height, width, bands = image.shape
    scale = upscaler.scale
    side, margin = _plan((height, width), upscaler, settings, name)
    bad = find_bad(image, mask)
    values = find_range(image, bad, settings.scaling)
    mended = mend(image, bad)
    result = np.empty((scale * height, scale * width, bands), np.float32)
    tiles = [
        Tile(*zip(rows, columns, strict=True))
        for rows in _spans(height, side[0], margin, scale)
        for columns in _spans(width, side[1], margin, scale)
    ]
    needed = [tile for tile in tiles if bad is None or not bad[tile.kept].all()]
    if len(needed) < len(tiles):
        result.fill(np.nan)
    size = settings.batch_size or max(1, _STEP_PIXELS // (side[0] * side[1]))
    size = min(size, max(1, len(needed)))
    done = len(tiles) - len(needed)
    changes: list[np.ndarray] = []
    for batch in _batches(needed, size):
        for tile, answer in zip(batch, _answer(upscaler, mended, batch, values, size), strict=True):
            inner = answer[tile.inner]
            if not np.isfinite(inner).all():
                raise LenszooError(
                    f"{name}: the model's answer is not finite near row {tile.kept[0].start}, "
                    f"column {tile.kept[1].start}; are its values scaled as the model expects?"
                )
            good = mended[tile.kept], None if bad is None else bad[tile.kept]
            _finish(inner, *good, values, settings, out=result[tile.target])
            if not settings.conserve_flux:
                changes.append(_change(result[tile.target], *good, settings))
        done += len(batch)
        if progress is not None:
            progress(done, len(tiles))
    if changes:
        _tell_change(np.concatenate(changes), mended, upscaler, name)
    if np.isinf(result).any():
        raise LenszooError(f"{name}: upscaled values go beyond float32; divide the image first.")
    return result


def _change(
    fine: np.ndarray, image: np.ndarray, bad: np.ndarray | None, settings: Settings
) -> np.ndarray:
    """Return by how much the means of some blocks differ from their pixels, (n,)."""
    height, width, bands = image.shape
    scale = fine.shape[0] // height
    means = fine.reshape(height, scale, width, scale, bands).mean((1, 3), dtype=np.float64)
    means *= scale**2 if settings.flux == "per_pixel" else 1
    change = means - image
    kept = change.ravel() if bad is None else change[~bad]
    return kept[:: max(1, kept.size // _CHANGES)]


def _tell_change(changes: np.ndarray, image: np.ndarray, upscaler: Upscaler, name: str) -> None:
    """Warn, in a line, where block means differ from the pixels by more than the noise."""
    noise = measure_sky(image[None]).rms[0].max()
    typical, shift = np.median(np.abs(changes)), np.median(changes)
    if typical > noise or abs(shift) > noise / 2:
        log.warning(
            "%s: %s changes the flux of pixels by %.3g (median), the sky by %.3g, and the noise is "
            "%.3g: keep the flux, conserve_flux=True.", name, upscaler.name, typical, shift, noise,
        )  # fmt: skip


def _as_image(image: np.ndarray, upscaler: Upscaler, name: str) -> np.ndarray:
    """Return an image as float32 (H, W, bands), checked against the model."""
    image = unmasked(np.asanyarray(image))
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.dtype.kind not in "fiub" or 0 in image.shape:
        raise LenszooError(
            f"{name}: shape {image.shape} and type {image.dtype} are no image; give numbers of "
            "shape (H, W, bands)."
        )
    if image.shape[2] != upscaler.bands:
        raise LenszooError(
            f"{name}: {counted(image.shape[2], 'band')}, but {upscaler.name} takes "
            f"{upscaler.bands}; give images of {counted(upscaler.bands, 'band')}, or weights for "
            f"{image.shape[2]}."
        )
    with np.errstate(over="ignore"):  # a float64 beyond float32 becomes inf, a bad pixel
        return image.astype(np.float32, copy=False)


# --- where the tiles lie -------------------------------------------------------------------------


class Tile(NamedTuple):
    """A tile of an image, as indices: two slices each.

    Attributes:
        whole: the tile, in the image.
        kept: the part that is kept, in the image.
        target: the kept part, in the upscaled image.
        inner: the kept part, in the upscaled tile.
    """

    whole: tuple[slice, ...]
    kept: tuple[slice, ...]
    target: tuple[slice, ...]
    inner: tuple[slice, ...]


def _plan(
    shape: tuple[int, int], upscaler: Upscaler, settings: Settings, name: str
) -> tuple[tuple[int, int], int]:
    """Return height and width of a tile, and the pixels at its edges that are not kept."""
    reach = upscaler.reach.pixels
    margin = settings.overlap if settings.overlap is not None else reach
    if settings.tile is not None:
        sides = [settings.tile, settings.tile]
    elif max(shape) <= WHOLE or margin is None:
        sides = [WHOLE, WHOLE]
    else:
        sides = [max(TILE, 4 * margin)] * 2
    for axis, fixed in enumerate(upscaler.size):
        if fixed is not None and shape[axis] < fixed:
            raise LenszooError(
                f"{name}: {shape[0]} x {shape[1]} pixels, but {upscaler.name} takes images of "
                f"{upscaler.size[0]} x {upscaler.size[1]} or more: build it for any size with "
                "input_shape=(None, None, bands)."
            )
        sides[axis] = fixed or min(sides[axis], shape[axis])
    if tuple(sides) == shape:
        return shape, 0
    if margin is None:
        raise LenszooError(
            f"{name}: {shape[0]} x {shape[1]} pixels do not fit into one tile of {sides[0]} x "
            f"{sides[1]}, and tiles would show: in {upscaler.name}, {upscaler.reach.why}; give a "
            "larger tile, or an overlap that will do."
        )
    for side, length in zip(sides, shape, strict=True):
        if side < length and side <= 2 * margin:
            raise LenszooError(
                f"{name}: a tile of {side} pixels has no middle between two margins of {margin}, "
                f"which is as far as {upscaler.name} looks; give a tile of {4 * margin} or more."
                if settings.overlap is None
                else f"{name}: a tile of {side} pixels has no middle between two overlaps of "
                f"{margin}; give a larger tile or a smaller overlap."
            )
    return (sides[0], sides[1]), margin


def _spans(length: int, side: int, margin: int, scale: int) -> Iterator[tuple[slice, ...]]:
    """Cover an axis with tiles of one length whose kept parts join without a gap."""
    start = kept = 0
    while True:
        last = start + side >= length
        start = length - side if last else start
        end = length if last else start + side - margin
        yield (
            slice(start, start + side),
            slice(kept, end),
            slice(scale * kept, scale * end),
            slice(scale * (kept - start), scale * (end - start)),
        )
        if last:
            return
        start, kept = start + side - 2 * margin, end


# --- through the network -------------------------------------------------------------------------


def _batches(tiles: list[Tile], size: int) -> Iterator[list[Tile]]:
    rest = iter(tiles)
    while batch := list(islice(rest, size)):
        yield batch


def _answer(
    upscaler: Upscaler, image: np.ndarray, batch: list[Tile], values: ValueRange, size: int
) -> np.ndarray:
    """Upscale a batch padded to ``size``: every backend then compiles one shape only."""
    parts = [values.to_network(image[tile.whole]) for tile in batch]
    padded = np.zeros((size, *parts[0].shape), np.float32)
    padded[: len(parts)] = parts
    answer = upscaler.answer(padded)
    expected = (size, *(upscaler.scale * n for n in padded.shape[1:3]), upscaler.bands)
    if answer.shape != expected:
        raise LenszooError(
            f"{upscaler.name} made {answer.shape[1:]} of a tile of {padded.shape[1:]}, not "
            f"{expected[1:]}; give a tile whose sides it can divide."
        )
    return answer[: len(batch)]


def _finish(
    inner: np.ndarray,
    image: np.ndarray,
    bad: np.ndarray | None,
    values: ValueRange,
    settings: Settings,
    out: np.ndarray,
) -> None:
    """Bring a part of the answer back to the image's units, and write it into the result."""
    height, width, bands = image.shape
    scale = inner.shape[0] // height
    # (H, scale, W, scale, bands): axes 1 and 3 run within the block of one input pixel.
    blocks = values.to_image(inner).reshape(height, scale, width, scale, bands)
    if settings.conserve_flux:
        blocks += image[:, None, :, None] - blocks.mean((1, 3), keepdims=True)
    if settings.flux == "per_pixel":
        blocks /= scale**2
    if bad is not None:
        blocks[np.broadcast_to(bad[:, None, :, None], blocks.shape)] = np.nan
    with np.errstate(over="ignore"):
        out[...] = blocks.reshape(inner.shape)
