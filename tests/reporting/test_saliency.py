import keras
import numpy as np
import pytest
from oneline import one_line

from lenszoo.pretrained.loading import build_model
from lenszoo.reporting.saliency import attention_rollout, grad_cam, saliency

TENSORFLOW = keras.config.backend() == "tensorflow"


def moved(model):
    """Move every BatchNorm statistic away from where it starts."""
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([w + rng.uniform(0.1, 0.5, w.shape) for w in layer.get_weights()])
    return model


@pytest.mark.skipif(not TENSORFLOW, reason="the reference is TensorFlow's gradient tape")
@pytest.mark.parametrize("head", ["pool", "flatten"])
def test_grad_cam_is_that_of_a_gradient_tape(head):
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    model = moved(build_model("simple_cnn", input_shape=(32, 48, 2), head=head, width=4))
    images = np.random.default_rng(1).random((3, 32, 48, 2), dtype=np.float32)
    classes = np.array([0, 2, 1])
    maps_of = keras.Model(model.input, model.get_layer("features").input)
    tail_input = keras.Input(maps_of.output.shape[1:])
    x = tail_input
    for name in ("features", "features_bn", "logits"):
        if any(layer.name == name for layer in model.layers):
            x = model.get_layer(name)(x)
    tail = keras.Model(tail_input, x)
    maps = tf.convert_to_tensor(maps_of(images))
    with tf.GradientTape() as tape:
        tape.watch(maps)
        picked = tf.reduce_sum(tf.gather(tail(maps), classes, axis=1, batch_dims=1))
    alpha = tape.gradient(picked, maps).numpy().mean(axis=(1, 2))
    cam = np.maximum(np.einsum("nhwc,nc->nhw", maps.numpy(), alpha), 0)
    ours = grad_cam(model, images, classes)
    assert ours.shape == (3, 32, 48)
    # bilinear scaling keeps values at the centres of the 16 x 16 blocks that features stand for
    for map_, evidence in zip(ours, cam, strict=True):
        if evidence.max() == 0:
            assert not map_.any()
            continue
        centres = 0.25 * sum(map_[7 + i :: 16, 7 + j :: 16] for i in (0, 1) for j in (0, 1))
        np.testing.assert_allclose(centres, evidence / evidence.max(), atol=0.05)


@pytest.mark.skipif(not TENSORFLOW, reason="the reference is TensorFlow's gradient tape")
@pytest.mark.parametrize(
    ("name", "head"), [("beit_b16", "pool"), ("beit_b16", "flatten"), ("vit_ti16", "flatten")]
)
def test_grad_cam_of_patches_is_that_of_a_gradient_tape(name, head):
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    tiny = {"patch": 8, "dim": 8, "depth": 2, "heads": 2, "mlp_dim": 8}
    model = moved(build_model(name, input_shape=(24, 30, 1), head=head, **tiny))  # 3 x 4 patches
    images = np.random.default_rng(1).random((4, 24, 30, 1), dtype=np.float32)
    classes = np.array([0, 2, 1, 1])
    names = [layer.name for layer in model.layers]
    start = "mean_token" if "mean_token" in names else "features"
    tokens_of = keras.Model(model.input, model.get_layer(start).input)
    x = tail_input = keras.Input(tokens_of.output.shape[1:])
    for at in names[names.index(start) : names.index("logits") + 1]:
        x = model.get_layer(at)(x)
    tail = keras.Model(tail_input, x)
    tokens = tf.convert_to_tensor(tokens_of(images))
    with tf.GradientTape() as tape:
        tape.watch(tokens)
        picked = tf.reduce_sum(tf.gather(tail(tokens), classes, axis=1, batch_dims=1))
    alpha = tape.gradient(picked, tokens).numpy().mean(axis=1)
    cam = np.maximum(np.einsum("npc,nc->np", tokens.numpy(), alpha), 0).reshape(4, 3, 4)
    ours = grad_cam(model, images, classes)
    assert ours.shape == (4, 24, 30)
    # bilinear scaling keeps values at the centres of patches; one pixel on each side was padding
    padded = np.pad(ours, ((0, 0), (0, 0), (1, 1)), mode="edge")
    centres = 0.25 * sum(padded[:, 3 + i :: 8, 3 + j :: 8] for i in (0, 1) for j in (0, 1))
    expected = cam / cam.max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(centres, expected, atol=0.13)
    assert np.corrcoef(centres.ravel(), expected.ravel())[0, 1] > 0.99
    np.testing.assert_array_equal(saliency(model, images, classes), ours)


@pytest.mark.skipif(not TENSORFLOW, reason="the reference is TensorFlow's gradient tape")
def test_grad_cam_through_the_norm_of_the_mean_is_that_of_a_gradient_tape():
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    tiny = {"depths": (1, 1, 1, 1), "dims": (4, 6, 8, 8), "layer_scale": 1.0}
    model = build_model("convnext_atto", input_shape=(128, 96, 1), **tiny)
    images = np.random.default_rng(1).random((3, 128, 96, 1), dtype=np.float32)
    classes = np.array([0, 2, 1])
    maps_of = keras.Model(model.input, model.get_layer("mean_pixel").input)
    maps = tf.convert_to_tensor(maps_of(images))
    with tf.GradientTape() as tape:
        tape.watch(maps)
        pooled = model.get_layer("norm")(tf.reduce_mean(maps, axis=(1, 2)))
        logits = model.get_layer("logits")(pooled)
        picked = tf.reduce_sum(tf.gather(logits, classes, axis=1, batch_dims=1))
    alpha = tape.gradient(picked, maps).numpy().mean(axis=(1, 2))
    cam = np.maximum(np.einsum("nhwc,nc->nhw", maps.numpy(), alpha), 0)
    ours = saliency(model, images, classes)
    for map_, evidence in zip(ours, cam / cam.max(axis=(1, 2), keepdims=True), strict=True):
        centres = 0.25 * sum(map_[15 + i :: 32, 15 + j :: 32] for i in (0, 1) for j in (0, 1))
        np.testing.assert_allclose(centres, evidence, atol=0.05)


def test_grad_cam_finds_the_spot_that_decides():
    """A net whose answer is the brightness of its maps must point at the bright spot."""
    keras.utils.set_random_seed(0)
    model = build_model("simple_cnn", input_shape=(64, 64, 1), width=2)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.set_weights([np.full(layer.kernel.shape, 0.1, np.float32)])
    model.get_layer("logits").set_weights([np.ones((16, 3)) * [1, -1, 0], np.zeros(3)])
    images = np.zeros((2, 64, 64, 1), np.float32)
    images[0, 40:44, 8:12] = 1
    images[1, 8:12, 50:54] = 1
    maps = grad_cam(model, images, [0, 0])
    peaks = [np.unravel_index(m.argmax(), m.shape) for m in maps]
    for (y, x), (row, column) in zip(peaks, [(42, 10), (10, 52)], strict=True):
        assert abs(y - row) <= 12 and abs(x - column) <= 12
    assert not grad_cam(model, images, [1, 1]).any()
    np.testing.assert_array_equal(saliency(model, images), maps)


def test_grad_cam_of_a_crop_lies_where_the_crop_lies():
    small = {"channels": (4, 4, 4, 4, 4, 4, 8), "dims": (4, 8, 4), "depths": (1, 1, 1)}
    keras.utils.set_random_seed(0)
    cropped = build_model("mobilevit_mini", input_shape=(72, 72, 1), crop=64, **small)
    whole = build_model("mobilevit_mini", input_shape=(64, 64, 1), **small)
    whole.set_weights(cropped.get_weights())
    images = np.random.default_rng(1).random((2, 72, 72, 1), dtype=np.float32)
    maps = grad_cam(cropped, images, [0, 1])
    inside = maps[:, 4:-4, 4:-4]
    assert inside.any()
    np.testing.assert_allclose(inside, grad_cam(whole, images[:, 4:-4, 4:-4], [0, 1]), atol=1e-5)
    assert np.count_nonzero(maps) == np.count_nonzero(inside)


def test_a_crop_that_a_transformer_pads_lies_where_it_lies():
    tiny = {"patch": 8, "dim": 8, "depth": 2, "heads": 2, "mlp_dim": 8}
    keras.utils.set_random_seed(0)
    cropped = build_model("vit_ti16", input_shape=(44, 44, 1), crop=36, **tiny)
    whole = build_model("vit_ti16", input_shape=(36, 36, 1), **tiny)
    whole.set_weights(cropped.get_weights())
    images = np.random.default_rng(1).random((2, 44, 44, 1), dtype=np.float32)
    maps = saliency(cropped, images)
    np.testing.assert_allclose(
        maps[:, 4:-4, 4:-4], saliency(whole, images[:, 4:-4, 4:-4]), atol=1e-5
    )
    assert np.count_nonzero(maps) == np.count_nonzero(maps[:, 4:-4, 4:-4]) > 0


@pytest.mark.parametrize("registers", [None, 3])
def test_attention_of_even_heads_is_even_and_of_one_patch_is_that_patch(registers):
    keras.utils.set_random_seed(0)
    tiny = {"patch": 8, "dim": 8, "depth": 1, "heads": 2, "mlp_dim": 8, "registers": registers}
    model = build_model("vit_ti16", input_shape=(24, 30, 1), **tiny)
    images = np.random.default_rng(0).random((2, 24, 30, 1), dtype=np.float32)
    layer = model.get_layer("block1_attention")
    for weight in layer.weights:
        weight.assign(np.zeros(weight.shape))
    even = attention_rollout(model, images)
    assert even.shape == (2, 24, 30)
    assert np.ptp(even) < 1e-6
    # keys measure a pattern, which the position of one patch alone has
    pattern = np.array([1, -1] * 4, np.float32)
    table = np.zeros(model.get_layer("positions").table.shape, np.float32)
    table[0, 1 + 6] = 50 * pattern  # row 1, column 2 of 3 x 4 patches
    model.get_layer("positions").table.assign(table)
    weights = {weight.path.partition("/")[2]: weight for weight in layer.weights}
    shape = weights["key/kernel"].shape
    weights["key/kernel"].assign(np.broadcast_to(pattern[:, None, None], shape))
    weights["query/bias"].assign(np.ones(weights["query/bias"].shape))
    for m in attention_rollout(model, images):
        y, x = np.unravel_index(m.argmax(), m.shape)
        assert 8 <= y < 16 and 15 <= x < 23  # the patch, less the one pixel of padding on the left


def test_one_logit_speaks_for_the_second_of_two_classes():
    one = moved(build_model("simple_cnn", input_shape=(16, 16, 1), width=2, num_classes=1))
    two = build_model("simple_cnn", input_shape=(16, 16, 1), width=2, num_classes=2)
    for layer in two.layers:
        weights = one.get_layer(layer.name).get_weights()
        if layer.name == "logits":
            weights = [np.concatenate([-w, w], axis=-1) for w in weights]
        layer.set_weights(weights)
    images = np.random.default_rng(0).random((6, 16, 16, 1), dtype=np.float32)
    np.testing.assert_allclose(grad_cam(one, images), grad_cam(two, images), atol=1e-6)
    for k in (0, 1):
        expected = grad_cam(two, images, [k] * 6)
        np.testing.assert_allclose(grad_cam(one, images, [k] * 6), expected, atol=1e-6)


def test_what_cannot_be_mapped_is_said():
    model = build_model("simple_cnn", input_shape=(16, 16, 1), width=2)
    images = np.zeros((2, 16, 16, 1), np.float32)
    one_line("one class of 3 for each of 2 images", lambda: grad_cam(model, images, [0, 3]))
    one_line("simple_cnn has no attention", lambda: attention_rollout(model, images))


@pytest.mark.parametrize(
    "pool", [keras.layers.Flatten(), keras.layers.GlobalAveragePooling2D(name="features")]
)
def test_a_report_on_what_has_no_map_goes_without(pool):
    from lenszoo.evaluation import classification_report

    images = np.random.default_rng(0).random((12, 16, 16, 1), dtype=np.float32)
    pixels = keras.Input((16, 16, 1))
    model = keras.Model(pixels, keras.layers.Dense(3, name="predictions")(pool(pixels)))
    labels, names = np.arange(12) % 3, ["no", "sphere", "vort"]
    logits = model.predict(images, verbose=0)
    report = classification_report(labels, logits, names, images=images, model=model)
    assert "evidence" not in {figure.name for figure in report.figures}


def test_the_report_shows_where_the_model_looked(tmp_path):
    from lenszoo.evaluation import classification_report

    keras.utils.set_random_seed(0)
    model = build_model("simple_cnn", input_shape=(32, 32, 1), width=2)
    images = np.random.default_rng(0).random((30, 32, 32, 1), dtype=np.float32)
    logits = model.predict(images, verbose=0)
    labels = logits.argmax(axis=1)
    labels[:10] = np.arange(10) % 3
    names = ["no", "sphere", "vort"]
    report = classification_report(labels, logits, names, images=images, model=model)
    without = classification_report(labels, logits, names, images=images)
    assert {f.name for f in report.figures} - {f.name for f in without.figures} == {"evidence"}
    report.save(tmp_path)
    assert (tmp_path / "evidence.png").stat().st_size > 10_000
