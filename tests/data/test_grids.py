import math

import numpy as np
import pytest
from astropy.io import fits
from oneline import one_line
from tinytile import DEC, RA, SHAPE, positions, write_tile

from lenszoo.data.grids import read_coordinates, read_grid, sky_to_pixels


@pytest.mark.parametrize("sip", [False, True])
def test_places_of_positions_are_those_of_astropy(tmp_path, sip):
    path, wcs = write_tile(tmp_path, sip=sip)
    grid, (ra, dec) = read_grid(str(path)), positions()
    np.testing.assert_allclose(grid.pixels(ra, dec), wcs.all_world2pix(ra, dec, 0), atol=1e-6)
    np.testing.assert_allclose(grid.sky(*grid.pixels(ra, dec)), (ra, dec), atol=1e-9)
    assert grid.shape == SHAPE and grid.scale == pytest.approx(0.2, rel=1e-3)
    cards, scale = read_coordinates(str(path), fits.getheader(path))
    assert (cards, scale) == (grid.coordinates, grid.scale)
    x, y = sky_to_pixels(cards, np.array([RA]), np.array([DEC]))
    assert (x[0], y[0]) == pytest.approx(((SHAPE[1] - 1) / 2, (SHAPE[0] - 1) / 2))


@pytest.mark.parametrize(
    ("cards", "frame"),
    [
        ({"RADESYS": "FK4", "EQUINOX": 1950.0}, "FK4"),
        ({"EQUINOX": 1950.0}, "FK4"),
        ({"RADESYS": "FK5", "EQUINOX": 1975.0}, "FK5"),
        ({"RADESYS": "FK5", "EQUINOX": 2000.0}, None),
        ({"RADESYS": "ICRS"}, None),
    ],
)
def test_positions_are_those_of_icrs(tmp_path, cards, frame):
    path, _ = write_tile(tmp_path)
    header = fits.getheader(path)
    for card in ("RADESYS", "EQUINOX"):
        header.remove(card, ignore_missing=True)
    header.update(cards)
    if frame is None:
        assert read_coordinates(str(path), header)[1] == pytest.approx(0.2, rel=1e-3)
    else:
        one_line(f"its WCS is in {frame}", lambda: read_coordinates(str(path), header))


def test_pixels_alone_need_no_coordinates(tmp_path):
    path = tmp_path / "a.fits"
    fits.writeto(path, np.zeros((6, 7), np.float32))
    one_line("no WCS", lambda: read_grid(str(path)))
    grid = read_grid(str(path), coordinates=False)
    assert grid.shape == (6, 7) and grid.coordinates == "" and math.isnan(grid.scale)
