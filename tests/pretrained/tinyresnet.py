"""A small published resnet: its tensors as the hub names them, and the network."""

import keras
import numpy as np

from lenszoo.pretrained.imported import resnet
from lenszoo.pretrained.imported.transfer import backbone_variables
from lenszoo.pretrained.loading import build_model

TINY = {"width": 4, "blocks": (1, 1)}


def published(prefix="resnet."):
    """Tensors as the hub names them, of a random resnet of three bands; and that net."""
    keras.utils.set_random_seed(0)
    model = build_model("resnet18", input_shape=(None, None, 3), **TINY)
    variables = backbone_variables(model)
    for path, variable in variables.items():
        if path.endswith("moving_variance"):
            variable.assign(np.random.default_rng(1).uniform(0.5, 1.5, variable.shape))
    tensors = {}
    for path, part in resnet.names(model).items():
        value = keras.ops.convert_to_numpy(variables[path])
        value = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value
        tensors[prefix + part.name.removeprefix("resnet.")] = np.ascontiguousarray(value)
    if prefix:
        tensors["classifier.1.weight"] = np.zeros((1000, 8), np.float32)
        tensors["classifier.1.bias"] = np.zeros(1000, np.float32)
    tensors[f"{prefix}embedder.embedder.normalization.num_batches_tracked"] = np.zeros((), np.int64)
    return model, tensors
