"""Published encoders: timm, transformers and Meta's own code, run on the files that they write."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from timm_import import timm
from transformer_files import HF, noise
from transformers import (
    ConvNextConfig,
    ConvNextModel,
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
)

from lenszoo import build_model

IMAGENET, SIGNED, PLAIN = (0.449, 0.226), (0.5, 0.5), (0.0, 1.0)
CLASSES = 10


def moved(model):
    """A network of PyTorch in which nothing is trivial, of features near 1 in size."""
    torch.manual_seed(0)
    for name, tensor in model.eval().state_dict().items():
        if name.endswith(("gamma", "lambda1", "layer_scale_parameter")):
            tensor.uniform_(0.1, 0.3)  # as published; at a start of 1e-6 no block would count
        else:
            tensor.add_(torch.randn_like(tensor) * 0.02)
    return model


def features(model, images, scaling):
    """The reference's answer to (n, H, W, bands) images in [0, 1]."""
    mean, std = scaling
    pixels = torch.from_numpy(((images - mean) / std).transpose(0, 3, 1, 2).astype(np.float32))
    with torch.no_grad():
        answer = model(pixels)
    return getattr(answer, "pooler_output", answer).numpy()


def compare(agreement, label, row, theirs, path, images, *, by, scaling, bands=None, **options):
    """Check the logits that our head makes of both networks' features."""
    height, width, channels = images.shape[1:]
    ours = build_model(
        row, input_shape=(height, width, bands or channels), num_classes=CLASSES, weights=path,
        **options,
    )  # fmt: skip
    head = ours.get_layer("logits")
    expected = features(theirs, images, scaling) @ np.asarray(head.kernel) + np.asarray(head.bias)
    answers = ours(images[..., :1] if bands == 1 else images)
    count = ours.count_params() - head.count_params()
    agreement.check(label, by, images, answers, expected, parameters=count)
    return count


def size_of(model, *left_out):
    return sum(p.numel() for name, p in model.named_parameters() if name not in left_out)


@pytest.mark.parametrize("row", ["convnext_atto", "convnext_nano", "convnext_tiny"])
def test_convnext_equals_timm(agreement, tmp_path, row):
    theirs = moved(timm.create_model(row, num_classes=0))
    path = tmp_path / "model.safetensors"
    save_file(theirs.state_dict(), path)
    about = {"by": "timm", "scaling": IMAGENET}
    count = compare(agreement, row, row, theirs, path, noise(150, 131, 3), **about)
    assert count == size_of(theirs)


@pytest.mark.parametrize("size", ["small", "base"])
def test_sizes_of_large_convnexts_are_those_of_timm(size):
    """Their code is that of the small ones: the names and shapes of all tensors suffice."""
    from lenszoo.pretrained.imported.convnext import names

    with torch.device("meta"):
        theirs = timm.create_model(f"convnext_{size}", num_classes=0)
    ours = build_model(f"convnext_{size}", input_shape=(64, 64, 3), num_classes=CLASSES)
    shapes = {name: tuple(tensor.shape) for name, tensor in theirs.state_dict().items()}
    parts = names(ours, shapes)
    assert {part.name for part in parts.values()} == set(shapes)
    for layer in ours.layers:
        for variable in layer.weights if layer.name != "logits" else ():
            part = parts[variable.path]
            assert part.convert(np.empty(shapes[part.name])).shape == tuple(variable.shape)


def test_zoobot_from_a_checkpoint_of_lightning(agreement, tmp_path):
    """An encoder that takes pixels as they are, below a prefix, beside a head and an optimizer."""
    theirs = moved(timm.create_model("convnext_nano", num_classes=0))
    state = {f"encoder.{name}": tensor for name, tensor in theirs.state_dict().items()}
    state["head.output.weight"] = torch.zeros(34, 640)
    checkpoint = {
        "epoch": 3, "pytorch-lightning_version": "2.1.0", "state_dict": state, "loops": {},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": []}],
    }  # fmt: skip
    path = tmp_path / "zoobot.ckpt"
    torch.save(checkpoint, path)
    about = {"by": "timm", "scaling": PLAIN, "mean": 0.0, "std": 1.0}
    label = "convnext_nano from a Lightning checkpoint"
    compare(agreement, label, "convnext_nano", theirs, path, noise(64, 64, 3), **about)


def test_a_greyscale_encoder(agreement, tmp_path):
    theirs = moved(timm.create_model("convnext_atto", num_classes=0, in_chans=1))
    path = tmp_path / "grey.safetensors"
    save_file(theirs.state_dict(), path)
    about = {"by": "timm", "scaling": PLAIN, "mean": 0.0, "std": 1.0}
    label = "convnext_atto of one band"
    compare(agreement, label, "convnext_atto", theirs, path, noise(64, 64, 1), **about)


def test_convnext_of_transformers_and_of_meta(agreement, tmp_path):
    depths, dims = (1, 1, 2, 1), (16, 24, 32, 48)
    options = {"depths": depths, "dims": dims, "scaling": IMAGENET}
    images = noise(70, 64, 3)
    theirs = moved(ConvNextModel(ConvNextConfig(depths=list(depths), hidden_sizes=list(dims))))
    # its config names one epsilon and uses another where the features are pooled
    theirs.layernorm.eps = 1e-6
    theirs.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    compare(agreement, "ConvNeXt, small", "convnext_tiny", theirs, path, images, by=HF, **options)

    theirs = moved(timm.models.ConvNeXt(depths=depths, dims=dims, num_classes=0))
    names = [("stem", "downsample_layers.0"), ("head.norm", "norm")]
    names += [(f"stages.{s}.downsample", f"downsample_layers.{s}") for s in (1, 2, 3)]
    names += [
        ("blocks.", ""),
        ("conv_dw", "dwconv"),
        ("mlp.fc1", "pwconv1"),
        ("mlp.fc2", "pwconv2"),
    ]
    published = {}
    for name, tensor in theirs.state_dict().items():
        for old, new in names:
            name = name.replace(old, new)
        published[name] = tensor
    # timm's own reader of Meta's files takes these names for Meta's
    read = timm.models.convnext.checkpoint_filter_fn(dict(published), theirs)
    assert read.keys() == theirs.state_dict().keys()
    torch.save(published, tmp_path / "meta.pth")
    about = {"by": "timm", **options}
    label = "ConvNeXt, small, Meta's names"
    compare(agreement, label, "convnext_tiny", theirs, tmp_path / "meta.pth", images, **about)


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ("vit_ti16", "vit_tiny_patch16_224"),
        ("vit_s16", "vit_small_patch16_224"),
        ("vit_b16", "vit_base_patch16_224"),
    ],
)
def test_vit_equals_timm(agreement, tmp_path, row, name):
    theirs = moved(timm.create_model(name, dynamic_img_size=True))
    path = tmp_path / "model.safetensors"
    save_file(theirs.state_dict(), path)  # with its head, which is left out
    theirs.reset_classifier(0)
    sizes = [(224, 224), (160, 96)] if row != "vit_b16" else [(96, 96)]
    for size in sizes:
        about = {"by": "timm", "scaling": SIGNED}
        count = compare(agreement, name, row, theirs, path, noise(*size, 3), **about)
    assert row == "vit_b16" or size_of(theirs, "pos_embed") + 61 * theirs.embed_dim == count


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ("dinov2_s14", "vit_small_patch14_dinov2"),
        ("dinov2_b14", "vit_base_patch14_dinov2"),
        ("dinov2_s14_reg", "vit_small_patch14_reg4_dinov2"),
        ("dinov2_b14_reg", "vit_base_patch14_reg4_dinov2"),
    ],
)
def test_dinov2_equals_timm(agreement, tmp_path, row, name):
    theirs = moved(timm.create_model(name, dynamic_img_size=True, num_classes=0))
    path = tmp_path / "model.safetensors"
    save_file(theirs.state_dict(), path)
    about = {"by": "timm", "scaling": IMAGENET}
    compare(agreement, name, row, theirs, path, noise(154, 70, 3), **about)


def test_dinov2_equals_transformers(agreement, tmp_path):
    small = {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 3, "image_size": 98}
    ours = {"dim": 48, "depth": 3, "heads": 3, "mlp_dim": 192}
    for kind, config, row in (
        (Dinov2Model, Dinov2Config, "dinov2_s14"),
        (Dinov2WithRegistersModel, Dinov2WithRegistersConfig, "dinov2_s14_reg"),
    ):
        theirs = moved(kind(config(patch_size=14, **small)))
        theirs.save_pretrained(tmp_path)
        path = tmp_path / "model.safetensors"
        about = {"by": HF, "scaling": IMAGENET, **ours}
        for size in ((98, 98), (56, 154)):
            compare(agreement, f"{row}, 3 blocks", row, theirs, path, noise(*size, 3), **about)


def test_dinov2_equals_metas_own_code(agreement, tmp_path):
    """The package dinov2, installed without the old versions that it asks for."""
    from dinov2.models.vision_transformer import vit_small

    theirs = moved(vit_small(patch_size=14, img_size=518, init_values=1.0, block_chunks=0))
    path = tmp_path / "dinov2_vits14_pretrain.pth"
    torch.save(theirs.state_dict(), path)
    about = {"by": "dinov2", "scaling": IMAGENET}
    for size in ((154, 154), (98, 56)):
        compare(agreement, "dinov2_s14", "dinov2_s14", theirs, path, noise(*size, 3), **about)
    grey = noise(154, 154, 1).repeat(3, axis=-1)
    label = "dinov2_s14, one band as grey"
    compare(agreement, label, "dinov2_s14", theirs, path, grey, bands=1, **about)
