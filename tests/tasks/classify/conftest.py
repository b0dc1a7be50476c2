import keras
import numpy as np
import pytest
from tinyrun import SHAPE

from lenszoo import build_model
from lenszoo.pretrained.loading import save_weights


@pytest.fixture
def start(fields, tmp_path):
    """Fields of a recipe that fine-tunes a small network whose weights are no defaults."""
    keras.utils.set_random_seed(1)
    model = build_model("simple_cnn", input_shape=SHAPE, num_classes=2, width=4)
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if layer.name.startswith("bn"):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    path = save_weights(model, tmp_path / "start.weights.h5")
    fields["optimizer"] = {"learning_rate": 1e-2, "weight_decay": 0.1}
    return fields | {"weights": str(path), "options": {"width": 4}, "epochs": 4}


@pytest.fixture
def teacher(tmp_path):
    keras.utils.set_random_seed(2)
    model = build_model("simple_cnn", input_shape=SHAPE, num_classes=2, width=4)
    for layer in model.layers:  # as unlike a fresh network as a trained one
        if layer.name == "logits":
            layer.set_weights([9 * w for w in layer.get_weights()])
    return save_weights(model, tmp_path / "teacher.weights.h5")
