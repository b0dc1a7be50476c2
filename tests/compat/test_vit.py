"""ViT computes what Hugging Face's PyTorch ViT and vit-keras compute, with the same weights."""

import numpy as np
import pytest
import torch
from transformer_files import CLASSES, HF, check_whole, filled, logits, moved, noise
from transformers import ViTConfig, ViTForImageClassification

from lenszoo.models.vit import EPSILON, vit
from lenszoo.pretrained.imported import vit as published

SMALL = {"hidden_size": 48, "num_attention_heads": 3, "intermediate_size": 64}
OUR_SMALL = {"dim": 48, "heads": 3, "mlp_dim": 64}


def reference(folder, size, **options):
    torch.manual_seed(0)
    config = ViTConfig(image_size=size, num_labels=CLASSES, layer_norm_eps=EPSILON, **options)
    return moved(ViTForImageClassification(config), folder)


@pytest.mark.parametrize(("size", "depth"), [(224, 12), (64, 3)])
def test_vit_b16_equals_transformers(agreement, tmp_path, size, depth):
    theirs, tensors = reference(tmp_path, size, num_hidden_layers=depth)
    ours = filled(vit((size, size, 3), CLASSES, depth=depth), published, tensors)
    check_whole(agreement, f"vit_b16, {depth} blocks", ours, theirs, noise(size, size, 3))


def test_another_size_equals_transformers_with_interpolated_positions(agreement, tmp_path):
    theirs, tensors = reference(tmp_path, 96, num_hidden_layers=2, **SMALL)
    ours = filled(vit((160, 64, 3), CLASSES, depth=2, **OUR_SMALL), published, tensors)
    images = noise(160, 64, 3)
    expected = logits(theirs, images, interpolate_pos_encoding=True)
    agreement.check("ViT, positions resized from 96 x 96", HF, images, ours(images), expected)
    table = tensors["vit.embeddings.position_embeddings"]
    with torch.no_grad():
        wanted = theirs.vit.embeddings.interpolate_pos_encoding(torch.zeros(1, 41, 48), 160, 64)
    resized = published.resize_positions(table, (6, 6), (10, 4))
    np.testing.assert_allclose(resized, wanted.numpy(), atol=1e-6)


def test_one_band_equals_transformers_on_grey(agreement, tmp_path):
    theirs, tensors = reference(tmp_path, 64, num_hidden_layers=1, **SMALL)
    ours = filled(vit((64, 64, 1), CLASSES, depth=1, **OUR_SMALL), published, tensors)
    images = noise(64, 64, 1)
    expected = logits(theirs, images.repeat(3, axis=-1))
    agreement.check("ViT, one band as grey", HF, images, ours(images), expected)


def test_vit_keras_models_and_files_come_along(agreement, tmp_path):
    """vit-keras 0.2 itself: a loaded model and every file it writes answer alike here."""
    vit_keras = pytest.importorskip("vit_keras.vit")
    import keras

    from lenszoo.pretrained.imported.vit_keras import from_vit_keras

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
