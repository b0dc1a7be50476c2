"""ViT computes what Hugging Face's PyTorch ViT and vit-keras compute, with the same weights."""

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from transformers import ViTConfig, ViTForImageClassification

from lenszoo.models.vit import EPSILON, vit
from lenszoo.published import vit as published
from lenszoo.published.transfer import transfer

CLASSES = 10
HF = "transformers"


def reference(folder, size, **options):
    """A randomly moved ViT of transformers, and the file it saves, in the published layout."""
    torch.manual_seed(0)
    config = ViTConfig(image_size=size, num_labels=CLASSES, layer_norm_eps=EPSILON, **options)
    model = ViTForImageClassification(config).eval()
    for tensor in model.state_dict().values():  # biases and norms start trivial: move them
        tensor.add_(torch.randn_like(tensor) * 0.02)
    model.save_pretrained(folder)
    return model, load_file(folder / "model.safetensors")


def logits(model, images):
    pixels = torch.from_numpy(((images - 0.5) / 0.5).transpose(0, 3, 1, 2))
    with torch.no_grad():
        return model(pixels).logits.numpy()


def filled(input_shape, tensors, where="model.safetensors", **options):
    """Our model with a file's tensors, the head included."""
    model = vit(input_shape, CLASSES, **options)
    names = published.names(model, tensors)
    transfer(model, tensors, names, where, ignored=published.IGNORED)
    head = [tensors["classifier.weight"].T, tensors["classifier.bias"]]
    model.get_layer("logits").set_weights(head)
    return model


@pytest.mark.parametrize(("size", "depth"), [(224, 12), (64, 3)])
def test_vit_b16_equals_transformers(agreement, tmp_path, size, depth):
    theirs, tensors = reference(tmp_path, size, num_hidden_layers=depth)
    ours = filled((size, size, 3), tensors, depth=depth)
    count = ours.count_params()
    assert count == sum(p.numel() for p in theirs.parameters())
    images = np.random.default_rng(1).random((2, size, size, 3), dtype=np.float32)
    expected = logits(theirs, images)
    name = f"vit_b16, {depth} blocks"
    agreement.check(name, HF, images, ours(images), expected, parameters=count)


def test_another_size_equals_transformers_with_interpolated_positions(agreement, tmp_path):
    options = {"num_hidden_layers": 2, "hidden_size": 48, "num_attention_heads": 3}
    theirs, tensors = reference(tmp_path, 96, intermediate_size=64, **options)
    ours = filled((160, 64, 3), tensors, dim=48, depth=2, heads=3, mlp_dim=64)
    images = np.random.default_rng(1).random((2, 160, 64, 3), dtype=np.float32)
    pixels = torch.from_numpy(((images - 0.5) / 0.5).transpose(0, 3, 1, 2))
    with torch.no_grad():
        expected = theirs(pixels, interpolate_pos_encoding=True).logits.numpy()
    agreement.check("ViT, positions resized from 96 x 96", HF, images, ours(images), expected)
    table = tensors["vit.embeddings.position_embeddings"]
    with torch.no_grad():
        wanted = theirs.vit.embeddings.interpolate_pos_encoding(torch.zeros(1, 41, 48), 160, 64)
    resized = published.resize_positions(table, (6, 6), (10, 4))
    np.testing.assert_allclose(resized, wanted.numpy(), atol=1e-6)


def test_one_band_equals_transformers_on_grey(agreement, tmp_path):
    options = {"num_hidden_layers": 1, "hidden_size": 48, "num_attention_heads": 3}
    theirs, tensors = reference(tmp_path, 64, intermediate_size=64, **options)
    ours = filled((64, 64, 1), tensors, dim=48, depth=1, heads=3, mlp_dim=64)
    images = np.random.default_rng(1).random((2, 64, 64, 1), dtype=np.float32)
    expected = logits(theirs, images.repeat(3, axis=-1))
    agreement.check("ViT, one band as grey", HF, images, ours(images), expected)


def test_vit_keras_models_and_files_come_along(agreement, tmp_path):
    """vit-keras 0.2 itself: a loaded model and every file it writes answer alike here."""
    vit_keras = pytest.importorskip("vit_keras.vit")
    import keras

    from lenszoo.vit_keras import from_vit_keras

    keras.utils.set_random_seed(0)
    old = vit_keras.build_model(
        image_size=(32, 48), patch_size=16, num_layers=2, hidden_size=64, num_heads=4,
        name="vit", mlp_dim=96, classes=CLASSES, representation_size=24,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    for weight in old.weights:
        weight.assign(weight + rng.normal(0, 0.1, weight.shape))
    images = rng.random((2, 32, 48, 3), dtype=np.float32)
    expected = np.asarray(old(images * 2 - 1))
    old.save(tmp_path / "old.keras")
    old.save(tmp_path / "old.h5")
    old.save_weights(tmp_path / "old.weights.h5")
    shape = {"input_shape": (32, 48, 3)}
    for source, options in (
        (old, {}),
        (tmp_path / "old.keras", shape),
        (tmp_path / "old.h5", shape),
        (tmp_path / "old.weights.h5", {**shape, "heads": 4}),
    ):
        ours = from_vit_keras(source, **options)
        name = f"ViT from vit-keras, {getattr(source, 'suffix', 'a loaded model')}"
        agreement.check(name, "vit-keras", images, ours(images), expected)
