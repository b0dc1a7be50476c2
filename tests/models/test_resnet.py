import keras
import numpy as np
import pytest

from lenszoo.models.resnet import resnet
from lenszoo.pretrained.loading import build_model


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def test_resnet18_has_torchvisions_parameters_and_maps():
    model = build_model("resnet18", input_shape=(224, 224, 3), num_classes=1000)
    assert trainable(model) == 11_689_512  # torchvision.models.resnet18()
    sides = [model.get_layer(f"stage{i}_block2_relu2").output.shape[1] for i in (1, 2, 3, 4)]
    assert sides == [56, 28, 14, 7]


def test_resnet34_is_one_option_away():
    model = resnet((None, None, 3), 1000, blocks=(3, 4, 6, 3))
    assert trainable(model) == 21_797_672  # torchvision.models.resnet34()


def test_slim_is_small():
    model = build_model("resnet18_slim")
    assert model.input_shape == (None, 150, 150, 1)
    assert 0.69e6 < model.count_params() < 0.72e6


def test_fine_stem_steps_three_pixels_and_respects_mirrors():
    def stem(name):
        model = resnet((150, 150, 1), 3, width=4, stem=name, blocks=(1,))
        return model, model.get_layer("stage1_block1_relu2").output.shape[1:3]

    assert stem("imagenet")[1] == (38, 38)
    model, sides = stem("fine")
    assert sides == (50, 50)
    # With a kernel that is its own mirror image, mirrored images give mirrored maps.
    conv = model.get_layer("stem_conv")
    (kernel,) = conv.get_weights()
    conv.set_weights([kernel + kernel[::-1] + kernel[:, ::-1] + kernel[::-1, ::-1]])
    maps = keras.Model(model.input, conv.output)
    image = np.random.default_rng(0).random((1, 150, 150, 1), dtype=np.float32)
    answer, flipped = (keras.ops.convert_to_numpy(maps(x)) for x in (image, image[:, ::-1, ::-1]))
    np.testing.assert_allclose(flipped[:, ::-1, ::-1], answer, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [(33, 40), (64, 37)])
@pytest.mark.parametrize("stem", ["imagenet", "fine"])
def test_agrees_with_a_plain_numpy_network_in_pytorchs_layout(size, stem):
    """Even and odd sizes: TensorFlow's own "same" padding would differ from PyTorch's on these."""
    keras.utils.set_random_seed(0)
    model = resnet((None, None, 2), 5, width=3, stem=stem, blocks=(1, 2, 1))
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, _, mean, _ = layer.get_weights()
            noise = rng.normal(0, 0.3, (3, *mean.shape))
            layer.set_weights(
                [gamma + noise[0], noise[1], noise[2], rng.uniform(0.5, 2, mean.shape)]
            )
    images = rng.random((2, *size, 2), dtype=np.float32)
    expected = numpy_resnet(model, images.astype(np.float64), stem, blocks=(1, 2, 1))
    answer = keras.ops.convert_to_numpy(model(images, training=False))
    np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-4)


def windows(x, size, stride, fill, pad=None):
    pad = size // 2 if pad is None else pad
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)), constant_values=fill)
    return np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))[
        :, ::stride, ::stride
    ]


def numpy_resnet(model, images, stem, blocks):
    """The network as PyTorch would compute it, from the model's weights by name."""

    def conv(x, name, stride=1, pad=None):
        (kernel,) = model.get_layer(name).get_weights()
        return np.einsum("bhwcij,ijco->bhwo", windows(x, len(kernel), stride, 0.0, pad), kernel)

    def bn(x, name):
        gamma, beta, mean, variance = model.get_layer(name).get_weights()
        return (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta

    def relu(x):
        return np.maximum(x, 0)

    x = (images - 0.449) / 0.226
    x = conv(x, "stem_conv", 2) if stem == "imagenet" else conv(x, "stem_conv", 3, pad=2)
    x = relu(bn(x, "stem_bn"))
    if stem == "imagenet":
        x = windows(x, 3, 2, -np.inf).max(axis=(-1, -2))
    for stage, depth in enumerate(blocks, start=1):
        for block in range(1, depth + 1):
            name = f"stage{stage}_block{block}"
            stride = 2 if stage > 1 and block == 1 else 1
            y = relu(bn(conv(x, f"{name}_conv1", stride), f"{name}_bn1"))
            y = bn(conv(y, f"{name}_conv2"), f"{name}_bn2")
            if stride == 2:
                x = bn(conv(x, f"{name}_down_conv", 2), f"{name}_down_bn")
            x = relu(x + y)
    kernel, bias = model.get_layer("logits").get_weights()
    return x.mean(axis=(1, 2)) @ kernel + bias
