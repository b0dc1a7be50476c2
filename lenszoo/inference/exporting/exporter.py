"""Export of a model to a file of another runtime, checked by running that file."""

import json
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from lenszoo.errors import LenszooError, one_line
from lenszoo.files import check_output, expanded, has_folder
from lenszoo.inference.exporting.formats import FORMATS, Arrays, Format
from lenszoo.inference.exporting.quantizing import MAX_AUC_LOSS, check_quantize, write_int8
from lenszoo.inference.loaded_model import OpenedModel, open_model
from lenszoo.inference.upscaling import open_upscaler
from lenszoo.layers import NonFiniteGuard
from lenszoo.models.build import as_graph, last_activation
from lenszoo.pretrained.loading import load_model
from lenszoo.pretrained.source import WeightsName

log = logging.getLogger("lenszoo")

TOLERANCE = 1e-4
"""Largest difference from the answers in Keras, times the largest answer where that is above 1."""
_SIDE = 48  # pixels of test images where a model takes any size
_BATCH = 4  # another than 1, to see that the size of a batch is open
_SAVED_MODEL = frozenset(
    ("saved_model.pb", "fingerprint.pb", "variables", "assets", "assets.extra", ".DS_Store")
)


def export(
    model: keras.Model | WeightsName | Sequence[WeightsName],
    out: str | os.PathLike[str],
    *,
    format: str | None = None,
    quantize: Literal["int8"] | None = None,
    max_auc_loss: float = MAX_AUC_LOSS,
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
        quantize: ``int8`` stores weights and activations of convolutions and dense layers in int8,
            for ``onnx`` and ``openvino``; see
            :mod:`lenszoo.inference.exporting.quantizing`. Its cost in AUC is measured on
            simulated scenes of the weights' sky, and stands in the metadata under ``int8``.
        max_auc_loss: the most that int8 may cost in AUC.
        overwrite: whether the file, or a SavedModel, may be there already. A folder that holds
            anything else is never replaced.

    Returns:
        The path of the file.

    Raises:
        LenszooError: the format is unknown or does not fit the name, a package is missing, the
            backend cannot write it, the model cannot be exported, the written file answers
            otherwise than the model does (by more than 1e-4), or int8 costs too much; then no file
            is kept.

    Example:
        >>> import lenszoo, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> path = lenszoo.export("srcnn.sr_75_150_sim", f"{folder}/srcnn", format="tf_saved_model")
        >>> path.name
        'srcnn'
    """
    out = expanded(out)
    row = _row(out, format)
    row.check()
    if quantize is not None:
        check_quantize(quantize, row, max_auc_loss)
    each = model if isinstance(model, list | tuple) else [model]
    inputs = [one for one in each if isinstance(one, str | os.PathLike)]
    beside = [out.with_suffix(".bin")] if row.ending == ".xml" else []  # OpenVINO's numbers
    for target in (out, *beside):
        check_output(target, inputs, overwrite=overwrite)
        _check_folder(target, row)
    network, opened, facts = _opened(model)
    label = str(facts["weights"])
    if quantize is not None and opened is None:
        raise LenszooError(f"{label} is no classifier, and int8 is judged by the AUC of one.")
    arrays = noise_for(network)
    (expected,) = answers_of(network, arrays)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(dir=out.parent, prefix=".lenszoo-export-")
    except OSError as error:
        raise LenszooError(f"Cannot write {out}: {error.strerror}.") from error
    with temporary as folder, tempfile.TemporaryDirectory() as aside:
        staged = Path(folder) / out.name
        if opened is None or quantize is None:
            write_network(row, network, staged, json.dumps(facts))
            _check(row, staged, arrays, expected, label)
        else:
            exact, source = FORMATS["onnx"], Path(aside) / "exact.onnx"
            write_network(exact, network, source, "{}")
            _check(exact, source, arrays, expected, label)
            write_int8(opened, source, staged, row, facts, max_auc_loss)
        for path in sorted(Path(folder).iterdir()):
            _move(path, out.parent / path.name, row)
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


def _check_folder(target: Path, row: Format) -> None:
    """Raise LenszooError where a folder is in the place, unless one SavedModel follows another."""
    if not has_folder(target):
        return
    if row.ending:
        raise LenszooError(f"{target}: is a folder; give the name of a file.")
    other = sorted(path.name for path in target.iterdir() if path.name not in _SAVED_MODEL)
    if other:
        raise LenszooError(
            f"{target}: holds {other[0]}, which is no part of a SavedModel and would be lost; "
            "choose another folder."
        )


def _opened(model: Any) -> tuple[keras.Model, OpenedModel | None, dict[str, Any]]:
    """Return the network, opened where it is a classifier, and the facts that go with it."""
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
        return graph, None, facts | {"pixel_scale": upscaler.pixel_scale}
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
    return opened.model, opened, opened.provenance | shown


def noise_for(model: keras.Model) -> dict[str, np.ndarray]:
    """Return test inputs of a model by name, float32 noise in [0, 1).

    Of a model of the zoo, one image holds a NaN, and one row of the table a missing value.
    """
    arrays = {}
    guarded = any(isinstance(layer, NonFiniteGuard) for layer in model.layers)
    for tensor in model.inputs:
        shape = [_SIDE if size is None else size for size in tensor.shape[1:]]
        rng = np.random.Generator(np.random.Philox(7))
        array = rng.random((_BATCH, *shape), dtype=np.float32)
        if guarded:
            row = -1 if len(shape) == 3 else -2
            array[(row, *(size // 2 for size in shape))] = np.nan
        arrays[tensor.name] = array
    return arrays


def answers_of(model: keras.Model, arrays: Arrays) -> list[np.ndarray]:
    """Return the answers of a model to named arrays, one array an output."""
    named = isinstance(model.input, dict)
    inputs = dict(arrays) if named else next(iter(arrays.values()))
    answers = keras.tree.flatten(model(inputs, training=False))
    return [keras.ops.convert_to_numpy(values) for values in answers]


def write_network(row: Format, model: keras.Model, path: Path, facts: str) -> None:
    """Write a network with its facts, a JSON text; notes of the converter are left out.

    Raises:
        LenszooError: in one line, for an error of the converter.
    """
    converter = logging.getLogger("tf2onnx")
    level = converter.level
    converter.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            row.write(model, path, facts)
    except Exception as error:
        others = ", ".join(key for key, other in FORMATS.items() if other is not row)
        raise LenszooError(
            f"{model.name} cannot be exported to {row.title}: {one_line(error)}. Try another "
            f"format: {others}."
        ) from error
    finally:
        converter.setLevel(level)


def _check(row: Format, path: Path, arrays: Arrays, expected: np.ndarray, label: str) -> None:
    """Raise LenszooError unless a written file answers as the model does."""
    try:
        largest = difference(row.run(path, arrays), expected)
    except Exception as error:
        raise LenszooError(
            f"{label}: the written {path.name} does not run, so it is not kept: {one_line(error)}."
        ) from error
    limit = tolerance_for(expected)
    if largest > limit:
        raise LenszooError(
            f"{label}: the written {path.name} answers otherwise than the model, by up to "
            f"{largest:.2g} (at most {limit:.2g} may be), so it is not kept."
        )
    log.info("%s answers as the model does, up to %.1g.", path.name, largest)


def tolerance_for(expected: np.ndarray) -> float:
    """Return the largest difference that may be."""
    return TOLERANCE * max(1.0, float(np.nanmax(np.abs(expected), initial=0.0)))


def largest_difference(row: Format, path: Path, model: keras.Model) -> float:
    """Return the largest difference between a file's answers and a model's, on noise images."""
    arrays = noise_for(model)
    return difference(row.run(path, arrays), answers_of(model, arrays)[0])


def difference(answers: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference; infinite for another shape, or NaN in another place."""
    if answers.shape != expected.shape or (np.isnan(answers) != np.isnan(expected)).any():
        return float("inf")
    return float(np.nanmax(np.abs(answers - expected), initial=0.0))


def _move(source: Path, target: Path, row: Format) -> None:
    """Move a file or folder into place, and a SavedModel that is there out of the way."""
    _check_folder(target, row)  # once more: the export took time
    try:
        if target.is_dir():
            shutil.rmtree(target)
        source.replace(target)
    except OSError as error:
        raise LenszooError(f"Cannot write {target}: {error.strerror}.") from error
