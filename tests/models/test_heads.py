import keras
import numpy as np
import pytest

from lenszoo.errors import LenszooError
from lenszoo.pretrained.loading import build_model


def tiny(**options):
    return build_model("simple_cnn", **{"input_shape": (16, 20, 1), "width": 2, **options})


def pictures(n=3, bands=1):
    return np.random.default_rng(0).random((n, 16, 20, bands), dtype=np.float32)


def outputs(model, images):
    return keras.ops.convert_to_numpy(model(images, training=False))


def test_pool_head_is_the_mean_of_the_maps_times_a_matrix():
    model = tiny(num_classes=4)
    maps = keras.Model(model.input, model.get_layer("pool4").output)
    kernel, bias = model.get_layer("logits").get_weights()
    expected = outputs(maps, pictures()).mean(axis=(1, 2)) @ kernel + bias
    np.testing.assert_allclose(outputs(model, pictures()), expected, rtol=1e-5, atol=1e-6)


def test_flatten_head_has_batchnorm_dropout_dense():
    model = tiny(head="flatten", dropout=0.5)
    names = [layer.name for layer in model.layers]
    assert names[names.index("features") :] == [
        "features", "features_bn", "dropout", "logits", "guard",
    ]  # fmt: skip
    assert model.get_layer("features").output.shape == (None, 16 // 16 * (20 // 16) * 16)
    assert model.get_layer("dropout").rate == 0.5
    # Where a feature was seen matters to this head, and not to the other one.
    model = build_model("simple_cnn", input_shape=(48, 48, 1), width=2, head="flatten")
    assert model.get_layer("features").output.shape == (None, 3 * 3 * 16)


@pytest.mark.parametrize(
    ("crop", "shape", "message"),
    [
        (-16, (32, 32, 1), "crop must be a positive integer, got -16."),
        (8, (32, 32, 1), "simple_cnn needs 16 x 16 pixels or more, got crop=8."),
        (16, (None, None, 1), "crop=16 needs images of a fixed size, larger by an even number"),
        (34, (32, 32, 1), "crop=34 needs images of a fixed size, larger by an even number"),
        (31, (32, 32, 1), "crop=31 needs images of a fixed size, larger by an even number"),
    ],
)
def test_a_crop_that_does_not_fit_is_refused(crop, shape, message):
    with pytest.raises(LenszooError) as error:
        tiny(input_shape=shape, crop=crop)
    assert str(error.value).startswith(message)


def test_softmax_is_the_softmax_of_the_logits():
    keras.utils.set_random_seed(3)
    model = tiny(activation="softmax")
    logits = keras.Model(model.input, model.get_layer("logits").output)
    images = pictures()
    values = np.exp(outputs(logits, images).astype(np.float64))
    answer = outputs(model, images)
    np.testing.assert_allclose(answer, values / values.sum(axis=1, keepdims=True), rtol=1e-5)
    images[0, 0, 0, 0] = np.nan
    assert np.isnan(outputs(model, images)).all(axis=1).tolist() == [True, False, False]


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_keeps_scores_apart(policy):
    """Scores that half precision would tie: close logits on a large offset stay distinct."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = tiny(activation="softmax")
    finally:
        keras.config.set_dtype_policy(before)
    kernel, _ = model.get_layer("logits").get_weights()
    model.get_layer("logits").set_weights([0 * kernel, np.array([100.0, 100.001, 90.0], "f")])
    answer = outputs(model, pictures(1))
    assert answer.dtype == np.float32
    assert answer[0, 1] > answer[0, 0]
    assert 0 < answer[0, 2] < 1e-4


def test_one_band_equals_grey_repeated_with_the_summed_stem():
    """One scalar scaling for all bands is what makes this exact."""
    keras.utils.set_random_seed(5)
    options = {"width": 4, "blocks": (1, 1), "num_classes": 3}
    colour = build_model("resnet18", input_shape=(32, 32, 3), **options)
    grey = build_model("resnet18", input_shape=(32, 32, 1), **options)
    for layer in grey.layers:
        weights = colour.get_layer(layer.name).get_weights()
        if layer.name == "stem_conv":
            weights = [weights[0].sum(axis=2, keepdims=True)]
        layer.set_weights(weights)
    images = np.random.default_rng(1).random((2, 32, 32, 1), dtype=np.float32)
    expected = outputs(colour, np.repeat(images, 3, axis=-1))
    np.testing.assert_allclose(outputs(grey, images), expected, rtol=1e-4, atol=1e-4)
