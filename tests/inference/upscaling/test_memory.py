"""Images come back as an array where no output is named."""

import numpy as np
import pyarrow as pa
import pytest
from astropy.io import fits
from oneline import one_line
from tinyupscaler import tiny_upscaler

from lenszoo.data import Dataset, DatasetIndex
from lenszoo.data.cutting import Cut
from lenszoo.data.listing import ImageTable
from lenszoo.inference.upscaling import open_upscaler, upscale, upscale_array
from lenszoo.simulation import sample


@pytest.fixture(scope="module")
def tiny():
    return open_upscaler(tiny_upscaler())


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((3, 12, 14, 1), dtype=np.float32)


@pytest.fixture(scope="module")
def fine(tiny, images):
    return np.stack([upscale_array(tiny, image) for image in images])


def test_arrays_and_data_sets_become_one_array(tiny, images, fine):
    dataset = Dataset(("a", "b", "c"), images)
    for inputs in (images, images[..., 0], list(images), dataset):
        answer = upscale(tiny, inputs)
        assert answer.dtype == np.float32
        np.testing.assert_array_equal(answer, fine)
    np.testing.assert_array_equal(upscale(tiny, images[0]), fine[:1])  # one image of one band
    pairs = sample("sr_75_150", 1, seed=4)
    assert upscale(tiny, pairs).shape == pairs.targets.shape


def test_files_tables_and_parts_of_files_do_so_too(tiny, images, fine, tmp_path):
    np.save(tmp_path / "stack.npy", images)
    (tmp_path / "images").mkdir()
    files = [tmp_path / "images" / f"{name}.npy" for name in "abc"]
    for file, image in zip(files, images, strict=True):
        np.save(file, image)
    (tmp_path / "table.csv").write_text("file\nimages/a.npy\nimages/b.npy\nimages/c.npy\n")
    stack = tmp_path / "stack.npy"
    for inputs in (tmp_path / "images", files, stack, DatasetIndex.from_stack(stack)):
        np.testing.assert_array_equal(upscale(tiny, inputs), fine)
    answer = upscale(tiny, tmp_path / "table.csv", path_column="file")
    np.testing.assert_array_equal(answer, fine)
    np.save(tmp_path / "wide.npy", np.pad(images[0, ..., 0], 20, mode="edge"))
    table = pa.table({"path": [str(tmp_path / "wide.npy")], "x": [26], "y": [26]})
    assert upscale(tiny, ImageTable(table, cut=Cut(8))).shape == (1, 16, 16, 1)


def test_options_progress_and_bad_pixels_are_those_of_one_image(tiny, images):
    holed, told = images.copy(), []
    holed[1, 3, 4] = np.nan
    options = {"scaling": (0.0, 3.0), "flux": "per_pixel"}
    answer = upscale(tiny, holed, **options, progress=lambda *each: told.append(each))
    for image, one in zip(holed, answer, strict=True):
        np.testing.assert_array_equal(one, upscale_array(tiny, image, **options))
    assert np.isnan(answer[1, 6:8, 8:10]).all() and np.isfinite(answer[[0, 2]]).all()
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_what_one_array_cannot_hold_is_refused(tiny, images, tmp_path):
    np.save(tmp_path / "a.npy", images[0])
    np.save(tmp_path / "b.npy", images[0, :10])
    one_line(
        "b.npy: 10 x 14 pixels, but the first image has 12 x 14; images of several sizes",
        lambda: upscale(tiny, tmp_path),
    )
    one_line("pixels go beyond float32", lambda: upscale(tiny, np.full((2, 8, 8, 1), 1e300)))
    one_line("a table alone", lambda: upscale(tiny, Dataset(("a",), table=np.ones((1, 2)))))


@pytest.mark.parametrize(
    "option",
    [{"overwrite": True}, {"skip_existing": True}, {"png_out": "png"}, {"on_error": "skip"},
     {"hdu": 0}],
)  # fmt: skip
def test_options_of_written_files_are_refused(tiny, images, option):
    one_line(f"{next(iter(option))}= is for files", lambda: upscale(tiny, images, **option))


def test_a_unit_per_area_is_not_flux_per_pixel(tiny, images, tmp_path):
    plane, header = images[0, ..., 0], fits.Header({"BUNIT": "MJy/sr"})
    fits.writeto(tmp_path / "a.fits", plane, header)
    assert upscale(tiny, tmp_path / "a.fits").shape == (1, 24, 28, 1)
    table = pa.table({"path": [str(tmp_path / "a.fits")], "x": [6], "y": [6]})
    for inputs in (tmp_path / "a.fits", ImageTable(table, cut=Cut(8))):
        one_line(
            "a.fits: its pixels are MJy/sr", lambda i=inputs: upscale(tiny, i, flux="per_pixel")
        )


def test_images_in_memory_are_not_written_to_files(tiny, images, tmp_path):
    for inputs in (images, list(images), Dataset(("a", "b", "c"), images)):
        one_line("leave it out", lambda i=inputs: upscale(tiny, i, tmp_path / "out"))
    assert not list(tmp_path.iterdir())
