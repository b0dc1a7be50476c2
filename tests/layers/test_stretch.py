import keras
import numpy as np
import pytest
from oneline import one_line

from lenszoo.layers import Stretch
from lenszoo.layers.stretch import edge_sky, elementary_asinh


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


def test_zscale_stretches_to_one(images):
    stretched = np.asarray(Stretch("zscale")(images))
    assert stretched.min() == 0.0
    assert stretched.max() == 1.0


@pytest.mark.parametrize("unit", [1e-3, 1.0, 363.0, 1e9])
@pytest.mark.parametrize("sky", [0.0, 40.0])
def test_noise_measures_every_image(images, unit, sky):
    layer = Stretch("noise")
    before = np.asarray(layer(images))
    assert np.asarray(layer(np.float32(unit) * (images + np.float32(sky)))) == pytest.approx(
        before, abs=1e-4
    )
    edge = before[:, :2]  # the sky alone: asinh of unit noise about 0
    assert np.median(edge) == pytest.approx(0.0, abs=0.1)
    assert np.std(np.sinh(edge)) == pytest.approx(1.0, rel=0.1)


def test_light_at_the_edge_moves_sky_and_noise_little(images):
    crowded = images.copy()
    crowded[:, :2, :6] += 300.0  # a tenth of the frame lies under a neighbour
    level, noise = edge_sky(keras.ops.convert_to_tensor(crowded))
    assert np.asarray(level)[:, 0, 0] == pytest.approx(np.zeros((20, 2)), abs=1.5)
    assert np.asarray(noise).mean(0).ravel() == pytest.approx([3.0, 0.5], rel=0.15)


def test_an_image_without_noise_is_no_number(images):
    flat = images.copy()
    flat[0, ..., 1] = 1.0
    layer = Stretch("noise")
    assert np.isnan(np.asarray(layer(flat))).all((1, 2)).tolist() == [[False, True]] + [
        [False, False]
    ] * (len(images) - 1)
    assert np.all(np.asarray(layer(flat, training=True))[0, ..., 1] == 0.0)


def test_the_scale_travels(images, tmp_path):
    model = keras.Sequential([keras.Input((32, 32, 2)), Stretch("log", 3.0)])
    model.layers[0].adapt(images)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    assert np.array_equal(np.asarray(again(images)), np.asarray(model(images)))
    assert np.asarray(again.layers[0].scale) == pytest.approx([9.0, 1.5], rel=0.05)


def test_what_is_refused(images):
    one_line("Unknown stretch 'asin'", lambda: Stretch("asin"))
    one_line("softening", lambda: Stretch(softening=0.0))
    layer = Stretch()
    layer.build(images.shape)
    dead = images.copy()
    dead[..., 1] = 0.0
    one_line("Band 1 of the images has no noise", lambda: layer.adapt(dead))


def test_asinh_from_elementary_functions_is_odd_and_never_overflows():
    x = np.concatenate([np.geomspace(1e-38, 3e38, 2000), [0.0]]).astype(np.float32)
    values = np.asarray(elementary_asinh(keras.ops.convert_to_tensor(x)))
    np.testing.assert_allclose(values, np.arcsinh(x), rtol=2e-6, atol=2e-7)
    mirrored = np.asarray(elementary_asinh(keras.ops.convert_to_tensor(-x)))
    np.testing.assert_array_equal(mirrored, -values)
    assert np.isnan(np.asarray(elementary_asinh(keras.ops.convert_to_tensor([np.nan])))).all()
