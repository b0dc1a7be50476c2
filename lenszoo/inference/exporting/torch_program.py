"""Programs of PyTorch (``.pt2``), which plain PyTorch runs, without Keras and lenszoo."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lenszoo.errors import LenszooError

_TRACED = 48  # pixels of the traced images where a model takes any size

_READER = """
import sys
import numpy as np
import torch
arrays = np.load(sys.argv[2])
network = torch.export.load(sys.argv[1]).module()
with torch.no_grad():
    answers = network(*(torch.from_numpy(arrays[name]) for name in arrays.files))
assert not {"keras", "lenszoo"} & set(sys.modules)
np.save(sys.argv[3], answers.numpy())
"""


def write_program(model: keras.Model, path: Path, facts: str, key: str) -> None:
    """Write a model of the PyTorch backend as a program of operators of PyTorch alone.

    Its inputs are positional, in the order of ``model.inputs``; open sizes stay open.

    Args:
        model: a graph of layers.
        path: of the file, ``.pt2``.
        facts: a text that goes along as an extra file.
        key: name of that extra file.
    """
    import torch

    names = [tensor.name for tensor in model.inputs]
    named = isinstance(model.input, dict)

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *arrays: Any) -> Any:
            inputs = dict(zip(names, arrays, strict=True)) if named else arrays[0]
            return self.model(inputs, training=False)

    traced, open_sizes = [], []
    for tensor in model.inputs:
        # a batch of one would be traced as a constant
        default = [2, *[_TRACED] * (len(tensor.shape) - 1)]
        shape = [default[i] if n is None else n for i, n in enumerate(tensor.shape)]
        traced.append(keras.ops.zeros(shape, "float32"))
        free = [i for i, n in enumerate(tensor.shape) if n is None]
        open_sizes.append(dict.fromkeys(free, torch.export.Dim.DYNAMIC))
    with torch.no_grad():
        program = torch.export.export(
            Network().eval(), tuple(traced), dynamic_shapes=(tuple(open_sizes),), strict=False
        )
    torch.export.save(program, path, extra_files={key: facts})


def run_program(path: Path, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the answers of a program, run in a process without Keras.

    Raises:
        LenszooError: it does not run there.
    """
    with tempfile.TemporaryDirectory() as folder:
        inputs, answers = Path(folder) / "inputs.npz", Path(folder) / "answers.npy"
        np.savez(inputs, allow_pickle=False, **arrays)
        done = subprocess.run(
            [sys.executable, "-c", _READER, path, inputs, answers],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise LenszooError(
                f"PyTorch alone cannot run {path.name}: {done.stderr.strip()[-400:]}"
            )
        return np.load(answers)
