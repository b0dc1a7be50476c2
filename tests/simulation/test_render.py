"""The same sky on JAX and on PyTorch, where TensorFlow is not even installed."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from lenszoo.simulation import sample
from lenszoo.simulation.random import pixel_uniform, poisson_from_uniform
from lenszoo.simulation.render import compiled

SKIES = {"common_test_sim": 6, "deeplense_model_2": 3}
SEED = 21

WITHOUT_TENSORFLOW = """
import importlib.abc, json, sys

class Forbid(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "tensorboard"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Forbid())
import keras, numpy as np
from lenszoo.simulation import SimulatedDataset, sample

assert keras.config.backend() == sys.argv[4]
skies, seed = json.loads(sys.argv[1]), int(sys.argv[2])
results = {name: sample(name, n, seed).images for name, n in skies.items()}
from lenszoo.simulation.random import pixel_uniform, poisson_from_uniform
uniforms = pixel_uniform(np.uint32([[seed, 7]]), 20000)
means = np.geomspace(1e-3, 1e3, 20000, dtype=np.float32)[None]
results |= {"uniforms": uniforms, "counts": poisson_from_uniform(means, uniforms)}
np.savez(sys.argv[3], **{name: np.asarray(value) for name, value in results.items()})
model = keras.Sequential([keras.layers.AveragePooling2D(8), keras.layers.Flatten()])
model.add(keras.layers.Dense(3))
model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
dataset = SimulatedDataset("deeplense_model_2", 16, batch_size=8, augment="d4")
history = model.fit(dataset, verbose=0)
assert np.isfinite(history.history["loss"]).all()
assert "tensorflow" not in sys.modules
"""


@pytest.fixture(scope="module", params=["jax", "torch"])
def elsewhere(request, tmp_path_factory):
    backend = request.param
    pytest.importorskip(backend)
    path = tmp_path_factory.mktemp(backend) / "images.npz"
    arguments = [json.dumps(SKIES), str(SEED), str(path), backend]
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, *arguments]
    environment = os.environ | {"KERAS_BACKEND": backend}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return np.load(path)


def test_noise_is_the_same_on_all_backends(elsewhere):
    uniforms = ops.convert_to_numpy(pixel_uniform(np.uint32([[SEED, 7]]), 20_000))
    np.testing.assert_array_equal(uniforms, elsewhere["uniforms"])
    means = np.geomspace(1e-3, 1e3, 20_000, dtype=np.float32)[None]
    counts = ops.convert_to_numpy(poisson_from_uniform(means, uniforms))
    difference = np.abs(counts - elsewhere["counts"])
    assert difference.max() <= 1 and np.mean(difference > 0) < 1e-3


@pytest.mark.parametrize("name", SKIES)
def test_skies_are_the_same_on_all_backends(elsewhere, name):
    """A rounding apart; where it crosses the edge of a count, that pixel is one count off."""
    ours = sample(name, SKIES[name], SEED).images
    difference = np.abs(ours - elsewhere[name])
    assert np.mean(difference > 1e-5) < 2e-3
    assert difference.max() < 0.01


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="PyTorch compiles nothing here")
def test_a_program_for_tensors_of_the_same_names_and_shapes():
    traced = []

    def total(arrays, factor):
        traced.append(sorted(arrays))
        return sum(factor * array for array in arrays.values())

    program = compiled(total)
    one, two, wide = (ops.ones(shape, "float32") for shape in ((2,), (2,), (3,)))
    for arrays, expected in (
        ({"a": one}, [3.0, 3.0]),
        ({"a": two}, [3.0, 3.0]),
        ({"a": wide}, [3.0, 3.0, 3.0]),
        ({"b": one}, [3.0, 3.0]),
        ({"a": one, "b": two}, [6.0, 6.0]),
    ):
        np.testing.assert_array_equal(program(arrays, ops.convert_to_tensor(3.0)), expected)
    assert traced == [["a"], ["a"], ["b"], ["a", "b"]]
    with pytest.raises(TypeError):
        program({"a": one})
