"""Bad pixels: what counts as bad, and the three policies."""

from pathlib import Path

import numpy as np
import pytest
from oneline import one_line

from lenszoo.data import Dataset, DatasetIndex, count_bad_pixels, read_images
from lenszoo.data.aligned import aligned_take
from lenszoo.data.checks import apply_policy, row_numbers
from lenszoo.data.readers import ImageFiles
from lenszoo.errors import LenszooError


def _images(bands: int = 1) -> np.ndarray:
    return np.random.default_rng(0).random((6, 5, 4, bands)).astype(np.float32)


NAMES = [f"{i}.npy" for i in range(6)]


def test_sound_images_are_left_as_they_are():
    images = _images(3)
    before = images.copy()
    for policy in ("raise", "zero", "skip"):
        keep, counts = apply_policy(images, NAMES, policy)
        assert keep.all()
        assert not counts.any()
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("bands", [1, 3])
def test_counts(bands):
    images = _images(bands)
    images[0, 1, 1, 0] = np.nan
    images[1, :2, 0, 0] = [np.inf, -np.inf]
    images[2, ..., 0] = 0.25
    images[3] = np.nan
    images[4, ..., 0] = 0.25
    images[4, 0, 0, 0] = np.nan  # one NaN does not make a constant band vary
    assert count_bad_pixels(images).tolist() == [1, 2, 20, 20 * bands, 20, 0]


@pytest.mark.parametrize(
    ("value", "message"),
    [(np.nan, "1 NaN and 0 infinite of 20 pixels"), (np.inf, "0 NaN and 1 infinite")],
)
def test_raise_names_the_file_and_the_remedy(value, message):
    images = _images()
    images[4, 0, 0] = value
    with pytest.raises(LenszooError) as caught:
        apply_policy(images, NAMES, "raise")
    assert str(caught.value).startswith(f"4.npy: {message}")
    assert "on_bad='zero'" in str(caught.value)


def test_raise_on_constant_image_and_band():
    images = _images()
    images[1] = 0.5
    one_line(
        "1.npy: the image is constant (every pixel 0.5)",
        lambda: apply_policy(images, NAMES, "raise"),
    )
    images = _images(3)
    images[2, ..., 1] = 0
    one_line("2.npy: band 2 is constant", lambda: apply_policy(images, NAMES, "raise"))


def test_zero_mends_bad_pixels_only():
    images = _images(2)
    images[0, 1, 1, 0] = np.nan
    images[2, ..., 1] = 7
    before = images.copy()
    keep, counts = apply_policy(images, NAMES, "zero")
    assert keep.all()
    assert counts.tolist() == [1, 0, 20, 0, 0, 0]
    before[0, 1, 1, 0] = 0
    before[2, ..., 1] = 0
    np.testing.assert_array_equal(images, before)


def test_fill_takes_the_median_of_the_band():
    images = _images(2)
    images[0, 1, 1, 0] = np.nan
    images[0, 2, 2, 1] = -np.inf
    images[2, ..., 1] = 7
    images[3, ..., 0] = np.nan
    before = images.copy()
    keep, counts = apply_policy(images, NAMES, "fill")
    assert keep.all()
    assert counts.tolist() == [2, 0, 20, 20, 0, 0]
    for pixel in ((1, 1, 0), (2, 2, 1)):
        band = before[0, ..., pixel[2]]
        assert images[0][pixel] == np.median(band[np.isfinite(band)])
    assert not images[3, ..., 0].any()  # nothing to take a median of
    assert (images[2, ..., 1] == 7).all()  # nothing to fill
    np.testing.assert_array_equal(images[[1, 4, 5]], before[[1, 4, 5]])


def test_unknown_policy_lists_the_legal_ones():
    one_line("raise, skip, zero", lambda: apply_policy(_images(), NAMES, "drop"))


@pytest.fixture
def files(tmp_path):
    images = _images().astype(np.float64)
    images[1, 0, 0] = np.nan
    images[4] = 3
    paths = [tmp_path / name for name in NAMES]
    for path, image in zip(paths, images, strict=True):
        np.save(path, image)
    return paths


def test_policies_on_files(files):
    one_line("1.npy: 1 NaN", lambda: read_images(files))
    images, kept, bad = read_images(files, on_bad="zero")
    assert kept.tolist() == [0, 1, 2, 3, 4, 5]
    assert bad.tolist() == [0, 1, 0, 0, 20, 0]
    assert np.isfinite(images).all()
    assert not images[4].any()
    images, kept, bad = read_images(files, on_bad="skip")
    assert kept.tolist() == [0, 2, 3, 5]
    assert bad.tolist() == [0, 1, 0, 0, 20, 0]
    np.testing.assert_array_equal(images[3], np.load(files[5]).astype(np.float32))


def test_files_that_cannot_be_read_are_skipped_too(files, caplog):
    for i in (0, 3):
        files[i].write_bytes(files[i].read_bytes()[:100])
    one_line("0.npy", lambda: read_images(files, on_bad="fill"))
    images, kept, bad = read_images(files, on_bad="skip", sky="median")
    assert kept.tolist() == [2, 5] and len(images) == 2
    assert bad.tolist() == [0, 1, 0, 0, 20, 0]
    assert "2 of 6 files were left out; the first: " in caplog.text and "0.npy" in caplog.text
    one_line("3.npy", lambda: read_images([files[0], files[3]], on_bad="skip"))
    np.save(files[5], np.zeros((2, 3)))  # images of two sizes are no damage: which is meant?
    one_line(
        "all images of a dataset must have one size", lambda: read_images(files, on_bad="skip")
    )


def test_all_skipped(files):
    one_line("All 2 images", lambda: read_images([files[1], files[4]], on_bad="skip"))


def test_rows_are_positions_or_a_mask():
    np.testing.assert_array_equal(row_numbers([2, 0, -1], 4, "images"), [2, 0, 3])
    np.testing.assert_array_equal(row_numbers(np.array([0, 1, 1, 0], bool), 4, "images"), [1, 2])
    assert row_numbers([], 4, "images").dtype == np.int64
    for rows, message in (
        ([True, False], "4 images are named by whole numbers or by 4 truth values, not by bool"),
        ([0.0, 2.9], "not by float64"),
        ([4], "rows must lie in 0..3 for 4 images"),
        ([-5], "rows must lie in 0..3"),
    ):
        one_line(message, lambda rows=rows: row_numbers(rows, 4, "images"))


def test_masks_choose_the_same_everywhere(tmp_path):
    images = np.arange(4 * 9, dtype=np.float32).reshape(4, 3, 3, 1)
    mask = np.array([False, False, True, True])
    ids = tuple("abcd")
    assert Dataset(ids, images).take(mask).ids == ("c", "d")
    np.testing.assert_array_equal(aligned_take(images, mask), images[2:])
    assert DatasetIndex(ids, tuple(map(Path, ids))).subset(mask).ids == ("c", "d")
    assert ImageFiles(ids).take(mask).paths == ["c", "d"]
