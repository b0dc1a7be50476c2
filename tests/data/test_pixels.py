import numpy as np
import pytest
from astropy.io import fits
from oneline import one_line
from tinysky import make_wcs
from tinytile import DEC, RA, SHAPE, write_tile

from lenszoo.data import read_image
from lenszoo.data.grids import read_grid
from lenszoo.data.pixels import Pixels


@pytest.mark.parametrize("ending", [".fits", ".fits.gz"])
def test_scaled_integers_and_blanks_are_read_as_elsewhere(tmp_path, ending):
    image = np.arange(400, dtype=np.int16).reshape(20, 20)
    header = make_wcs(RA, DEC, (20, 20)).to_header()
    hdu = fits.PrimaryHDU(image, header)
    hdu.header["BLANK"] = 7
    hdu.header["BSCALE"], hdu.header["BZERO"] = 0.5, 100.0
    hdu.writeto(tmp_path / f"a{ending}")
    pixels = Pixels(read_grid(str(tmp_path / f"a{ending}")))
    sections = pixels.cutouts(np.array([0]), np.array([0]), (20, 20))
    pixels.close()
    np.testing.assert_array_equal(sections[0], read_image(tmp_path / f"a{ending}")[..., 0])
    assert np.isnan(sections[0, 0, 7]) and sections[0, 0, 8] == 104.0


def test_a_file_that_changed_or_is_damaged_is_told_of(tmp_path):
    path, _ = write_tile(tmp_path, ".fits.fz")
    grid = read_grid(str(path))
    content = bytearray(path.read_bytes())
    path.write_bytes(content + b"\0" * 2880)
    one_line("changed", lambda: Pixels(grid))
    content[-len(content) // 3 :] = b"\xff" * len(content[-len(content) // 3 :])
    path.write_bytes(content)
    pixels = Pixels(read_grid(str(path)))
    one_line("damaged", lambda: pixels.cutouts(np.array([0]), np.array([0]), SHAPE))
