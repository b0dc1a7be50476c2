"""A tile of noise on disk, positions on it, and its grids."""

import numpy as np
from tinysky import make_wcs, write_image

from lenszoo.data.grids import read_grid
from lenszoo.survey.footprints import Tile

SHAPE = (200, 230)
RA, DEC = 150.0, 2.0


def positions(count=60, spread=0.0055, seed=3):
    rng = np.random.default_rng(seed)
    return RA + rng.uniform(-spread, spread, count), DEC + rng.uniform(-spread, spread, count)


def write_tile(folder, ending=".fits", dtype=np.float32, **options):
    wcs = make_wcs(RA, DEC, SHAPE, **options)
    image = np.random.default_rng(0).normal(0, 50, SHAPE).astype(dtype)
    write_image(folder / f"image{ending}", image, wcs)
    return folder / f"image{ending}", wcs


def tile_of(*paths, zero_points=None):
    grids = tuple(read_grid(str(path)) for path in paths)
    return Tile("a", grids, zero_points or (None,) * len(grids))
