import numpy as np
import pytest
from PIL import Image

from lenszoo.data import read_image
from lenszoo.data.formats import is_image_file
from lenszoo.errors import LenszooError

RNG = np.random.default_rng(0)
EXACT = {
    "uint8": RNG.integers(0, 256, (5, 7), np.uint8),
    "uint16": RNG.integers(0, 65536, (5, 7), np.uint16),
    "float32": RNG.normal(size=(5, 7)).astype(np.float32),
    "colour": RNG.integers(0, 256, (5, 7, 3), np.uint8),
}
WIDE = {
    "16-bit colour": RNG.integers(0, 65536, (5, 7, 3), np.uint16),
    "four bands": RNG.normal(size=(4, 5, 7)).astype(np.float32),
    "float64": RNG.normal(size=(5, 7)),
}


def expected(array):
    image = array[..., None] if array.ndim == 2 else array
    image = np.moveaxis(image, 0, -1) if image.shape[0] == 4 else image
    scale = np.iinfo(array.dtype).max if array.dtype.kind == "u" else 1
    return image.astype(np.float32) / np.float32(scale)


@pytest.mark.parametrize("kind", EXACT)
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_pillow_reads_what_it_keeps_exactly(kind, compression, tmp_path):
    Image.fromarray(EXACT[kind]).save(tmp_path / "a.tif", compression=compression)
    assert is_image_file("a.TIFF")
    image = read_image(tmp_path / "a.tif")
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, expected(EXACT[kind]))


@pytest.mark.parametrize("kind", WIDE)
def test_wide_files_are_read_exactly_or_refused(kind, tmp_path, monkeypatch):
    tifffile = pytest.importorskip("tifffile")
    photometric = "rgb" if kind == "16-bit colour" else "minisblack"
    tifffile.imwrite(
        tmp_path / "a.tif", WIDE[kind], photometric=photometric,
        planarconfig="separate" if kind == "four bands" else None,
    )  # fmt: skip
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), expected(WIDE[kind]))
    monkeypatch.setitem(__import__("sys").modules, "tifffile", None)
    with pytest.raises(LenszooError, match="pip install tifffile"):
        read_image(tmp_path / "a.tif")


def test_what_is_no_single_tiff_is_refused_in_one_line(tmp_path):
    page = Image.fromarray(EXACT["uint8"])
    page.save(tmp_path / "pages.tif", save_all=True, append_images=[page])
    page.save(tmp_path / "png.tif", format="PNG")
    page.save(tmp_path / "cut.tif")
    (tmp_path / "cut.tif").write_bytes((tmp_path / "cut.tif").read_bytes()[:60])
    Image.new("1", (8000, 8000)).save(tmp_path / "bomb.tif", compression="group4")
    for name, message in (
        ("pages.tif", "holds 2 pages"),
        ("png.tif", "TIFF"),
        ("cut.tif", "TIFF"),
        ("bomb.tif", "decompression bomb"),
        ("gone.tif", "no such file"),
    ):
        with pytest.raises(LenszooError, match=message) as caught:
            read_image(tmp_path / name)
        assert name in str(caught.value) and "\n" not in str(caught.value)


def test_palettes_alpha_and_inverted_grey_are_read_as_they_look(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    places = np.tile(np.uint8([0, 1]), (5, 2))
    picture = Image.fromarray(places, "P")
    picture.putpalette([0, 0, 0, 255, 255, 255])
    picture.save(tmp_path / "p.tif")
    found = read_image(tmp_path / "p.tif")
    np.testing.assert_array_equal(found, np.repeat(places[..., None], 3, axis=2))
    colour = np.arange(96, dtype=np.uint8).reshape(6, 4, 4)
    Image.fromarray(colour, "RGBA").save(tmp_path / "a.tif")
    wide = colour.astype(np.uint16) * 257
    options = {"photometric": "rgb", "extrasamples": ["unassalpha"]}
    tifffile.imwrite(tmp_path / "b.tif", wide, **options)
    for name in "ab":
        found = read_image(tmp_path / f"{name}.tif")
        np.testing.assert_allclose(found, colour[..., :3] / 255, rtol=1e-6)
    grey = np.tile(np.uint8([200, 10]), (5, 2))
    for kind in (np.uint8, np.uint16):
        values = grey.astype(kind) * kind(257 if kind is np.uint16 else 1)
        tifffile.imwrite(tmp_path / "w.tif", values, photometric="miniswhite")
        found = read_image(tmp_path / "w.tif")[..., 0]
        np.testing.assert_allclose(found, 1 - grey / 255, rtol=1e-6)
