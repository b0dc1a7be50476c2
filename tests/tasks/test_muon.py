import keras
import numpy as np
import pytest
from oneline import one_line

from lenszoo import build_model
from lenszoo.tasks.muon import KernelMuon
from lenszoo.tasks.optimizers import build_optimizer
from lenszoo.tasks.recipe_tables import Optimizer
from lenszoo.training import Recipe

RATE = 0.01
DATA = {"preset": "common_test_sim", "images": 6, "val_images": 6, "test_images": 6}
FIELDS = {"model": "vit_ti16", "data": DATA}
VIT = {"input_shape": (32, 32, 1), "dim": 32, "depth": 1, "heads": 2, "mlp_dim": 64}


def moves(variables, optimizer, steps=1):
    """How far random gradients move each variable, by path."""
    rng = np.random.default_rng(0)
    before = {v.path: np.array(v) for v in variables}
    for _ in range(steps):
        gradients = [rng.normal(size=v.shape).astype("float32") for v in variables]
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables)
    return {v.path: np.array(v) - before[v.path] for v in variables}


def muon(**fields):
    return build_optimizer(
        Optimizer(name="muon", learning_rate=RATE, schedule="constant", **fields), 1, 10
    )


@pytest.mark.parametrize("model", ["vit_ti16", "resnet18_slim"])
def test_kernels_move_as_far_in_every_direction_and_the_rest_as_with_adamw(model):
    options = VIT if model == "vit_ti16" else {"input_shape": (32, 32, 1)}
    keras.utils.set_random_seed(0)
    variables = build_model(model, **options).trainable_variables
    start = [np.array(v) for v in variables]
    moved = moves(variables, muon())
    for variable, value in zip(variables, start, strict=True):
        variable.assign(value)
    adamw = Optimizer(name="adamw", learning_rate=RATE, schedule="constant")
    same = moves(variables, build_optimizer(adamw, 1, 10))
    kernels = 0
    for path, move in moved.items():
        if np.allclose(move, same[path], rtol=1e-4, atol=1e-7):
            continue
        kernels += 1
        to_heads = path.split("/")[-2] in ("query", "key", "value")
        matrix = move.reshape((len(move), -1) if to_heads else (-1, move.shape[-1]))
        # Liu et al. 2025, equation 4; Newton-Schulz in five steps is as exact as that, and leaves
        # directions short that a square gradient hardly has
        lengths = np.linalg.svd(matrix, compute_uv=False) / (0.2 * RATE * max(matrix.shape) ** 0.5)
        assert np.quantile(lengths, 0.1) > 0.5
        assert lengths.max() < 1.3
        # so that entries move as far as AdamW's do
        assert 0.5 < np.std(move) / (0.2 * RATE) < 1.5
    inner = {p for p in moved if p.endswith("kernel") and "logits" not in p and "embed" not in p}
    assert kernels == len(inner)


def test_muon_decays_kernels_alone_whatever_moves_them():
    variables = build_model("vit_ti16", **VIT).trainable_variables
    for variable in variables:
        variable.assign(np.ones(variable.shape))
    optimizer = muon(weight_decay=0.5)
    optimizer.apply([keras.ops.zeros(v.shape) for v in variables], variables)
    lost = {v.path: 1 - float(np.min(np.array(v))) for v in variables}
    for path, loss in lost.items():
        decay = 0.5 * RATE if path.endswith("kernel") else 0.0
        assert loss == pytest.approx(decay, rel=1e-3), path


def test_two_steps_are_nesterovs():
    """The second step is of g2 + 0.95 * m2, m2 = g2 + 0.95 * g1."""
    kernel = keras.Variable(np.zeros((20, 16)), name="kernel")
    first, second = np.random.default_rng(1).normal(size=(2, 20, 16)).astype("float32")
    optimizer = KernelMuon(RATE, weight_decay=None, adam_weight_decay=None)
    for gradient in (first, second):
        before = np.array(kernel)
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [kernel])
    u, _, v = np.linalg.svd(second + 0.95 * (second + 0.95 * first), full_matrices=False)
    step = before - np.array(kernel)
    assert np.corrcoef(step.ravel(), (u @ v).ravel())[0, 1] > 0.97


def test_muon_has_no_rates_by_layer():
    one_line(
        "layer_decay has an effect with adamw, adam alone: leave it out",
        lambda: Recipe(**FIELDS, optimizer={"name": "muon", "layer_decay": 0.8}),
    )
