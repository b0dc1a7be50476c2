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
