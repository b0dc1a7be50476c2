"""BEiT computes what Hugging Face's PyTorch BEiT computes, with the same weights."""

import pytest
import torch
from transformer_files import CLASSES, HF, check_whole, filled, logits, moved, noise
from transformers import BeitConfig, BeitForImageClassification

from lenszoo.models.beit import EPSILON, beit
from lenszoo.pretrained.imported import beit as published

SMALL = {"hidden_size": 48, "num_attention_heads": 3, "intermediate_size": 64}


def reference(folder, size, **options):
    torch.manual_seed(0)
    # as the configuration of microsoft/beit-base-patch16-224 has it
    config = BeitConfig(
        image_size=size, num_labels=CLASSES, use_relative_position_bias=True, **options
    )
    assert config.layer_norm_eps == EPSILON
    return moved(BeitForImageClassification(config), folder)


@pytest.mark.parametrize(("size", "depth"), [(224, 12), (64, 3)])
def test_beit_b16_equals_transformers(agreement, tmp_path, size, depth):
    theirs, tensors = reference(tmp_path, size, num_hidden_layers=depth)
    ours = filled(beit((size, size, 3), CLASSES, depth=depth), published, tensors)
    check_whole(agreement, f"beit_b16, {depth} blocks", ours, theirs, noise(size, size, 3))


def test_another_size_equals_transformers_with_interpolated_biases(agreement, tmp_path):
    """transformers resamples the tables of a square image by itself when it sees another size."""
    theirs, tensors = reference(tmp_path, 96, num_hidden_layers=2, **SMALL)
    ours = filled(
        beit((160, 64, 3), CLASSES, dim=48, depth=2, heads=3, mlp_dim=64), published, tensors
    )
    images = noise(160, 64, 3)
    expected = logits(theirs, images)
    agreement.check("BEiT, biases resized from 96 x 96", HF, images, ours(images), expected)
