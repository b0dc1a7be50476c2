import keras
import numpy as np
import pytest
from keras import ops
from scipy import ndimage

from lenszoo.data.augment import d4
from lenszoo.errors import LenszooError
from lenszoo.layers.augmentation_geometry import (
    RandomD4,
    RandomMotion,
    RandomPositionAngle,
    RandomShift,
    move,
)


def numbers(tensor):
    return ops.convert_to_numpy(tensor)


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def gaussian(size, sigma, y, x):
    """A round source of brightness 1 at (y, x), as (1, size, size, 1)."""
    rows, columns = np.mgrid[:size, :size]
    source = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * sigma**2))
    return source[None, :, :, None].astype("float32")


def centroid(image):
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(image * rows).sum(), (image * columns).sum()]) / image.sum()


def test_d4_gives_all_eight_elements_alike_often_and_no_other():
    image = noise(1, 5, 5, 2)
    n = 800
    changed = numbers(RandomD4(seed=1).augment(np.repeat(image, n, 0)))
    eight = d4(np.repeat(image, 8, 0), np.arange(8))
    equal = (changed[:, None] == eight).all(axis=(2, 3, 4))
    assert np.array_equal(equal.sum(1), np.ones(n))
    assert np.abs(equal.sum(0) - n / 8).max() < 4 * np.sqrt(n / 8 * 7 / 8)


def test_d4_keeps_broken_pixels_where_they_belong():
    image = noise(6, 4, 4, 1)
    image[:, 0, 1] = np.nan
    changed = numbers(RandomD4(seed=0).augment(image))
    assert np.isnan(changed).sum() == 6
    assert np.allclose(np.nansum(changed, (1, 2, 3)), np.nansum(image, (1, 2, 3)), atol=1e-5)


@pytest.mark.parametrize("fill", ["constant", "nearest", "reflect"])
@pytest.mark.parametrize("sides", [(10, 10), (9, 9)])
def test_rotation_by_quarters_is_rot90(fill, sides):
    images = noise(4, *sides, 3)
    turned = numbers(move(images, 90.0 * np.arange(4), np.zeros((4, 2), "float32"), fill))
    for k in range(4):
        np.testing.assert_allclose(turned[k], np.rot90(images[k], k), atol=2e-5)


@pytest.mark.parametrize("fill", ["constant", "nearest", "reflect"])
@pytest.mark.parametrize("angle", [33.0, -160.0])
def test_rotation_is_scipys(fill, angle):
    images = noise(2, 14, 17, 2)
    layer = RandomPositionAngle((angle, angle), fill=fill, fill_value=0.7)
    mode = "grid-constant" if fill == "constant" else fill
    expected = [
        ndimage.rotate(i, angle, reshape=False, order=1, mode=mode, cval=0.7, axes=(0, 1))
        for i in images.astype("float64")
    ]
    np.testing.assert_allclose(numbers(layer.augment(images)), expected, atol=3e-5)


@pytest.mark.parametrize("fill", ["constant", "nearest", "reflect"])
def test_shift_is_scipys_far_beyond_the_edge_too(fill):
    images = noise(3, 8, 11, 2)
    shifts = np.array([[0.3, -0.6], [9.25, -13.5], [-30.0, 40.75]], "float32")
    found = numbers(move(images, np.zeros(3), shifts, fill, 0.7))
    mode = "grid-constant" if fill == "constant" else fill
    for image, shift, moved in zip(images.astype("float64"), shifts, found, strict=True):
        expected = ndimage.shift(image, (*shift, 0), order=1, mode=mode, cval=0.7)
        np.testing.assert_allclose(moved, expected, atol=3e-5)


def test_rotation_there_and_back_is_close_on_a_smooth_image():
    arc = gaussian(41, 3.0, 16.0, 25.0) + 0.5 * gaussian(41, 4.0, 22.0, 15.0)
    angle, still = np.array([37.0]), np.zeros((1, 2), "float32")
    turned = numbers(move(arc, angle, still, "constant"))
    assert np.abs(turned - arc).max() > 0.5
    back = numbers(move(turned, -angle, still, "constant"))
    assert np.abs(back - arc).max() < 0.05
    assert turned.sum() == pytest.approx(arc.sum(), rel=2e-3)
    assert back.sum() == pytest.approx(arc.sum(), rel=2e-3)


def test_a_shift_by_whole_pixels_is_roll_in_the_interior():
    images = noise(2, 12, 12, 3)
    moved = numbers(RandomShift((2.0, 2.0)).augment(images))
    expected = np.roll(images, (2, 2), axis=(1, 2))
    np.testing.assert_allclose(moved[:, 2:, 2:], expected[:, 2:, 2:], atol=1e-5)
    # what enters is the mirror image of the edge
    np.testing.assert_allclose(moved[:, 1, 2:], images[:, 0, :-2], atol=1e-5)
    np.testing.assert_allclose(moved[:, 0, 2:], images[:, 1, :-2], atol=1e-5)


def test_a_shift_by_parts_of_a_pixel_is_the_shifted_gaussian():
    sigma, shift = 4.0, np.array([[0.5, -1.3]], "float32")
    source = gaussian(49, sigma, 23.0, 25.0)
    moved = numbers(move(source, np.zeros(1), shift, "constant"))
    expected = gaussian(49, sigma, 23.5, 23.7)
    bound = 2 * (1 / 8) / sigma**2  # of linear interpolation: h^2 / 8 max|f''| for each axis
    assert np.abs(moved - expected).max() < bound
    assert np.abs(moved - source).max() > 6 * bound
    assert centroid(moved[0, :, :, 0]) == pytest.approx([23.5, 23.7], abs=1e-3)
    assert moved.sum() == pytest.approx(source.sum(), rel=1e-4)


def test_draws_fill_their_range_and_differ_from_image_to_image():
    sources = np.repeat(gaussian(31, 3.0, 15.0, 15.0), 300, 0)
    moved = numbers(RandomShift(2.0, seed=3).augment(sources))
    offsets = np.array([centroid(image[:, :, 0]) for image in moved]) - 15
    assert np.abs(offsets).max() < 2.01
    assert offsets.min(0) == pytest.approx([-2, -2], abs=0.1)
    assert offsets.max(0) == pytest.approx([2, 2], abs=0.1)
    assert len(np.unique(offsets.round(4), axis=0)) == 300
    assert abs(np.corrcoef(offsets.T)[0, 1]) < 0.2
    beside = np.repeat(gaussian(31, 2.0, 15.0, 22.0), 300, 0)
    turned = numbers(RandomPositionAngle((10.0, 60.0), seed=4).augment(beside))
    ends = np.array([centroid(image[:, :, 0]) for image in turned]) - 15
    angles = np.degrees(np.arctan2(-ends[:, 0], ends[:, 1]))  # counter-clockwise with rows down
    assert (angles.min(), angles.max()) == pytest.approx((10, 60), abs=1.0)
    assert angles.mean() == pytest.approx(35, abs=3)


def test_all_bands_of_an_image_move_together():
    image = noise(5, 12, 12, 1)
    for layer in (RandomD4(seed=2), RandomMotion(seed=2)):
        first, second = np.moveaxis(numbers(layer.augment(np.concatenate([image] * 2, -1))), -1, 0)
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomD4()(np.zeros((1, 4, 5, 1), "float32")), "square images, not 4 x 5"),
        (lambda: RandomD4()(keras.Input((4, 5, 1))), "square images, not 4 x 5"),
        (lambda: RandomD4()(np.zeros((4, 5), "float32")), r"not the shape \(4, 5\)"),
        (lambda: RandomMotion(fill="wrap"), "Unknown fill 'wrap'"),
        (lambda: RandomMotion(fill_value=float("nan")), "fill_value must be one finite number"),
        (lambda: RandomPositionAngle((90.0, 10.0)), r"angle must be .*: \(90.0, 10.0\)"),
        (lambda: RandomPositionAngle("any"), "angle must be a number or a pair"),
        (lambda: RandomShift(float("inf")), "shift must be .* finite"),
        (lambda: RandomShift((1.0, 2.0, 3.0)), "shift must be a number or a pair"),
        (lambda: RandomShift(seed=-1), "seed must be a whole number"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(LenszooError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
