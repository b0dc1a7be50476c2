"""Formats of other runtimes: how a model is written, noted and run, one row each."""

import contextlib
import importlib.util
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np

from lenszoo.errors import LenszooError
from lenszoo.inference.exporting.onnx_graph import name_sizes, replace_erfc, restore_where
from lenszoo.inference.exporting.torch_program import run_program, write_program
from lenszoo.layers import Stretch

Arrays: TypeAlias = Mapping[str, np.ndarray]
FACTS = "lenszoo"
"""Key of the facts, a JSON text, in files that have keys; in others a file ``lenszoo.json``."""


@dataclass(frozen=True)
class Format:
    """A format of a runtime.

    Attributes:
        title: its name in messages.
        ending: of its files; empty for a folder.
        modules: what must be importable, and the names of the packages that bring it.
        write: writes a model with its facts to a path.
        run: answers of the written model to named arrays.
        backends: of Keras, with which it can be written.
        extra: of lenszoo, that brings the packages.
    """

    title: str
    ending: str
    modules: Mapping[str, str]
    write: Callable[[keras.Model, Path, str], None]
    run: Callable[[Path, Arrays], np.ndarray]
    backends: tuple[str, ...] = ("tensorflow",)
    extra: str = "export"

    def check(self) -> None:
        """Raise LenszooError where a package, or another backend, is needed to write it."""
        if keras.backend.backend() not in self.backends:
            raise LenszooError(
                f"{self.title} is not written with the backend {keras.backend.backend()}: run with "
                f"KERAS_BACKEND={self.backends[0]}; weights are the same on each."
            )
        missing = [
            package
            for module, package in self.modules.items()
            if importlib.util.find_spec(module) is None
        ]
        if missing:
            raise LenszooError(
                f"{self.title} needs {', '.join(missing)}: pip install {' '.join(missing)}, or "
                f"pip install 'lenszoo[{self.extra}]'."
            )


def _write_onnx(model: keras.Model, path: Path, facts: str) -> None:
    import onnx

    with _with_constants(model):
        model.export(str(path), format="onnx", verbose=False)
    graph = onnx.load(str(path))
    replace_erfc(graph)
    restore_where(graph)
    name_sizes(graph)
    onnx.helper.set_model_props(graph, {FACTS: facts})
    onnx.checker.check_model(graph, full_check=True)
    onnx.save(graph, str(path))


def _run_onnx(path: Path, arrays: Arrays) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, dict(arrays))[0])


def _write_saved_model(model: keras.Model, path: Path, facts: str) -> None:
    model.export(str(path), format="tf_saved_model", verbose=False)
    folder = path / "assets.extra"
    folder.mkdir(exist_ok=True)
    (folder / f"{FACTS}.json").write_text(facts, encoding="utf-8")


def _run_saved_model(path: Path, arrays: Arrays) -> np.ndarray:
    import tensorflow as tf

    serve = tf.saved_model.load(str(path)).signatures["serving_default"]
    answers = serve(**{name: tf.constant(array) for name, array in arrays.items()})
    return next(iter(answers.values())).numpy()


def _write_openvino(model: keras.Model, path: Path, facts: str) -> None:
    import openvino

    model.export(str(path), format="openvino", verbose=False)
    network = openvino.Core().read_model(path)
    _drop_stray_results(network)
    network.set_rt_info(facts, [FACTS])
    # by way of another name: the file that is read is still mapped
    beside = path.with_name(f"noted_{path.name}")
    openvino.save_model(network, beside, compress_to_fp16=False)
    del network
    for new in (beside, beside.with_suffix(".bin")):
        new.replace(new.with_name(new.name.removeprefix("noted_")))


def _drop_stray_results(network: Any) -> None:
    """Drop results that are not answers: the converter leaves an unused value as one."""
    named = {output: output.get_names() for output in network.outputs}
    answers = [o for o, names in named.items() if any(n.startswith("Identity") for n in names)]
    for output in network.outputs if answers else ():
        if output not in answers:
            network.remove_result(output.get_node())


def _run_openvino(path: Path, arrays: Arrays) -> np.ndarray:
    import openvino

    # processors with short floats use them unless told not to
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    network = openvino.Core().compile_model(path, "CPU", exact)
    return np.asarray(network(dict(arrays))[0])


@contextlib.contextmanager
def _with_constants(model: keras.Model) -> Iterator[None]:
    """Have the Normalization layers of a model, as in EfficientNet, hold arrays meanwhile.

    Their tensors would become inputs of the ONNX graph that nobody gives.
    """
    kinds = keras.layers.Normalization
    normalizations = [layer for layer in model._flatten_layers() if isinstance(layer, kinds)]
    kept = [(layer, layer.mean, layer.variance) for layer in normalizations]
    for layer, mean, variance in kept:
        layer.mean = keras.ops.convert_to_numpy(mean)
        layer.variance = keras.ops.convert_to_numpy(variance)
    try:
        yield
    finally:
        for layer, mean, variance in kept:
            layer.mean, layer.variance = mean, variance


@contextlib.contextmanager
def _without_asinh(model: keras.Model) -> Iterator[None]:
    """Have the stretches of a model compute asinh from logarithm and root meanwhile."""
    stretches = [layer for layer in model._flatten_layers() if isinstance(layer, Stretch)]
    for layer in stretches:
        layer.elementary = True
    try:
        yield
    finally:
        for layer in stretches:
            layer.elementary = False


def _write_litert(model: keras.Model, path: Path, facts: str) -> None:
    with _without_asinh(model):  # LiteRT has none
        model.export(str(path), format="litert", verbose=False)
    # readers of the format find files that belong to a model in an archive behind it
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{FACTS}.json", facts)


def _run_litert(path: Path, arrays: Arrays) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    places = interpreter.get_signature_runner().get_input_details()
    for name, array in arrays.items():
        interpreter.resize_tensor_input(places[name]["index"], array.shape)
    interpreter.allocate_tensors()
    for name, array in arrays.items():
        interpreter.set_tensor(places[name]["index"], array)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def _write_torch(model: keras.Model, path: Path, facts: str) -> None:
    write_program(model, path, facts, FACTS)


FORMATS: dict[str, Format] = {
    "onnx": Format(
        "ONNX",
        ".onnx",
        {"onnx": "onnx", "onnxruntime": "onnxruntime", "tf2onnx": "tf2onnx"},
        _write_onnx,
        _run_onnx,
    ),
    "tf_saved_model": Format(
        "A SavedModel",
        "",
        {"tensorflow": "tensorflow"},
        _write_saved_model,
        _run_saved_model,
        ("tensorflow", "jax"),
    ),
    "openvino": Format(
        "OpenVINO",
        ".xml",
        {"openvino": "openvino", "tensorflow": "tensorflow"},
        _write_openvino,
        _run_openvino,
    ),
    "litert": Format(
        "LiteRT",
        ".tflite",
        {"ai_edge_litert": "ai-edge-litert", "tensorflow": "tensorflow"},
        _write_litert,
        _run_litert,
    ),
    "torch": Format(
        "A PyTorch program",
        ".pt2",
        {"torch": "torch"},
        _write_torch,
        run_program,
        ("torch",),
        "torch",
    ),
}
