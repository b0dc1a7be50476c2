import io

import numpy as np
import pytest
from oneline import one_line
from PIL import Image

from lenszoo.vetting.rendering import encode, placeholder, render, view_names

BANDS = ("g", "r", "i")


@pytest.fixture(scope="module")
def image():
    """A red galaxy in the middle, a blue arc above it, noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:64, :64] - 31.5
    galaxy = np.exp(-(x**2 + y**2) / 50)[..., None] * [5, 20, 40]
    arc = np.exp(-((x / 6) ** 2 + ((y - 14) / 2) ** 2))[..., None] * [8, 6, 5]
    return (galaxy + arc + rng.normal(0, 0.1, (64, 64, 3))).astype(np.float32)


def test_every_view_is_a_picture_with_the_first_row_at_the_bottom(image):
    for name, _ in view_names(BANDS, 3):
        shown = render(image, BANDS, name)
        assert shown.shape == (64, 64, 3) and shown.dtype == np.uint8
        assert shown.std() > 3
    shown = render(image, BANDS, "asinh-0")
    assert shown[17].mean() > shown[46].mean() + 5  # the arc is above


def test_the_difference_of_two_bands_shows_the_arc_without_the_galaxy(image):
    assert dict(view_names(BANDS, 3))["difference"] == "g \N{MINUS SIGN} i"
    shown = render(image, BANDS, "difference")[..., 0].astype(float)
    arc, galaxy = shown[17, 28:36].mean(), shown[30:34, 30:34].mean()
    assert arc > shown[:8].mean() + 60 and abs(galaxy - shown[:8].mean()) < 40


def test_faint_light_is_brighter_in_its_own_view(image):
    sky = image[:16] * 1.0
    colour, faint = (render(image, BANDS, v).astype(float) for v in ("colour", "faint"))
    assert sky.size and faint[17, 20:44].mean() > colour[17, 20:44].mean() + 10


def test_one_band_without_a_name_and_bad_pixels_are_shown():
    image = np.random.default_rng(0).normal(size=(16, 16, 1)).astype(np.float32)
    assert [name for name, _ in view_names((), 1)] == ["colour", "faint", "asinh-0"]
    image[3] = np.nan
    for view in ("colour", "faint", "asinh-0", "linear-0"):
        assert 90 < render(image, (), view)[12].mean() < 115  # mid-grey
    assert render(np.full((8, 8, 2), np.nan, np.float32), (), "difference").shape == (8, 8, 3)
    assert render(np.zeros((8, 8, 3), np.float32), BANDS, "colour").shape == (8, 8, 3)


@pytest.mark.parametrize("view", ["", "asinh-3", "linear-99", "../x", "difference "])
def test_an_unknown_view_is_refused(image, view):
    one_line("no view", lambda: render(image, BANDS, view))


def test_pictures_are_files_of_their_kind_and_size(image):
    shown = render(image, BANDS, "colour")
    png = Image.open(io.BytesIO(encode(shown, "png")))
    np.testing.assert_array_equal(np.asarray(png), shown)
    jpeg = Image.open(io.BytesIO(encode(shown, "jpeg", 4)))
    assert jpeg.format == "JPEG" and jpeg.size == (256, 256)
    assert len(encode(shown)) < 12_000


def test_a_placeholder_says_why_and_runs_nothing():
    svg = placeholder('<script>alert("x")</script> & \x1b[2J gone').decode()
    assert "<script" not in svg and "&lt;script" in svg and "\x1b" not in svg
    assert "No image" in svg and "gone" in svg
