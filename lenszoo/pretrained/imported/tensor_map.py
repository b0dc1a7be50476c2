"""Maps from the tensors of a published file to the variables of a model."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


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


def attention(target: str, source: str, heads: int) -> dict[str, Part]:
    """The variables of Keras' MultiHeadAttention, whose heads have an axis, from Hugging Face's."""

    def split(tensor: np.ndarray) -> np.ndarray:
        """Projection (dim, in) to (in, heads, size), or its bias (dim,) to (heads, size)."""
        return tensor.T.reshape(*tensor.shape[1:], heads, -1)

    def join(tensor: np.ndarray) -> np.ndarray:
        """Projection (out, dim) of all heads together to (heads, size, out)."""
        return tensor.T.reshape(heads, -1, tensor.shape[0])

    output = f"{source}.output.dense"
    parts = {
        f"{target}/attention_output/kernel": Part(f"{output}.weight", join),
        f"{target}/attention_output/bias": Part(f"{output}.bias"),
    }
    for part in ("query", "key", "value"):
        parts[f"{target}/{part}/kernel"] = Part(f"{source}.attention.{part}.weight", split)
        parts[f"{target}/{part}/bias"] = Part(f"{source}.attention.{part}.bias", split)
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
