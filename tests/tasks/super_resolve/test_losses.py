"""Losses between images: equal to the metrics, finite gradients, on both backends.

``python test_losses.py`` checks the backend that KERAS_BACKEND names.
"""

import keras
import numpy as np
import pytest
from keras import ops
from oneline import one_line
from onjax import run_on_jax, say_all_well

from lenszoo import build_model
from lenszoo.errors import LenszooError
from lenszoo.metrics import image_quality as iq
from lenszoo.tasks.super_resolve import losses
from lenszoo.tasks.super_resolve.losses import feature_extractor, image_loss

MIXTURE = {"mae": 0.84, "ssim": 0.16}
ALL = {**MIXTURE, "mse": 0.5, "perceptual": 0.1}


def draw(shape=(3, 24, 20, 2), noise=0.1):
    rng = np.random.default_rng(0)
    target = rng.random(shape) ** 3
    return target.astype("float32"), (target + rng.normal(0, noise, shape)).astype("float32")


def slope_of(loss):
    """A compiled function to the loss and its gradient by the image, on the backend in use."""
    if keras.backend.backend() == "jax":
        import jax

        compiled = jax.jit(jax.value_and_grad(loss, argnums=1))
        return lambda *pair: [np.asarray(x) for x in compiled(*pair)]
    import tensorflow as tf

    def run(target, image):
        x = tf.constant(image)
        with tf.GradientTape() as tape:
            tape.watch(x)
            answer = loss(target, x)
        return answer.numpy(), tape.gradient(answer, x).numpy()

    return run


def value(loss, target, image):
    return float(slope_of(loss)(target, image)[0])


def classifier(size=32, bands=1):
    return build_model("simple_cnn", input_shape=(size, size, bands), width=4)


def check_values(data_range):
    target, image = draw()
    scaled = target * data_range, image * data_range
    metrics = {
        "mse": iq.mse(target, image).mean(),
        "mae": np.abs(target - image).mean(),
        "ssim": 1 - iq.ssim(*scaled, data_range=data_range).mean(),
    }
    for name, expected in metrics.items():
        found = value(image_loss(name, data_range=data_range), *scaled)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    mixed = value(image_loss(MIXTURE, data_range=data_range), *scaled)
    expected = 0.84 * metrics["mae"] + 0.16 * metrics["ssim"]
    np.testing.assert_allclose(mixed, expected, rtol=1e-4)


def check_gradients(*choices):
    maps = feature_extractor(classifier(bands=2))
    for choice in choices:
        perceptual = maps if "perceptual" in choice else None
        run = slope_of(image_loss(choice, perceptual=perceptual))
        target, image = draw()
        for flat in (target, np.zeros_like(target), np.ones_like(target)):
            perfect, slope = run(flat, flat)
            assert perfect == pytest.approx(0, abs=1e-4)
            assert np.isfinite(slope).all()
        start, slope = run(target, image)
        assert np.isfinite(slope).all() and np.abs(slope).max() > 0
        # a small step down the slope must gain what the slope promises
        step = 1e-3 / np.abs(slope).max()
        end, _ = run(target, image - step * slope)
        np.testing.assert_allclose(start - end, step * (slope**2).sum(), rtol=0.1)


def check_fit():
    """A tiny network learns with every loss, its classifier stays as it was."""
    teacher = classifier()
    before = [w.copy() for w in teacher.get_weights()]
    loss = image_loss({**MIXTURE, "perceptual": 0.01}, perceptual=feature_extractor(teacher))
    frozen = [w.copy() for w in loss.perceptual.get_weights()]
    target, image = draw((8, 24, 24, 1))
    model = keras.Sequential(
        [keras.Input((None, None, 1)), keras.layers.Conv2D(1, 3, padding="same")]
    )
    model.compile(keras.optimizers.Adam(1e-2), loss)
    history = model.fit(image, target, epochs=4, batch_size=4, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert len(model.trainable_variables) == 2
    for kept, now in ((before, teacher.get_weights()), (frozen, loss.perceptual.get_weights())):
        for a, b in zip(kept, now, strict=True):
            np.testing.assert_array_equal(a, b)


def check_mixed_precision():
    """Answers in half precision are compared in float32."""
    target, image = draw()
    loss = image_loss("mae")
    answer = loss(target, ops.cast(image, "bfloat16"))
    assert keras.backend.standardize_dtype(answer.dtype) == "float32"
    rounded = ops.convert_to_numpy(ops.cast(ops.cast(image, "bfloat16"), "float32"))
    np.testing.assert_allclose(float(answer), np.abs(target - rounded).mean(), rtol=1e-5)


@pytest.mark.parametrize("data_range", [1.0, 0.2, 255.0])
def test_losses_equal_the_metrics(data_range):
    check_values(data_range)


@pytest.mark.parametrize("compiled", [True, False])
def test_both_ways_to_slide_the_window_agree(compiled, monkeypatch):
    monkeypatch.setattr(losses, "jit", lambda choice: compiled)
    check_values(1.0)


def test_gradients_are_finite_and_true():
    check_gradients(*losses.LOSSES, ALL)


@pytest.mark.slow
def test_a_network_learns():
    check_fit()


def test_half_precision():
    check_mixed_precision()


@pytest.mark.slow
def test_jax():
    run_on_jax(__file__, optimize=False)


def test_every_image_has_its_own_loss():
    target, image = draw()
    each = ops.convert_to_numpy(image_loss("ssim").call(target, image))
    np.testing.assert_allclose(each, 1 - iq.ssim(target, image, data_range=1), atol=1e-5)


def test_weights_of_samples_count():
    target, image = draw()
    each = ops.convert_to_numpy(image_loss("mse").call(target, image))
    found = float(image_loss("mse")(target, image, sample_weight=np.float32([1, 0, 0])))
    assert found == pytest.approx(each[0] / 3)


# the perceptual loss


def test_the_perceptual_loss_is_a_distance_of_maps():
    model = classifier()
    maps = feature_extractor(model)
    target, image = draw((3, 32, 32, 1))
    inside = keras.Model(model.input, model.get_layer("relu2").output)
    theirs = [inside.predict_on_batch(x) for x in (target, image)]
    np.testing.assert_allclose(maps.predict_on_batch(image), theirs[1], atol=1e-5)
    found = value(image_loss("perceptual", perceptual=maps), target, image)
    assert found == pytest.approx(np.mean((theirs[0] - theirs[1]) ** 2), rel=1e-4)
    assert found > 0
    ten = image_loss("perceptual", perceptual=maps, data_range=10)
    assert value(ten, 10 * target, 10 * image) == pytest.approx(found, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "options", "layer"),
    [
        ("simple_cnn", {"width": 4, "head": "flatten"}, "relu2"),
        ("resnet18", {"width": 4}, "stage2_block2_relu2"),
        ("resnet18_slim", {"width": 4}, "stage2_block2_relu2"),
    ],
)
def test_a_classifier_is_cut_in_the_middle_and_takes_patches(name, options, layer):
    model = build_model(name, input_shape=(66, 66, 1), **options)
    maps = feature_extractor(model)
    assert maps.layers[-1].name == layer
    patch = np.random.default_rng(1).random((2, 40, 36, 1), dtype="float32")
    answer = maps.predict_on_batch(patch)
    assert answer.ndim == 4 and answer.shape[1] >= 3
    assert not maps.trainable_variables and model.trainable_variables
    # weights are copies: training the classifier on leaves the loss alone
    model.set_weights([w + 1 for w in model.get_weights()])
    np.testing.assert_array_equal(maps.predict_on_batch(patch), answer)
    deeper = feature_extractor(model, [x.name for x in model.layers if "relu" in x.name][-1])
    assert deeper.output.shape[-1] > maps.output.shape[-1]


def test_a_saved_model_tells_of_its_loss(tmp_path):
    model = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Conv2D(1, 1)])
    model.compile("sgd", image_loss(MIXTURE, data_range=2))
    model.save(tmp_path / "a.keras")
    loss = keras.saving.load_model(tmp_path / "a.keras").loss
    assert (loss.terms, loss.data_range) == (MIXTURE, 2.0)
    model.compile("sgd", image_loss("perceptual", perceptual=feature_extractor(classifier())))
    model.save(tmp_path / "b.keras")
    one_line("compile=False", lambda: keras.saving.load_model(tmp_path / "b.keras"))
    assert keras.saving.load_model(tmp_path / "b.keras", compile=False).count_params() == 2


# bad input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: image_loss("sim"), "Unknown image loss 'sim'. Did you mean 'ssim'"),
        (lambda: image_loss({"mae": 1, "psnr": 1}), "Unknown image loss 'psnr'"),
        (lambda: image_loss({}), "mixture of losses is empty"),
        (lambda: image_loss({"mae": 0}), "weight of the loss 'mae' must be above 0"),
        (lambda: image_loss({"mae": float("nan")}), "must be above 0"),
        (lambda: image_loss({"mae": "1"}), "must be above 0"),
        (lambda: image_loss("mse", data_range=0), "data_range must be"),
        (lambda: image_loss("perceptual"), "perceptual=feature_extractor"),
        (lambda: image_loss("perceptual", perceptual=classifier()), "from images to maps"),
        (lambda: image_loss("perceptual", perceptual="resnet18"), "must be a keras.Model"),
        (
            lambda: image_loss("mse", perceptual=feature_extractor(classifier())),
            "no loss named 'perceptual'",
        ),
        (lambda: feature_extractor(classifier(), "relu9"), "Unknown layer of simple_cnn with maps"),
        (lambda: feature_extractor(classifier(), "logits"), "Unknown layer of simple_cnn"),
        (
            lambda: image_loss("perceptual", perceptual=feature_extractor(classifier()))(*draw()),
            r"takes images of \(None, None, 1\), not \(24, 20, 2\)",
        ),
        (lambda: image_loss("ssim")(*draw((2, 10, 30, 1))), "at least 11 x 11 pixels"),
        (lambda: image_loss("mse")(draw()[0], draw()[1][..., :1]), "the targets are"),
        (lambda: image_loss("mse")(draw()[0][..., 0], draw()[1][..., :1]), "the targets are"),
    ],
)
def test_bad_arguments_are_said_in_one_line(call, message):
    with pytest.raises(LenszooError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_transformer_is_refused():
    model = build_model("vit_ti16", input_shape=(32, 32, 1), depth=2)
    one_line("vit_ti16 has no feature maps between its blocks", lambda: feature_extractor(model))


def test_a_network_without_maps_is_refused():
    images = keras.Input((8, 8, 1))
    x = keras.layers.Dense(3)(keras.layers.Flatten()(images))
    x = keras.layers.Identity(name="features")(x)
    model = keras.Model(images, keras.layers.Dense(2, name="logits")(x))
    one_line("choose a convolutional classifier", lambda: feature_extractor(model))


if __name__ == "__main__":
    check_values(255.0)
    check_gradients(ALL)
    check_fit()
    check_mixed_precision()
    say_all_well()


def test_the_features_of_a_classifier_that_crops_are_of_the_whole_patch():
    cropped = build_model("simple_cnn", input_shape=(48, 48, 1), crop=16, width=4)
    maps = feature_extractor(cropped)
    images = np.random.default_rng(0).random((2, 40, 40, 1), dtype=np.float32)
    images[1] = images[0]
    images[1, :4] = 0  # at the rim
    first, second = keras.ops.convert_to_numpy(maps(images))
    assert np.abs(first - second).max() > 1e-3 * np.ptp(first)
