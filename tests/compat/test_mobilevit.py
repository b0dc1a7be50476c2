"""MobileViT computes what Hugging Face's PyTorch MobileViT computes, with the same weights."""

import re

import numpy as np
import pytest
import torch
from transformers import MobileViTConfig, MobileViTForImageClassification

from lenszoo.layers import Fold, Unfold
from lenszoo.layers.unfold import resize_bilinear
from lenszoo.models.mobilevit import mobilevit
from lenszoo.pretrained.imported.mobilevit import names
from lenszoo.pretrained.imported.tensor_map import dense

CLASSES = 1000
# ours, theirs, and Mehta & Rastegari's millions of parameters (table 1a)
VARIANTS = {
    "xxs": (
        {"channels": (16, 16, 24, 48, 64, 80, 320), "dims": (64, 80, 96), "expansion": 2},
        {"expand_ratio": 2.0},
        1.3,
    ),
    "xs": ({"channels": (16, 32, 48, 64, 80, 96, 384), "dims": (96, 120, 144)}, {}, 2.3),
    "s": ({"channels": (16, 32, 64, 96, 128, 160, 640), "dims": (144, 192, 240)}, {}, 5.6),
    # not theirs, but of their layout
    "mini": (
        {"channels": (16, 16, 24, 24, 32, 40, 160), "dims": (32, 48, 64), "expansion": 2},
        {"expand_ratio": 2.0},
        0.5,
    ),
}


def reference(ours, theirs):
    torch.manual_seed(0)
    config = MobileViTConfig(
        neck_hidden_sizes=list(ours["channels"]),
        hidden_sizes=list(ours["dims"]),
        num_labels=CLASSES,
        **theirs,
    )
    model = MobileViTForImageClassification(config)
    for name, tensor in model.state_dict().items():
        # What starts trivial or tiny has to move, or it hides what it does.
        if re.search(r"norm\w*\.weight", name):
            tensor.uniform_(0.5, 1.5)
        elif name.endswith("bias"):
            tensor.normal_(0, 0.3)
        elif name.endswith("weight"):
            tensor.normal_(0, (1.5 / tensor[0].numel()) ** 0.5)
    # Running statistics such as training leaves them, so that no signal dies on its way.
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        model.train()(torch.rand(8, 3, 96, 96) * torch.rand(8, 3, 1, 1))
    return model.eval()


def copy_weights(model, state):
    """Fill every variable, through the published names; every tensor must be used once."""
    parts = names(model)
    ours = {v.path: v for v in model.weights if not v.path.startswith("logits/")}
    assert sorted(parts) == sorted(ours)
    used = sorted(part.name for part in parts.values())
    assert used == sorted(n for n in state if not n.startswith("classifier."))
    for path, part in parts.items():
        tensor = part.convert(state[part.name])
        assert tensor.shape == tuple(ours[path].shape), path
        ours[path].assign(tensor)
    model.get_layer("logits").set_weights(
        [dense(state["classifier.weight"]), state["classifier.bias"]]
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_equals_the_pytorch_reference(agreement, variant):
    options, others, millions = VARIANTS[variant]
    theirs = reference(options, others)
    ours = mobilevit((None, None, 3), CLASSES, **options)
    count = sum(int(np.prod(w.shape)) for w in ours.trainable_weights)
    assert count == sum(p.numel() for p in theirs.parameters())
    assert round(count / 1e6, 1) == millions
    state = {k: v.numpy() for k, v in theirs.state_dict().items() if "num_batches" not in k}
    copy_weights(ours, state)

    for size in ((150, 150), (131, 77)):
        images = np.random.default_rng(1).random((2, *size, 3), dtype=np.float32)
        images[1, : size[0] // 2] *= 0.1  # else both are the same to a network that averages
        bgr = np.ascontiguousarray(images[..., ::-1].transpose(0, 3, 1, 2))
        with torch.no_grad():
            expected = theirs(torch.from_numpy(bgr)).logits.numpy()
        assert np.abs(expected[0] - expected[1]).max() > 1  # the images are not all alike to it
        name = f"mobilevit_{variant}"
        agreement.check(name, "transformers", images, ours(images), expected, parameters=count)


@pytest.mark.parametrize("size", [(8, 6), (5, 6), (1, 1), (7, 19)])
def test_unfold_and_fold_equal_the_references(size):
    options, others, _ = VARIANTS["xxs"]
    block = reference(options, others).mobilevit.encoder.layer[2]
    maps = np.random.default_rng(2).normal(size=(3, *size, 4)).astype("float32")
    sequences, how = block.unfolding(torch.from_numpy(maps.transpose(0, 3, 1, 2).copy()))
    np.testing.assert_allclose(np.asarray(Unfold()(maps)), sequences.numpy(), atol=1e-6)
    # not the maps again: folding has to answer for itself
    other = np.random.default_rng(3).normal(size=sequences.shape).astype("float32")
    folded = block.folding(torch.from_numpy(other), how).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(np.asarray(Fold()(other, maps)), folded, atol=1e-6)


@pytest.mark.parametrize("sizes", [((5, 19), (6, 20)), ((6, 20), (5, 19)), ((4, 9), (11, 3))])
def test_resize_equals_pytorchs_interpolation(sizes):
    (height, width), new = sizes
    maps = np.random.default_rng(4).normal(size=(2, height, width, 3)).astype("float32")
    theirs = torch.nn.functional.interpolate(
        torch.from_numpy(maps.transpose(0, 3, 1, 2).copy()),
        size=new,
        mode="bilinear",
        align_corners=False,
    )
    expected = theirs.numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(np.asarray(resize_bilinear(maps, *new)), expected, atol=1e-6)
