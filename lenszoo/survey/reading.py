"""Cutouts of the objects of a part, batch by batch: cut from a tile, or read from their files."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pyarrow as pa

from lenszoo.data.adjust import adjust_cutout
from lenszoo.data.checks import apply_policy
from lenszoo.data.dataset import Dataset
from lenszoo.data.readers import ImageFiles
from lenszoo.data.sky import subtract_sky
from lenszoo.inference.inputs import Batch, Fit, Images
from lenszoo.inference.preparing import Preparation
from lenszoo.survey.cutout_parts import PATH
from lenszoo.survey.cutouts import TileCutter
from lenszoo.survey.footprints import Tile
from lenszoo.survey.ready_cutouts import PixelSource, ReadyCutouts
from lenszoo.survey.settings import Settings

BAD = "NaN, infinite or constant pixels"
"""Error of a cutout that the policy for bad pixels passes over."""


def read_batches(
    source: PixelSource, objects: pa.Table, shape: tuple[int, int, int], settings: Settings
) -> Iterator[Batch]:
    """Yield the cutouts of objects, the next batch being read while one is in use.

    Args:
        source: a tile, or cutouts that are made already.
        objects: of the plan.
        shape: (H, W, bands) that the weights take.
        settings: of the search.

    Raises:
        LenszooError: the tile or the stack cannot be read.
    """
    if not len(objects):
        return
    if isinstance(source, ReadyCutouts):
        images = as_images(source, objects, shape, settings)
        yield from images.batches(settings.batch_size)
    else:
        yield from _cut(source, objects, shape, settings)


def as_images(
    cutouts: ReadyCutouts,
    objects: pa.Table,
    shape: tuple[int, int, int],
    settings: Settings,
    strict: bool = False,
) -> Images:
    """Return the cutouts of objects as the inputs of a prediction.

    Args:
        cutouts, objects, shape, settings: as for :func:`read_batches`.
        strict: refuse files that cannot be read or do not fit, which else give no answer.
    """
    paths: list[Any] = list(cutouts.images(objects[PATH].to_pylist()))
    mask = settings.mask_value
    files = ImageFiles(paths, None if mask is None else partial(adjust_cutout, mask_value=mask))
    fit = fit_of(shape, settings, strict)
    return Images(Dataset(tuple(objects["id"].to_pylist()), files=files), fit)


def fit_of(shape: tuple[int, int, int], settings: Settings, strict: bool = False) -> Fit:
    """Return how cutouts that are made already are made to fit; see :func:`as_images`."""
    preparation = Preparation(
        crop=settings.crop, sky=settings.sky, zero_point=settings.zero_point,
        scaling=settings.scaling, any_scale=True, target=settings.target,
        reads_headers=settings.reads_headers,
    )  # fmt: skip
    return Fit(
        shape, " + ".join(settings.weights), settings.on_bad, settings.resize, settings.planes,
        preparation, passes_over=not strict,
    )  # fmt: skip


def _cut(
    tile: Tile, objects: pa.Table, shape: tuple[int, int, int], settings: Settings
) -> Iterator[Batch]:
    ra, dec = (objects[name].to_numpy() for name in ("ra", "dec"))
    step, mask = settings.batch_size, settings.mask_value
    with (
        TileCutter(tile, shape[:2], settings.pixel_scale, settings.target, mask) as cutter,
        ThreadPoolExecutor(1) as pool,
    ):
        order = cutter.order(ra, dec)
        batches = [order[i : i + step] for i in range(0, len(order), step)]
        ahead = pool.submit(cutter.cut, ra[batches[0]], dec[batches[0]])
        for rows, following in zip(batches, [*batches[1:], None], strict=True):
            images = ahead.result()
            if following is not None:
                ahead = pool.submit(cutter.cut, ra[following], dec[following])
            if settings.sky is not None:
                subtract_sky(images, settings.sky)
            kept, counts = apply_policy(images, [""] * len(rows), settings.on_bad)
            errors = [None if ok else BAD for ok in kept]
            yield Batch(rows, images[kept], kept, counts.tolist(), errors)
