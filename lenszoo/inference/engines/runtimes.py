"""Runtimes that answer in the place of Keras, a row each."""

import importlib.metadata
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np

Session: TypeAlias = Callable[[Mapping[str, np.ndarray]], list[np.ndarray]]
"""Answers of a network to named arrays, one array an output."""

_HINTS = {"float32": "f32", "bfloat16": "bf16"}


@dataclass(frozen=True)
class Runtime:
    """A runtime.

    Attributes:
        title: its name in messages.
        format: the key of its files' row in :data:`lenszoo.inference.exporting.FORMATS`.
        package: what brings it.
        precisions: those that it computes in on a CPU, where the processor does.
        open: opens a file in a precision.
    """

    title: str
    format: str
    package: str
    precisions: tuple[str, ...]
    open: Callable[[Path, str], Session]

    @property
    def version(self) -> str:
        """Version of the package."""
        return importlib.metadata.version(self.package)


def _threads() -> int:
    """Return the threads that the environment allows a process, as search gives its workers."""
    text = os.environ.get("OMP_NUM_THREADS", "")
    return int(text) if text.isdecimal() else 0


class _OpenVino:
    """A network of OpenVINO, compiled for the shape of a batch: twice as fast as for any."""

    def __init__(self, path: Path, precision: str) -> None:
        import openvino

        self._core = openvino.Core()
        self._network = self._core.read_model(path)
        self._options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": _HINTS[precision]}
        if _threads():
            self._options["INFERENCE_NUM_THREADS"] = _threads()
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._compiled: Any = None

    def __call__(self, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        shapes = {name: array.shape for name, array in arrays.items()}
        if shapes != self._shapes:
            network = self._network.clone()
            network.reshape({name: list(shape) for name, shape in shapes.items()})
            self._compiled = self._core.compile_model(network, "CPU", self._options)
            self._shapes = shapes
        answers = self._compiled(dict(arrays))
        return [np.array(answers[k]) for k in range(len(self._compiled.outputs))]


def _open_onnx(path: Path, precision: str) -> Session:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = _threads()
    session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    return lambda arrays: [np.asarray(values) for values in session.run(None, dict(arrays))]


RUNTIMES: dict[str, Runtime] = {
    "onnx": Runtime("ONNX Runtime", "onnx", "onnxruntime", ("float32",), _open_onnx),
    "openvino": Runtime("OpenVINO", "openvino", "openvino", ("float32", "bfloat16"), _OpenVino),
}


class RuntimeModel:
    """A network that another runtime runs.

    Attributes:
        weights: the variables of the Keras model.
        output_shape: that of the Keras model.
    """

    def __init__(self, graph: keras.Model, session: Session) -> None:
        self.weights, self.output_shape = graph.weights, graph.output_shape
        self._names = [tensor.name for tensor in graph.inputs]
        self._single = len(graph.outputs) == 1
        self._session = session

    def predict_on_batch(self, inputs: Any) -> Any:
        """Return what the Keras model's method of this name does."""
        named = inputs if isinstance(inputs, dict) else {self._names[0]: inputs}
        arrays = {name: np.ascontiguousarray(named[name], np.float32) for name in self._names}
        answers = self._session(arrays)
        return answers[0] if self._single else answers
