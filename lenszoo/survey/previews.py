"""Previews of candidates: small JPEG pictures in a column of their table."""

import io
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from lenszoo.errors import LenszooError
from lenszoo.reporting.colour import colour_image
from lenszoo.survey.reading import read_batches
from lenszoo.survey.ready_cutouts import PixelSource, ReadyCutouts
from lenszoo.survey.settings import Settings

PREVIEW = "preview"
_SIDE = 128  # pixels of the shorter side, at least
_QUALITY = 85


def with_previews(
    table: pa.Table,
    pixels: Sequence[PixelSource],
    shape: tuple[int, int, int],
    settings: Settings,
) -> pa.Table:
    """Add the column ``preview`` of JPEG pictures to candidates; null where there are no pixels.

    The pictures show the cutouts that the weights looked at, in the colours of
    :func:`lenszoo.reporting.colour.colour_image`, enlarged by whole numbers.

    Args:
        table: candidates with ``ra``, ``dec`` and ``tile``, or with ``path``.
        pixels: all tiles, or the one stack or folder of cutouts.
        shape: (H, W, bands) of the cutouts.
        settings: of the search.
    """
    pictures: list[bytes | None] = [None] * len(table)
    for source, rows in _by_source(table, pixels):
        try:
            for batch in read_batches(source, table.take(pa.array(rows)), shape, settings):
                chosen = rows[batch.rows[batch.kept]].tolist()
                for row, image in zip(chosen, batch.images, strict=True):  # type: ignore[arg-type]
                    pictures[row] = jpeg(image, settings.bands)
        except LenszooError:  # the scores tell
            continue
    return table.append_column(PREVIEW, pa.array(pictures, pa.binary()))


def _by_source(
    table: pa.Table, pixels: Sequence[PixelSource]
) -> list[tuple[PixelSource, np.ndarray]]:
    """Return each source with the rows of its candidates."""
    if isinstance(pixels[0], ReadyCutouts):
        return [(pixels[0], np.arange(len(table)))]
    by_name = {one.name: one for one in pixels if not isinstance(one, ReadyCutouts)}
    names = np.array(table["tile"].to_pylist(), object)
    return [(by_name[name], np.flatnonzero(names == name)) for name in dict.fromkeys(names)]


def jpeg(image: np.ndarray, bands: Sequence[str]) -> bytes:
    """Draw an image (H, W, bands) as a JPEG picture."""
    from PIL import Image

    colours = np.round(colour_image(image, bands) * 255).astype(np.uint8)
    times = -(-_SIDE // min(colours.shape[:2]))
    picture = Image.fromarray(colours.repeat(times, axis=0).repeat(times, axis=1))
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=_QUALITY)
    return content.getvalue()
