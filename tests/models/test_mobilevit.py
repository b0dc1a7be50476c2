import keras
import numpy as np
import pytest

from lenszoo.models.mobilevit import mobilevit, mobilevit_block, multiple_of_8

XXS = {"channels": (16, 16, 24, 48, 64, 80, 320), "dims": (64, 80, 96), "expansion": 2}
XS = {"channels": (16, 32, 48, 64, 80, 96, 384), "dims": (96, 120, 144)}
MINI = {"channels": (16, 16, 24, 24, 32, 40, 160), "dims": (32, 48, 64), "expansion": 2}
TINY = {"channels": (4, 4, 4, 4, 4, 4, 8), "dims": (4, 8, 4), "depths": (1, 1, 1), "expansion": 1}


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def numbers(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize(
    ("options", "classes", "bands", "count"),
    [
        # transformers' MobileViTForImageClassification: xx-small, x-small, small
        (XXS, 1000, 3, 1_272_024),
        (XS, 1000, 3, 2_317_848),
        ({}, 1000, 3, 5_578_632),
        (MINI, 3, 1, 318_755),
    ],
)
def test_parameters(options, classes, bands, count):
    assert trainable(mobilevit((None, None, bands), classes, **options)) == count


def test_odd_maps_round_up_and_an_open_size_answers_as_a_fixed_one():
    fixed = mobilevit((70, 45, 2), 3, **TINY)
    names = ("stem_silu", "stage1_block1_add", "stage2_block3_add", "stage3_fuse_silu")
    names += ("stage4_fuse_silu", "stage5_fuse_silu")
    sides = [fixed.get_layer(name).output.shape[1:3] for name in names]
    assert sides == [(35, 23), (35, 23), (18, 12), (9, 6), (5, 3), (3, 2)]
    free = mobilevit((None, None, 2), 3, **TINY)
    rng = np.random.default_rng(0)
    free.set_weights([rng.uniform(0.2, 1, weight.shape) for weight in free.weights])
    fixed.set_weights(free.get_weights())
    images = rng.random((2, 70, 45, 2), dtype=np.float32)
    images[1] *= 0.1
    answer = numbers(fixed(images))
    assert np.ptp(answer, axis=0).max() > 0.1
    np.testing.assert_allclose(free.predict_on_batch(images), answer, rtol=1e-4, atol=1e-5)


def fresh_block(depth=2, dim=8, channels=3, dropout=0.1):
    inputs = keras.Input((None, None, channels))
    return keras.Model(inputs, mobilevit_block(inputs, dim, depth, dropout, "stage3"))


def block(depth=2):
    """A MobileViT block of any size, with weights and statistics that all matter."""
    model = fresh_block(depth)
    rng = np.random.default_rng(1)
    for weight in model.weights:
        noise = rng.normal(0, 0.4, weight.shape)
        positive = weight.path.endswith(("variance", "gamma"))
        weight.assign(np.abs(noise) + 0.5 if positive else noise)
    return model


@pytest.mark.parametrize("size", [(4, 6), (5, 6), (3, 7), (1, 2)])
def test_block_agrees_with_plain_numpy(size):
    model = block()
    x = np.random.default_rng(2).normal(size=(2, *size, 3))
    expected = numpy_block(model, x, depth=2)
    np.testing.assert_allclose(numbers(model(x.astype("float32"))), expected, rtol=2e-4, atol=2e-5)


def numpy_block(model, x, depth):
    """Figure 1b of the paper: patch by patch and head by head, from the weights by name."""

    def weights(name):
        return [w.astype("float64") for w in model.get_layer(name).get_weights()]

    def silu(x):
        return x / (1 + np.exp(-x))

    def conv(x, name):
        (kernel,) = weights(name)
        side = len(kernel) // 2
        x = np.pad(x, ((0, 0), (side, side), (side, side), (0, 0)))
        x = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], axis=(1, 2))
        return np.einsum("bhwcij,ijco->bhwo", x, kernel)

    def conv_bn(x, name):
        gamma, beta, mean, variance = weights(f"{name}_bn")
        x = (conv(x, f"{name}_conv") - mean) / np.sqrt(variance + 1e-5)
        return silu(x * gamma + beta)

    def norm(x, name):
        gamma, beta = weights(name)
        x = x - x.mean(-1, keepdims=True)
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * gamma + beta

    def attention(x, name):
        q, bias_q, k, bias_k, v, bias_v, out, bias = weights(name)
        answer = bias
        for head in range(4):
            query, key, value = (
                x @ w[:, head] + b[head] for w, b in ((q, bias_q), (k, bias_k), (v, bias_v))
            )
            scores = np.exp(query @ key.swapaxes(1, 2) / np.sqrt(query.shape[-1]))
            scores /= scores.sum(-1, keepdims=True)
            answer = answer + scores @ value @ out[head]
        return answer

    def transformer(x, name):
        x = x + attention(norm(x, f"{name}_norm1"), f"{name}_attention")
        w, b = weights(f"{name}_mlp1")
        y = silu(norm(x, f"{name}_norm2") @ w + b)
        w, b = weights(f"{name}_mlp2")
        return x + y @ w + b

    def resize(x, size):
        for axis in (1, 2):
            old, new = x.shape[axis], size[axis - 1]
            at = (np.arange(new) + 0.5) * old / new - 0.5
            x = np.apply_along_axis(lambda y, at=at: np.interp(at, range(len(y)), y), axis, x)
        return x

    size = x.shape[1:3]
    y = conv(conv_bn(x, "stage3_local"), "stage3_embed_conv")
    y = resize(y, [side + side % 2 for side in size])
    for i in (0, 1):
        for j in (0, 1):
            alike = y[:, i::2, j::2]
            sequence = alike.reshape(len(x), -1, y.shape[-1])
            for k in range(depth):
                sequence = transformer(sequence, f"stage3_block{k + 1}")
            y[:, i::2, j::2] = norm(sequence, "stage3_norm").reshape(alike.shape)
    y = conv_bn(resize(y, size), "stage3_project")
    return conv_bn(np.concatenate([x, y], axis=-1), "stage3_fuse")


@pytest.mark.parametrize("size", [(6, 6), (5, 5)])
def test_block_turns_and_mirrors_with_the_image(size):
    """Attention knows no places, so with kernels that are symmetric the block has no direction."""
    model = block(depth=1)
    for name in ("stage3_local_conv", "stage3_fuse_conv"):
        (kernel,) = model.get_layer(name).get_weights()
        turned = [np.rot90(kernel, k) for k in range(4)]
        model.get_layer(name).set_weights([sum(turned + [t[::-1] for t in turned]) / 8])
    x = np.random.default_rng(3).normal(size=(1, *size, 3)).astype("float32")
    answer = numbers(model(x))
    for change in (lambda m: np.rot90(m, axes=(1, 2)), lambda m: m[:, :, ::-1]):
        assert np.abs(change(answer) - answer).max() > 0.1
        changed = numbers(model(np.ascontiguousarray(change(x))))
        np.testing.assert_allclose(changed, change(answer), rtol=1e-4, atol=1e-5)


def test_a_pixel_reaches_its_like_in_every_patch_and_no_other():
    model = block(depth=1)
    fold = keras.Model(model.input, model.get_layer("stage3_fold").output)
    # without the 3x3 convolution's spread
    local = model.get_layer("stage3_local_conv")
    (kernel,) = local.get_weights()
    local.set_weights([kernel * (np.mgrid[:3, :3] == 1).all(axis=0)[:, :, None, None]])
    x = np.random.default_rng(4).normal(size=(1, 6, 8, 3)).astype("float32")
    touched = x.copy()
    touched[0, 2, 5] += 1
    reached = np.abs(numbers(fold(touched)) - numbers(fold(x)))[0].max(axis=-1) > 1e-6
    rows, columns = np.mgrid[:6, :8] % 2
    np.testing.assert_array_equal(reached, (rows == 0) & (columns == 1))


def test_dropout_acts_in_training_only():
    x = np.random.default_rng(5).random((1, 4, 4, 3), dtype=np.float32)
    model = fresh_block(dropout=0.5)
    fold = keras.Model(model.input, model.get_layer("stage3_fold").output)
    still, again = numbers(fold(x)), numbers(fold(x))
    np.testing.assert_array_equal(again, still)
    assert np.abs(numbers(fold(x, training=True)) - still).max() > 1e-4
    rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [0.5] * 4  # after both attentions and both MLPs


def test_like_layers_start_differently():
    model = fresh_block()
    for layer in ("mlp1", "mlp2"):
        first, second = (
            numbers(model.get_layer(f"stage3_block{i}_{layer}").kernel) for i in (1, 2)
        )
        assert np.abs(first - second).max() > 1e-3


def test_multiple_of_8():
    # 8 is nearest to 11, but more than a tenth below it
    assert [multiple_of_8(n) for n in (1, 8, 11, 12, 20, 96, 99)] == [8, 8, 16, 16, 24, 96, 96]
