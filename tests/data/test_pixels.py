import numpy as np
import pytest
from astropy.io import fits
from oneline import one_line
from tinysky import make_wcs
from tinytile import DEC, RA, SHAPE, write_tile

from lenszoo.data import read_image
from lenszoo.data.grids import read_grid
from lenszoo.data.pixels import MaskedPixels, Pixels


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


@pytest.mark.parametrize("ending", [".fits", ".fits.gz", ".fits.fz"])
def test_weights_and_flags_mask_pixels(tmp_path, ending):
    image = np.random.default_rng(0).normal(0, 1, (40, 40)).astype(np.float32)
    weight, flags = np.ones((40, 40), np.float32), np.zeros((40, 40), np.uint16)
    weight[3, 4], weight[5, 6] = 0, np.nan
    flags[10, 11], flags[12, 13] = 2, 2**15 + 4
    grids = []
    for name, array in (("image", image), ("weight", weight), ("flags", flags)):
        path, header = tmp_path / f"{name}{ending}", make_wcs(RA, DEC, (40, 40)).to_header()
        if ending.endswith("fz"):
            hdu = fits.CompImageHDU(array, header, compression_type="GZIP_1", quantize_level=0)
            fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
        else:
            fits.writeto(path, array, header)
        grids.append(read_grid(str(path)))
    at = np.array([-2]), np.array([0]), (40, 40)  # the first two columns lie outside

    def bad(**options):
        pixels = MaskedPixels(grids[0], **{"weight_map": None, "mask": None} | options)
        planes = pixels.cutouts(*at)[0]
        pixels.close()
        assert np.isnan(planes[:, :2]).all()
        np.testing.assert_array_equal(
            planes[:, 2:][np.isfinite(planes[:, 2:])], image[:, :38][np.isfinite(planes[:, 2:])]
        )
        return [tuple(map(int, place)) for place in np.argwhere(np.isnan(planes[:, 2:]))]

    assert bad(weight_map=grids[1]) == [(3, 4), (5, 6)]
    assert bad(mask=grids[2]) == [(10, 11), (12, 13)]
    assert bad(mask=grids[2], mask_bits=4) == bad(mask=grids[2], mask_bits=2**15) == [(12, 13)]
    assert bad(mask=grids[2], mask_bits=8) == []
    assert len(bad(mask=grids[2], weight_map=grids[1])) == 4
    floats = flags.astype(np.float32)
    floats[20, 21], floats[22, 23] = 0.5, np.nan  # no flags: masked whatever is asked for
    fits.writeto(tmp_path / "floats.fits", floats)
    grids.append(read_grid(str(tmp_path / "floats.fits"), coordinates=False))
    assert bad(mask=grids[3], mask_bits=2) == [(10, 11), (20, 21), (22, 23)]
    assert bad(mask=grids[3], mask_bits=8) == [(20, 21), (22, 23)]


@pytest.mark.parametrize("ending", [".fits", ".fits.gz", ".fits.fz"])
def test_a_plane_of_a_cube_is_an_image(tmp_path, ending):
    cube = np.random.default_rng(0).normal(0, 1, (3, 30, 40)).astype(np.float32)
    path, header = tmp_path / f"cube{ending}", make_wcs(RA, DEC, (30, 40)).to_header()
    if ending.endswith("fz"):
        hdu = fits.CompImageHDU(cube, header, compression_type="GZIP_1", quantize_level=0)
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    else:
        fits.writeto(path, cube, header)
    one_line("is not one image", lambda: read_grid(str(path)))
    grid = read_grid(str(path), cube=True)
    assert grid.planes == 3 and grid.shape == (30, 40)
    for plane in range(3):
        pixels = Pixels(grid.at(plane))
        section = pixels.cutouts(np.array([5]), np.array([6]), (8, 8))[0]
        pixels.close()
        np.testing.assert_array_equal(section, cube[plane, 6:14, 5:13])
