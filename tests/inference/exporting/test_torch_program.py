"""PyTorch programs: run without Keras, sizes stay open, facts come along."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

BUILD = """
import sys
import numpy as np
import keras
import lenszoo
from lenszoo import build_model

keras.utils.set_random_seed(3)
folder, kind = sys.argv[1:]
models = {
    "vit": lambda: build_model("vit_ti16", input_shape=(32, 32, 1), num_classes=2, depth=1),
    "images and a table": lambda: build_model(
        "lens_finder", input_shape=(32, 32, 2), columns=("size", "colour"), width=4
    ),
    "upscaler": lambda: build_model("srresnet_1", width=4, batch_norm=False, skip="bicubic"),
}
model = models[kind]()
lenszoo.export(model, f"{folder}/net.pt2")
rng = np.random.default_rng(3)
arrays = {
    end.name: rng.random((5, *(n or (20, 26, 0)[i] for i, n in enumerate(end.shape[1:]))), "f4")
    for end in model.inputs
}
told = model.predict(arrays if len(arrays) > 1 else arrays["images"], verbose=0)
np.savez(f"{folder}/told.npz", **arrays, told=told)
"""


@pytest.fixture
def on_torch():
    """A function that runs Python on the PyTorch backend."""

    def run(*arguments):
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            env={**os.environ, "KERAS_BACKEND": "torch"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize("kind", ["vit", "images and a table", "upscaler"])
def test_it_answers_as_the_model_does_for_any_batch(kind, on_torch, tmp_path):
    done = on_torch("-c", BUILD, tmp_path, kind)
    assert done.returncode == 0, done.stderr[-3000:]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.pt2", "told.npz"]
    facts = {"lenszoo": ""}
    network = torch.export.load(tmp_path / "net.pt2", extra_files=facts).module()
    kept = dict(np.load(tmp_path / "told.npz"))
    told = kept.pop("told")
    inputs = [torch.from_numpy(array) for array in kept.values()]
    with torch.no_grad():
        np.testing.assert_allclose(network(*inputs).numpy(), told, atol=1e-4)
        one = network(*(array[:1] for array in inputs)).numpy()
        np.testing.assert_allclose(one, told[:1], atol=1e-4)
        inputs[0][0, 3, 4] = torch.nan
        assert torch.isnan(network(*inputs)[0]).any()
    assert np.ptp(told) > 0.01
    assert json.loads(facts["lenszoo"])["backend"] == "torch"


def test_the_command_writes_weights_by_name(on_torch, tmp_path):
    out = tmp_path / "net.pt2"
    command = ("-m", "lenszoo", "export", "srcnn.sr_75_150_sim", "--format", "torch", "--out", out)
    done = on_torch(*command)
    assert done.stdout == f"{out}: written, and answers as srcnn.sr_75_150_sim does\n", done.stderr
    assert "Warning" not in done.stderr
    facts = {"lenszoo": ""}
    torch.export.load(out, extra_files=facts)
    facts = json.loads(facts["lenszoo"])
    assert (facts["weights"], facts["scale"]) == ("srcnn.sr_75_150_sim", 2)
