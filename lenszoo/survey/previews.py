"""Previews of candidates: small JPEG pictures in a column of their table."""

import io
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from lenszoo.errors import LenszooError
from lenszoo.reporting.colour import colour_image
from lenszoo.survey.cutouts import TileCutter
from lenszoo.survey.footprints import Tile
from lenszoo.survey.scoring import Settings, prepared

PREVIEW = "preview"
_SIDE = 128  # pixels of the shorter side, at least
_QUALITY = 85


def with_previews(
    table: pa.Table, tiles: Sequence[Tile], shape: tuple[int, int], settings: Settings
) -> pa.Table:
    """Add the column ``preview`` of JPEG pictures to candidates; null where a tile cannot be read.

    The pictures show the cutouts that the weights looked at, in the colours of
    :func:`lenszoo.reporting.colour.colour_image`, enlarged by whole numbers.

    Args:
        table: candidates with ``ra``, ``dec`` and ``tile``.
        tiles: all tiles.
        shape: (H, W) of the cutouts.
        settings: of the search.
    """
    by_name = {tile.name: tile for tile in tiles}
    ra, dec = (table[name].to_numpy() for name in ("ra", "dec"))
    names = np.array(table["tile"].to_pylist(), object)
    pictures: list[bytes | None] = [None] * len(table)
    for name in dict.fromkeys(names.tolist()):
        rows = np.flatnonzero(names == name)
        try:
            with TileCutter(by_name[name], shape, settings.pixel_scale, settings.target) as cutter:
                images = prepared(cutter.cut(ra[rows], dec[rows]), settings)
        except LenszooError:  # the scores tell
            continue
        for row, image in zip(rows.tolist(), images, strict=True):
            pictures[row] = jpeg(image, settings.bands)
    return table.append_column(PREVIEW, pa.array(pictures, pa.binary()))


def jpeg(image: np.ndarray, bands: Sequence[str]) -> bytes:
    """Draw an image (H, W, bands) as a JPEG picture."""
    from PIL import Image

    colours = np.round(colour_image(image, bands) * 255).astype(np.uint8)
    times = -(-_SIDE // min(colours.shape[:2]))
    picture = Image.fromarray(colours.repeat(times, axis=0).repeat(times, axis=1))
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=_QUALITY)
    return content.getvalue()
