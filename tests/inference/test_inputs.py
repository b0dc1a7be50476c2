from pathlib import Path

import numpy as np
import pytest
from astropy import units
from oneline import one_line
from PIL import Image
from tinyzoo import NAME, SIZE

from lenszoo.errors import LenszooError
from lenszoo.inference import predict
from lenszoo.inference.inputs import Fit, Images, as_plain
from lenszoo.simulation import sample


def fit(size=6, bands=1, **options):
    return Fit((size, size, bands), "the model", **options)


def noise(*shape):
    return np.random.default_rng(0).random(shape).astype(np.float32)


def read(array, fit):
    return Images(array, fit).read(0).image


@pytest.mark.parametrize("shape", [(4,), (4, 4), (0, 4, 4, 1), (2, 2, 4, 4, 1)])
def test_arrays_that_are_no_stack_of_images(shape):
    one_line("images, height, width, bands", lambda: Images(np.zeros(shape), fit()))
    one_line("give numbers", lambda: Images(np.full((2, 4, 4, 1), "a"), fit()))


@pytest.mark.parametrize(
    ("shape", "bands", "remedy"),
    [((6, 6), 1, "image[None, ..., None]"), ((6, 6, 2), 2, "image[None]")],
)
def test_one_image_as_an_array_is_told_how_to_be_a_stack(shape, bands, remedy):
    one_line(f"bands): for one image {remedy}.", lambda: Images(noise(*shape), fit(bands=bands)))
    stack = noise(*shape)[None, ..., None] if bands == 1 else noise(*shape)[None]
    assert len(Images(stack, fit(bands=bands))) == 1


class Tensor:
    """What NumPy sees of a tensor of any library."""

    def __init__(self, array):
        self._array, self.shape, self.dtype = array, array.shape, array.dtype

    def __array__(self, dtype=None, copy=None):
        return self._array


def test_what_holds_images_in_memory_is_an_array():
    stack = noise(3, 6, 6, 1)
    for given in (Tensor(stack), list(stack), tuple(map(Tensor, stack)), iter(stack)):
        np.testing.assert_array_equal(as_plain(given), stack)
    sky = sample("common_test_sim", 2, seed=0)
    assert as_plain(sky) is sky.images
    assert as_plain(np.array(["a.npy", "b.npy"])) == ["a.npy", "b.npy"]
    assert as_plain(Path(name) for name in "ab") == [Path("a"), Path("b")]
    one_line(
        "Images of one size are needed, not [(4, 4), (6, 6",
        lambda: as_plain([noise(6, 6), noise(4, 4)]),
    )


def test_one_image_is_one_and_bands_belong_last():
    image = noise(6, 6, 1)
    np.testing.assert_array_equal(read(image, fit()), image)
    one_line("bands first; they belong last: np.moveaxis", lambda: read(noise(2, 1, 6, 6), fit()))


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (None, "NoneType"),
        (7, "int"),
        ([1, 2], "list with a int"),
        ({"a": 1}, "dict"),
        ([], "no files"),
    ],
)
def test_what_holds_no_images_is_one_line(given, kind):
    with pytest.raises(LenszooError, match=kind):
        predict(NAME, given)


def test_another_size_is_refused_and_resize_offered():
    with pytest.raises(LenszooError, match=r"image 0: 8 x 8 pixels, but the model takes 6 x 6; .*"):
        read(noise(1, 8, 8, 1), fit())


@pytest.mark.parametrize("size", [3, 6, 8, 12, 31])
def test_resize_keeps_a_plane_and_the_mean(size):
    """Bilinear interpolation reproduces a linear function, away from the edges."""
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    image = np.stack([0.2 * x + 0.5 * y, noise(size, size)], axis=2).astype(np.float32)
    out = read(image[None], fit(bands=2, resize=True))
    assert out.shape == (6, 6, 2) and out.dtype == np.float32
    yy, xx = (np.mgrid[:6, :6] + 0.5) / 6
    inner = np.s_[2:4, 2:4] if size < 6 else np.s_[1:5, 1:5]
    np.testing.assert_allclose(out[..., 0][inner], (0.2 * xx + 0.5 * yy)[inner], atol=2e-3)
    if size == 12:  # a whole step: every pixel counts alike
        assert abs(out[..., 1].mean() - image[..., 1].mean()) < 0.03


def test_resize_leaves_images_of_the_right_size_alone():
    image = noise(1, 6, 6, 1)
    np.testing.assert_array_equal(read(image, fit(resize=True)), image[0])


def test_bands_are_chosen_in_order_and_checked():
    image = noise(1, 6, 6, 3)
    np.testing.assert_array_equal(
        read(image, Fit((6, 6, 2), "m", bands=(2, 0))),
        image[0][..., [2, 0]],
    )
    one_line("3 bands, but the model takes 1; choose 1 of 0 to", lambda: read(image, fit()))
    few = "3 bands, but m takes 4; give images of 4 bands, or take weights for 3."
    one_line(few, lambda: read(image, Fit((6, 6, 4), "m")))
    chosen = "1 band, but m takes 3; choose 3 of 0 to 2 with bands=."
    one_line(chosen, lambda: read(image, Fit((6, 6, 3), "m", bands=(0,))))
    one_line("bands 0 to 2", lambda: read(image, Fit((6, 6, 1), "m", bands=(3,))))


def test_a_model_of_any_size_takes_that_of_the_first_image(tmp_path):
    np.save(tmp_path / "a.npy", noise(7, 9))
    np.save(tmp_path / "b.npy", noise(7, 8))
    images = Images(tmp_path, Fit((None, None, 1), "the model"))
    assert images.fit.shape == (7, 9, 1)
    one_line("b.npy: 7 x 8 pixels, but the model takes 7 x 9", lambda: list(images.batches(2)))
    (tmp_path / "0.npy").write_bytes(b"broken")
    skipping = Images(tmp_path, Fit((None, None, 1), "the model", "skip"))
    (batch,) = skipping.batches(4)
    assert batch.kept.tolist() == [False, True, False] and batch.images.shape == (1, 7, 9, 1)


def test_a_colour_picture_needs_a_band_named(zoo, tmp_path):
    pixels = (noise(SIZE, SIZE, 3) * 255).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "rgb.png")
    with pytest.raises(LenszooError, match=rf"rgb\.png: 3 bands, but {NAME} takes 1"):
        predict(NAME, tmp_path)
    green = predict(NAME, tmp_path, bands=[1])
    grey = predict(NAME, (pixels[None, ..., 1:2] / 255).astype(np.float32))
    assert green["logit_no"][0].as_py() == pytest.approx(grey["logit_no"][0].as_py(), abs=1e-4)


def test_masked_pixels_are_bad_pixels(zoo, stack):
    images = stack[0][:3]
    masked = np.ma.MaskedArray(images, np.zeros(images.shape, bool))
    masked[1, 4:6, 5] = np.ma.masked
    with pytest.raises(LenszooError, match=r"image 1: .*NaN"):
        predict(zoo.run, masked)
    table = predict(zoo.run, masked, on_bad="zero")
    assert table["bad_pixels"].to_pylist() == [0, 2, 0]
    holes = images.copy()
    holes[1, 4:6, 5] = 0.0
    np.testing.assert_allclose(table["prob_no"], predict(zoo.run, holes)["prob_no"], atol=1e-6)


def test_a_pipeline_and_an_array_with_a_unit_answer_as_their_values(opened, stack, caplog):
    images, labels = stack[0][:9], stack[1][:9]
    expected = predict(opened, images)["logit_no"]
    tf = pytest.importorskip("tensorflow")
    slices = tf.data.Dataset.from_tensor_slices
    for pipeline in (slices(images), slices(images).batch(4), slices((images, labels)).batch(4)):
        np.testing.assert_allclose(predict(opened, pipeline)["logit_no"], expected, atol=1e-6)
    assert not caplog.text
    table = predict(opened, images * units.nJy)
    np.testing.assert_allclose(table["logit_no"], expected, atol=1e-6)
    assert "The array's unit, nJy, is not converted" in caplog.text
    for pipeline, message in (
        (slices(images).repeat(), "repeats without end"),
        (slices(images).take(0), "is empty"),
        (slices({"a": images}), "images .* are needed"),
    ):
        with pytest.raises(LenszooError, match=message):
            predict(opened, pipeline)
