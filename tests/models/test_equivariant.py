import keras
import numpy as np
import pytest
from onjax import run_on_jax, say_all_well

from lenszoo.models.equivariant import equivariant_transformer
from lenszoo.models.simple_cnn import simple_cnn
from lenszoo.pretrained.saving import load_keras

TINY = {"width": 4, "rounds": 2, "depth": 2, "heads": 2, "mlp_dim": 12, "rings": 4}


def moved(model):
    """A model with every weight and every BatchNorm statistic moved away from its start."""
    rng = np.random.default_rng(0)
    for variable in model.variables:
        if variable.dtype == "float32":
            value = np.asarray(variable) + rng.normal(0, 0.4, variable.shape)
            # a running variance must stay positive
            variable.assign(np.abs(value) + 0.1 if "variance" in variable.path else value)
    return model


def tiny(input_shape=(16, 16, 1), num_classes=3, **options):
    keras.utils.set_random_seed(0)
    return moved(equivariant_transformer(input_shape, num_classes, **{**TINY, **options}))


def pictures(*shape):
    return np.random.default_rng(1).random(shape, dtype=np.float32)


def turn(images, times=1):
    return np.rot90(images, times, axes=(1, 2)).copy()


def embed(model, images):
    """Features and logits."""
    both = keras.Model(model.input, [model.get_layer("features").output, model.output])
    if keras.config.backend() == "jax":  # one compilation instead of one for every operation
        return both.predict_on_batch(images)
    return [keras.ops.convert_to_numpy(answer) for answer in both(images, training=False)]


def error_of_turning(model, images, varied=0.05):
    """Largest change of features and of logits in any quarter turn; both must know the image."""
    turned = np.concatenate([turn(images, times) for times in range(4)])
    errors = []
    for answers in embed(model, turned):
        upright, *others = np.split(answers, 4)
        assert np.ptp(upright, axis=0).max() > varied
        errors.append(max(np.abs(other - upright).max() for other in others))
    return errors


def check_turning(size=16, bands=1, **options):
    model = tiny((size, size, bands), **options)
    assert max(error_of_turning(model, pictures(4, size, size, bands))) < 1e-5


# 19 is odd on its own, 18 becomes odd at the first pooling, and 16 never does
@pytest.mark.parametrize(
    ("size", "bands", "combine"), [(16, 4, "add"), (18, 1, "max"), (19, 1, "add"), (19, 4, "max")]
)
def test_quarter_turns_change_neither_features_nor_logits(size, bands, combine):
    check_turning(size, bands, combine=combine)


def test_as_it_comes_out_of_the_catalogue():
    """At full size, with the weights of its start: 9 x 9 tokens of 128 numbers."""
    keras.utils.set_random_seed(0)
    model = equivariant_transformer((150, 150, 1), 3)
    assert model.get_layer("maps").output.shape == (None, 9, 9, 128)
    assert model.count_params() < 1_000_000
    # noise of one mean looks much alike to it, but not to 1e-5
    assert max(error_of_turning(model, pictures(2, 150, 150, 1), varied=1e-3)) < 1e-5


# the network's steps of two start at a corner, on even sides and on odd
@pytest.mark.parametrize("size", [pytest.param(32, marks=pytest.mark.slow), 33])
def test_a_start_that_is_not_symmetric_becomes_so(size):
    model = tiny((size, size, 1), start="resnet50", rounds=3, heads=2)
    images = pictures(3, size, size, 1)
    start = keras.Model(model.input, model.get_layer("start").output)
    upright, turned = np.split(start.predict_on_batch(np.concatenate([images, turn(images)])), 2)
    scale = np.abs(upright).max()
    np.testing.assert_allclose(turned / scale, turn(upright) / scale, atol=1e-5)
    inside = model.get_layer("start").layer
    alone, again = np.split(inside.predict_on_batch(np.concatenate([images, turn(images)])), 2)
    assert np.abs(again - turn(alone)).max() > 1e-2 * np.abs(alone).max()
    assert max(error_of_turning(model, images, varied=1e-3)) < 1e-5


@pytest.mark.slow
def test_a_start_is_saved_and_trains(tmp_path):
    keras.utils.set_random_seed(0)
    model = equivariant_transformer((32, 32, 1), 3, **{**TINY, "rounds": 3}, start="resnet50")
    images, labels = pictures(6, 32, 32, 1), np.arange(6) % 3
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(3e-3), loss, run_eagerly=True)
    losses = [float(model.train_on_batch(images, labels)) for _ in range(5)]
    assert losses[-1] < 0.9 * losses[0]
    model.save(tmp_path / "model.keras")
    again = load_keras(tmp_path / "model.keras")
    for found, expected in zip(embed(again, images), embed(model, images), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_the_last_maps_turn_with_the_image():
    model = tiny((18, 18, 1))
    maps = keras.Model(model.input, model.get_layer("maps").output)
    images = pictures(2, 18, 18, 1)
    upright, turned = np.split(np.asarray(maps(np.concatenate([images, turn(images)]))), 2)
    assert np.ptp(upright, axis=(1, 2)).max() > 0.1
    np.testing.assert_allclose(turned, turn(upright), atol=1e-5)
    assert np.abs(turned - upright).max() > 0.1


def test_a_turned_oblong_image_needs_a_turned_shape_and_the_same_weights():
    high, wide = tiny((21, 16, 2)), tiny((16, 21, 2))
    wide.set_weights(high.get_weights())
    images = pictures(3, 21, 16, 2)
    for upright, turned in zip(embed(high, images), embed(wide, turn(images)), strict=True):
        np.testing.assert_allclose(turned, upright, atol=1e-5)


@pytest.mark.parametrize("option", ["network", "pixels", "flatten"])
def test_the_check_finds_what_is_not_invariant(option):
    """An ordinary network, an image that is not a quarter turn, and a head that keeps places."""
    images = pictures(4, 16, 16, 1)
    if option == "network":
        plain = moved(simple_cnn((16, 16, 1), 3, width=4))
        assert min(error_of_turning(plain, images)) > 0.01
    elif option == "flatten":
        assert min(error_of_turning(tiny(head="flatten"), images)) > 0.01
    else:
        upright, shifted = (embed(tiny(), x)[1] for x in (images, np.roll(images, 5, axis=1)))
        assert np.abs(shifted - upright).max() > 1e-3


def test_still_invariant_after_training():
    keras.utils.set_random_seed(4)
    model = equivariant_transformer((17, 17, 1), 3, **{**TINY, "depth": 1, "combine": "max"})
    images, labels = pictures(12, 17, 17, 1), np.arange(12) % 3
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), loss, run_eagerly=True)  # tracing takes longer
    losses = [float(model.train_on_batch(images, labels)) for _ in range(6)]
    assert losses[-1] < 0.9 * losses[0]
    assert max(error_of_turning(model, images)) < 1e-5


def test_half_precision_gives_float32_logits_close_to_full():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = equivariant_transformer((16, 16, 4), 3, **TINY)
    finally:
        keras.config.set_dtype_policy(before)
    assert half.get_layer("conv2").compute_dtype == "bfloat16"
    full = equivariant_transformer((16, 16, 4), 3, **TINY)
    half.set_weights(full.get_weights())
    images = pictures(4, 16, 16, 4)
    logits = embed(half, images)[1]
    assert half.output.dtype == "float32"
    np.testing.assert_allclose(logits, embed(full, images)[1], atol=0.05)


def test_a_broken_pixel_spoils_its_own_image_and_no_other():
    model = tiny((17, 17, 2))
    images = pictures(3, 17, 17, 2)
    clean = embed(model, images)[1]
    images[1, 16, 0, 1] = np.nan
    broken = embed(model, images)[1]
    assert np.isnan(broken[1]).all()
    np.testing.assert_allclose(broken[[0, 2]], clean[[0, 2]], atol=1e-5)


def test_a_keras_file_holds_the_whole_model(tmp_path):
    model = tiny((18, 18, 2), combine="max")
    model.save(tmp_path / "model.keras")
    again = load_keras(tmp_path / "model.keras")
    images = pictures(2, 18, 18, 2)
    for found, expected in zip(embed(again, images), embed(model, images), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_head_is_that_of_the_zoo():
    model = tiny(dropout=0.2, activation="softmax")
    names = [layer.name for layer in model.layers][-5:]
    assert names == ["features", "dropout", "logits", "probabilities", "guard"]
    assert model.get_layer("features").output.shape == (None, 8)


@pytest.mark.slow
def test_quarter_turns_on_jax():
    run_on_jax(__file__, optimize=False)


if __name__ == "__main__":
    check_turning(size=19, bands=4, combine="max", depth=1)
    check_turning(size=18, bands=1, combine="add", depth=1)
    say_all_well()
