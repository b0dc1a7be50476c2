"""ResNet-18 and -34 compute what the PyTorch ResNets of Hugging Face compute, weights copied."""

import numpy as np
import pytest
import torch
from transformers import ResNetConfig, ResNetModel

from lenszoo import build_model
from lenszoo.errors import LenszooError

CLASSES = 10
DEPTHS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}


def reference(row: str) -> ResNetModel:
    torch.manual_seed(0)
    config = ResNetConfig(
        num_channels=3,
        embedding_size=64,
        hidden_sizes=[64, 128, 256, 512],
        depths=list(DEPTHS[row]),
        layer_type="basic",
    )
    model = ResNetModel(config).eval()
    for name, tensor in model.state_dict().items():  # norms start trivial: move them
        if name.endswith("running_mean"):
            tensor.normal_(0, 0.1)
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif name.endswith("normalization.weight"):
            tensor.uniform_(0.5, 1.0)  # below 1, so that a deep sum of blocks keeps its size
    return model


def pairs(name: str) -> dict[str, str]:
    """Our convolution or BatchNorm -> theirs."""
    names = {
        "stem_conv": "embedder.embedder.convolution",
        "stem_bn": "embedder.embedder.normalization",
    }
    for stage, depth in enumerate(DEPTHS[name]):
        for block in range(depth):
            ours = f"stage{stage + 1}_block{block + 1}"
            theirs = f"encoder.stages.{stage}.layers.{block}"
            for k in (0, 1):
                names[f"{ours}_conv{k + 1}"] = f"{theirs}.layer.{k}.convolution"
                names[f"{ours}_bn{k + 1}"] = f"{theirs}.layer.{k}.normalization"
            if stage and not block:
                names[f"{ours}_down_conv"] = f"{theirs}.shortcut.convolution"
                names[f"{ours}_down_bn"] = f"{theirs}.shortcut.normalization"
    return names


def copy_weights(model, state: dict[str, np.ndarray]) -> int:
    used = 0
    for ours, theirs in pairs(model.name).items():
        layer = model.get_layer(ours)
        if ours.endswith(("conv", "conv1", "conv2")):
            weights = [state[f"{theirs}.weight"].transpose(2, 3, 1, 0)]
        else:
            parts = ("weight", "bias", "running_mean", "running_var")
            weights = [state[f"{theirs}.{part}"] for part in parts]
        layer.set_weights(weights)
        used += len(weights)
    return used


def compare(agreement, what: str, ours, theirs: ResNetModel) -> None:
    """Check the logits that our head makes of both networks' features."""
    images = np.random.default_rng(1).random((2, 150, 150, 3), dtype=np.float32)
    scaled = torch.from_numpy(((images - 0.449) / 0.226).transpose(0, 3, 1, 2))
    with torch.no_grad():
        pooled = theirs(scaled).pooler_output.flatten(1).numpy()
    head = ours.get_layer("logits")
    expected = pooled @ np.asarray(head.kernel) + np.asarray(head.bias)
    count = sum(int(np.prod(w.shape)) for w in ours.trainable_weights)
    assert count - head.count_params() == sum(p.numel() for p in theirs.parameters())
    agreement.check(what, "transformers", images, ours(images), expected, parameters=count)


@pytest.mark.parametrize("name", DEPTHS)
def test_resnets_equal_the_pytorch_reference(agreement, name):
    theirs = reference(name)
    state = {k: v.numpy() for k, v in theirs.state_dict().items() if "num_batches" not in k}
    ours = build_model(name, input_shape=(150, 150, 3), num_classes=CLASSES)
    assert copy_weights(ours, state) == len(state)  # no tensor of theirs is left over
    compare(agreement, name, ours, theirs)


def test_a_file_of_pytorch_is_as_good_as_safetensors(agreement, tmp_path):
    theirs, options = reference("resnet18"), {"input_shape": (150, 150, 3), "num_classes": CLASSES}
    torch.save(theirs.state_dict(), tmp_path / "pytorch_model.bin")
    ours = build_model("resnet18", weights=tmp_path / "pytorch_model.bin", **options)
    compare(agreement, "resnet18 from pytorch_model.bin", ours, theirs)
    old = tmp_path / "old.pth"
    torch.save(theirs.state_dict(), old, _use_new_zipfile_serialization=False)
    with pytest.raises(LenszooError, match=r"by PyTorch before 1\.6"):
        build_model("resnet18", weights=old, **options)
