import keras
import numpy as np
import pytest
from astropy.visualization import ZScaleInterval

from lenszoo.errors import LenszooError
from lenszoo.layers import Stretch
from lenszoo.layers.zscale import zscale_limits


@pytest.fixture(scope="module")
def images():
    """Two bands of noise, 3 and 0.5, each with a bright source in the middle."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(20, 32, 32, 2)) * [3.0, 0.5]
    y, x = np.mgrid[:32, :32] - 15.5
    source = np.exp(-(x**2 + y**2) / 18)[None, :, :, None] * [400.0, 90.0]
    return (noise + source).astype(np.float32)


def test_adapt_measures_the_noise_along_the_edge(images):
    layer = Stretch("asinh", softening=2.0)
    layer.build(images.shape)
    layer.adapt(images)
    assert np.asarray(layer.scale) == pytest.approx([6.0, 1.0], rel=0.05)
    with_gaps = images.copy()
    with_gaps[0, 0, :5] = np.nan
    layer.adapt(with_gaps)
    assert np.asarray(layer.scale) == pytest.approx([6.0, 1.0], rel=0.05)


@pytest.mark.parametrize(
    ("kind", "curve"),
    [
        ("asinh", np.arcsinh),
        ("sqrt", lambda x: np.sign(x) * np.sqrt(np.abs(x))),
        ("log", lambda x: np.sign(x) * np.log1p(np.abs(x))),
        ("linear", lambda x: x),
    ],
)
def test_curves(images, kind, curve):
    layer = Stretch(kind)
    layer.build(images.shape)
    layer.adapt(images)
    scaled = images / np.asarray(layer.scale)
    assert np.asarray(layer(images)) == pytest.approx(curve(scaled), rel=1e-5, abs=1e-6)


def test_a_tenfold_unit_changes_nothing(images):
    answers = []
    for unit in (1.0, 10.0):
        layer = Stretch("asinh")
        layer.build(images.shape)
        layer.adapt(unit * images)
        answers.append(np.asarray(layer(unit * images)))
    assert answers[0] == pytest.approx(answers[1], abs=1e-4)


@pytest.mark.parametrize("side", [20, 32, 64, 101])
def test_zscale_is_that_of_astropy(side):
    rng = np.random.default_rng(side)
    y, x = np.mgrid[:side, :side] - side / 2
    shape = np.exp(-np.hypot(x, y) / 6)
    skies = rng.normal(size=(4, side, side, 2)) + np.array([0.0, 30.0])
    stack = skies + np.array([0.0, 3.0, 50.0, 900.0])[:, None, None, None] * shape[None, ..., None]
    stack[3] = rng.integers(0, 2, stack[3].shape)  # half of the samples at either end
    stack = stack.astype(np.float32)
    low, high = (np.asarray(limit) for limit in zscale_limits(stack))
    for i in range(4):
        for band in range(2):
            ours = (low[i, band], high[i, band])
            theirs = ZScaleInterval().get_limits(stack[i, :, :, band])
            assert ours == pytest.approx(theirs, rel=1e-3, abs=2e-3 * float(np.ptp(theirs)))


def test_zscale_stretches_to_one(images):
    stretched = np.asarray(Stretch("zscale")(images))
    assert stretched.min() == 0.0
    assert stretched.max() == 1.0


def test_the_scale_travels(images, tmp_path):
    model = keras.Sequential([keras.Input((32, 32, 2)), Stretch("log", 3.0)])
    model.layers[0].adapt(images)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    assert np.array_equal(np.asarray(again(images)), np.asarray(model(images)))
    assert np.asarray(again.layers[0].scale) == pytest.approx([9.0, 1.5], rel=0.05)


def test_what_is_refused(images):
    with pytest.raises(LenszooError, match="Unknown stretch 'asin'"):
        Stretch("asin")
    with pytest.raises(LenszooError, match="softening"):
        Stretch(softening=0.0)
    layer = Stretch()
    layer.build(images.shape)
    dead = images.copy()
    dead[..., 1] = 0.0
    with pytest.raises(LenszooError, match="Band 1 of the images has no noise"):
        layer.adapt(dead)
