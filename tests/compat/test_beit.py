"""BEiT computes what Hugging Face's PyTorch BEiT computes, with the same weights."""

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from transformers import BeitConfig, BeitForImageClassification

from lenszoo.models.beit import EPSILON, beit
from lenszoo.published import beit as published
from lenszoo.published.transfer import transfer

CLASSES = 10
HF = "transformers"


def reference(folder, size, **options):
    """A randomly moved BEiT of transformers, and the file it saves, in the published layout."""
    torch.manual_seed(0)
    # as the configuration of microsoft/beit-base-patch16-224 has it
    config = BeitConfig(
        image_size=size, num_labels=CLASSES, use_relative_position_bias=True, **options
    )
    assert config.layer_norm_eps == EPSILON
    model = BeitForImageClassification(config).eval()
    for tensor in model.state_dict().values():  # biases, tables and norms start trivial: move them
        if tensor.is_floating_point():
            tensor.add_(torch.randn_like(tensor) * 0.02)
    model.save_pretrained(folder)
    return model, load_file(folder / "model.safetensors")


def logits(model, images):
    pixels = torch.from_numpy(((images - 0.5) / 0.5).transpose(0, 3, 1, 2))
    with torch.no_grad():
        return model(pixels).logits.numpy()


def filled(input_shape, tensors, **options):
    """Our model with a file's tensors, the head included."""
    model = beit(input_shape, CLASSES, **options)
    names = published.names(model, tensors)
    transfer(model, tensors, names, "model.safetensors", ignored=published.IGNORED)
    head = [tensors["classifier.weight"].T, tensors["classifier.bias"]]
    model.get_layer("logits").set_weights(head)
    return model


@pytest.mark.parametrize(("size", "depth"), [(224, 12), (64, 3)])
def test_beit_b16_equals_transformers(agreement, tmp_path, size, depth):
    theirs, tensors = reference(tmp_path, size, num_hidden_layers=depth)
    ours = filled((size, size, 3), tensors, depth=depth)
    count = ours.count_params()
    assert count == sum(p.numel() for p in theirs.parameters())
    images = np.random.default_rng(1).random((2, size, size, 3), dtype=np.float32)
    expected = logits(theirs, images)
    name = f"beit_b16, {depth} blocks"
    agreement.check(name, HF, images, ours(images), expected, parameters=count)


def test_another_size_equals_transformers_with_interpolated_biases(agreement, tmp_path):
    """transformers resamples the tables of a square image by itself when it sees another size."""
    options = {"num_hidden_layers": 2, "hidden_size": 48, "num_attention_heads": 3}
    theirs, tensors = reference(tmp_path, 96, intermediate_size=64, **options)
    ours = filled((160, 64, 3), tensors, dim=48, depth=2, heads=3, mlp_dim=64)
    images = np.random.default_rng(1).random((2, 160, 64, 3), dtype=np.float32)
    expected = logits(theirs, images)
    agreement.check("BEiT, biases resized from 96 x 96", HF, images, ours(images), expected)
