"""Maps from the tensors of a published file to the variables of a model."""

from collections.abc import Callable, Collection
from typing import NamedTuple

import numpy as np

from lenszoo.errors import LenszooError


def same(tensor: np.ndarray) -> np.ndarray:
    """Take the tensor as it is."""
    return tensor


def dense(tensor: np.ndarray) -> np.ndarray:
    """PyTorch's linear weight (out, in) to a Dense kernel (in, out)."""
    return tensor.T


def conv(tensor: np.ndarray) -> np.ndarray:
    """PyTorch's convolution weight (out, in, h, w) to (h, w, in, out)."""
    return tensor.transpose(2, 3, 1, 0)


def depthwise(tensor: np.ndarray) -> np.ndarray:
    """PyTorch's depthwise weight (channels, 1, h, w) to (h, w, channels, 1)."""
    return tensor.transpose(2, 3, 0, 1)


class Part(NamedTuple):
    """Published tensor of one variable.

    Attributes:
        name: the tensor's name in the published file.
        convert: turns that tensor into the variable.
    """

    name: str
    convert: Callable[[np.ndarray], np.ndarray] = same


def prefix_of(tensors: Collection[str], anchors: Collection[str]) -> str:
    """Return what stands before a network's names in a file: "" or such as ``encoder.``.

    Args:
        tensors: the names in the file.
        anchors: names of which a network has one.

    Raises:
        LenszooError: the file holds several networks.
    """
    prefixes = {
        name.removesuffix(anchor)
        for name in tensors
        for anchor in anchors
        if name == anchor or name.endswith(f".{anchor}")
    }
    if len(prefixes) > 1:
        first, second = sorted(prefixes)[:2]
        raise LenszooError(
            f"it holds several networks ({first or 'no prefix'}, {second}): save one of them alone"
        )
    return next(iter(prefixes), "")


def batch_norm(target: str, source: str) -> dict[str, Part]:
    """The four variables of a BatchNormalization layer from PyTorch's names."""
    pairs = {
        "gamma": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
    }
    return {f"{target}/{a}": Part(f"{source}.{b}") for a, b in pairs.items()}


def layer_norm(target: str, source: str) -> dict[str, Part]:
    """The two variables of a LayerNormalization layer from PyTorch's names."""
    return {
        f"{target}/gamma": Part(f"{source}.weight"),
        f"{target}/beta": Part(f"{source}.bias"),
    }


def linear(target: str, source: str, *, bias: bool = True) -> dict[str, Part]:
    """The variables of a Dense layer from PyTorch's names."""
    parts = {f"{target}/kernel": Part(f"{source}.weight", dense)}
    return parts | ({f"{target}/bias": Part(f"{source}.bias")} if bias else {})


def _split(heads: int) -> Callable[[np.ndarray], np.ndarray]:
    """Projection (dim, in) to (in, heads, size), or its bias (dim,) to (heads, size)."""
    return lambda tensor: tensor.T.reshape(*tensor.shape[1:], heads, -1)


def _join(heads: int) -> Callable[[np.ndarray], np.ndarray]:
    """Projection (out, dim) of all heads together to (heads, size, out)."""
    return lambda tensor: tensor.T.reshape(heads, -1, tensor.shape[0])


def _attention_output(target: str, source: str, heads: int) -> dict[str, Part]:
    return {
        f"{target}/attention_output/kernel": Part(f"{source}.weight", _join(heads)),
        f"{target}/attention_output/bias": Part(f"{source}.bias"),
    }


def attention(target: str, source: str, heads: int) -> dict[str, Part]:
    """The variables of Keras' MultiHeadAttention, whose heads have an axis, from Hugging Face's."""
    parts = _attention_output(target, f"{source}.output.dense", heads)
    for part in ("query", "key", "value"):
        parts[f"{target}/{part}/kernel"] = Part(f"{source}.attention.{part}.weight", _split(heads))
        parts[f"{target}/{part}/bias"] = Part(f"{source}.attention.{part}.bias", _split(heads))
    return parts


def fused_attention(target: str, source: str, heads: int) -> dict[str, Part]:
    """The same from timm's names, where one tensor holds query, key and value."""

    def third(number: int) -> Callable[[np.ndarray], np.ndarray]:
        return lambda tensor: _split(heads)(np.split(tensor, 3)[number])

    parts = _attention_output(target, f"{source}.proj", heads)
    for number, part in enumerate(("query", "key", "value")):
        parts[f"{target}/{part}/kernel"] = Part(f"{source}.qkv.weight", third(number))
        parts[f"{target}/{part}/bias"] = Part(f"{source}.qkv.bias", third(number))
    return parts


def transformer(target: str, source: str) -> dict[str, Part]:
    """The norms and the MLP of a transformer's block from Hugging Face's names."""
    return {
        **layer_norm(f"{target}_norm1", f"{source}.layernorm_before"),
        **layer_norm(f"{target}_norm2", f"{source}.layernorm_after"),
        **linear(f"{target}_mlp1", f"{source}.intermediate.dense"),
        **linear(f"{target}_mlp2", f"{source}.output.dense"),
    }


def patch_embedding(source: str) -> dict[str, Part]:
    """The convolution of the patches and the class token from Hugging Face's names."""
    projection = f"{source}.patch_embeddings.projection"
    return {
        "patch_embedding/kernel": Part(f"{projection}.weight", conv),
        "patch_embedding/bias": Part(f"{projection}.bias"),
        "class_token/token": Part(f"{source}.cls_token"),
    }
