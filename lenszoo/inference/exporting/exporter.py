"""Export of a model to a file of another runtime, checked by running that file."""

import json
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lenszoo.errors import LenszooError, one_line
from lenszoo.files import check_output
from lenszoo.inference.exporting.formats import FORMATS, Arrays, Format
from lenszoo.inference.loaded_model import open_model
from lenszoo.inference.upscaling import open_upscaler
from lenszoo.models.build import as_graph, last_activation
from lenszoo.pretrained.loading import load_model
from lenszoo.pretrained.source import WeightsName

log = logging.getLogger("lenszoo")

TOLERANCE = 1e-4
"""Largest difference from the answers in Keras, times the largest answer where that is above 1."""
_SIDE = 48  # pixels of test images where a model takes any size
_BATCH = 3  # another than 1, to see that the size of a batch is open


def export(
    model: keras.Model | WeightsName | Sequence[WeightsName],
    out: str | os.PathLike[str],
    *,
    format: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Export a model to a file that other runtimes read, and check it by running it.

    Scaling, as everything in a model of the zoo, is part of the file; the batch is of any size. The
    file's metadata hold a JSON text ``lenszoo`` with classes, temperature, bands, pixel scale and
    provenance: ``metadata_props`` of ONNX, ``rt_info`` of OpenVINO, ``assets.extra/lenszoo.json``
    of a SavedModel, the archive behind a LiteRT file, ``extra_files`` of a PyTorch program. Answers
    are logits, as those of the model.

    Args:
        model: a weights' name, a run folder, a ``.weights.h5`` or ``.keras`` file, a list of them
            for their ensemble, or a model in memory.
        out: the file: ``.onnx``, ``.xml`` (OpenVINO, with a ``.bin`` beside it), ``.tflite``
            (LiteRT) or ``.pt2`` (PyTorch); for ``tf_saved_model`` a folder.
        format: ``onnx``, ``openvino``, ``litert``, ``tf_saved_model`` or ``torch``; by default
            what the ending of ``out`` says. ``torch`` is written with KERAS_BACKEND=torch.
        overwrite: whether the file may be there already.

    Returns:
        The path of the file.

    Raises:
        LenszooError: the format is unknown or does not fit the name, a package is missing, the
            backend cannot write it, the model cannot be exported, or the written file answers
            otherwise than the model does (by more than 1e-4); then no file is kept.

    Example:
        >>> import lenszoo, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> path = lenszoo.export("srcnn.sr_75_150_sim", f"{folder}/srcnn", format="tf_saved_model")
        >>> path.name
        'srcnn'
    """
    out = Path(out)
    row = _row(out, format)
    row.check()
    inputs = [model] if isinstance(model, str | os.PathLike) else []
    check_output(out, inputs, overwrite=overwrite)
    network, facts = _opened(model)
    arrays = _noise(network)
    expected = _answers(network, arrays)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(dir=out.parent, prefix=".lenszoo-export-")
    except OSError as error:
        raise LenszooError(f"Cannot write {out}: {error.strerror}.") from error
    with temporary as folder:
        staged = Path(folder) / out.name
        _write(row, network, staged, json.dumps(facts))
        _check(row, staged, arrays, expected, str(facts["weights"]))
        for path in sorted(Path(folder).iterdir()):
            _move(path, out.parent / path.name)
    return out


def _row(out: Path, name: str | None) -> Format:
    """Return the format that a name or the ending of a file means."""
    listed = ", ".join(f"{key} ({row.ending or 'folder'})" for key, row in FORMATS.items())
    if name is None:
        fitting = [row for row in FORMATS.values() if row.ending and out.suffix == row.ending]
        if not fitting:
            raise LenszooError(f"{out}: its ending names no format; give format=, one of {listed}.")
        return fitting[0]
    if name not in FORMATS:
        raise LenszooError(f"Unknown format {name!r}: choose from {listed}.")
    row = FORMATS[name]
    endings = [each.ending for each in FORMATS.values() if each.ending]
    fits = out.suffix == row.ending if row.ending else out.suffix not in endings
    if not fits:
        kind = f"a file {row.ending}" if row.ending else "a folder"
        raise LenszooError(f"{out}: {row.title} is {kind}; choose another name.")
    return row


def _opened(model: Any) -> tuple[keras.Model, dict[str, Any]]:
    """Return the network and the facts that go with it."""
    network = model if isinstance(model, keras.Model) else load_model(model)
    graph = as_graph(network)
    if not (getattr(graph, "inputs", None) and getattr(graph, "outputs", None)):
        raise LenszooError(
            f"{network.name} is a {type(network).__name__} without a graph of layers: build it "
            "from keras.Input to outputs to export it."
        )
    if len(graph.output_shape) == 4:
        upscaler = open_upscaler(network)
        facts = upscaler.facts | {"output": "images", "scale": upscaler.scale}
        return graph, facts | {"pixel_scale": upscaler.pixel_scale}
    opened = open_model(network)
    shown = {
        "output": last_activation(network) or "logits",
        "classes": list(opened.classes),
        "temperature": opened.temperature,
        "bands": list(opened.bands),
        "columns": list(opened.columns),
        "pixel_scale": opened.pixel_scale,
        "zero_point": opened.zero_point,
    }
    return opened.model, opened.provenance | shown


def _noise(model: keras.Model) -> dict[str, np.ndarray]:
    """Return test inputs of a model by name, float32 noise in [0, 1)."""
    arrays = {}
    for tensor in model.inputs:
        shape = [_SIDE if size is None else size for size in tensor.shape[1:]]
        rng = np.random.Generator(np.random.Philox(7))
        arrays[tensor.name] = rng.random((_BATCH, *shape), dtype=np.float32)
    return arrays


def _answers(model: keras.Model, arrays: Arrays) -> np.ndarray:
    named = isinstance(model.input, dict)
    inputs = dict(arrays) if named else next(iter(arrays.values()))
    return keras.ops.convert_to_numpy(model(inputs, training=False))


def _write(row: Format, model: keras.Model, path: Path, facts: str) -> None:
    """Write a model; an error of its converter becomes one line, and its notes are left out."""
    converter = logging.getLogger("tf2onnx")
    level = converter.level
    converter.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            row.write(model, path, facts)
    except Exception as error:
        raise LenszooError(
            f"{model.name} cannot be exported to {row.title}: {one_line(error)}."
        ) from error
    finally:
        converter.setLevel(level)


def _check(row: Format, path: Path, arrays: Arrays, expected: np.ndarray, label: str) -> None:
    """Raise LenszooError unless a written file answers as the model does."""
    try:
        difference = _difference(row.run(path, arrays), expected)
    except Exception as error:
        raise LenszooError(
            f"{label}: the written {path.name} does not run, so it is not kept: {one_line(error)}."
        ) from error
    limit = TOLERANCE * max(1.0, float(np.abs(expected).max()))
    if not difference <= limit:  # a NaN must fail, too
        raise LenszooError(
            f"{label}: the written {path.name} answers otherwise than the model, by up to "
            f"{difference:.2g} (at most {limit:.2g} may be), so it is not kept."
        )
    log.info("%s answers as the model does, up to %.1g.", path.name, difference)


def largest_difference(row: Format, path: Path, model: keras.Model) -> float:
    """Return the largest difference between a file's answers and a model's, on noise images."""
    arrays = _noise(model)
    return _difference(row.run(path, arrays), _answers(model, arrays))


def _difference(answers: np.ndarray, expected: np.ndarray) -> float:
    same = answers.shape == expected.shape
    return float(np.abs(answers - expected).max()) if same else float("inf")


def _move(source: Path, target: Path) -> None:
    """Move a file or folder into place, and what is there out of the way."""
    try:
        if target.is_dir():
            shutil.rmtree(target)
        source.replace(target)
    except OSError as error:
        raise LenszooError(f"Cannot write {target}: {error.strerror}.") from error
