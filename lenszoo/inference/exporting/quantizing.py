"""Files in int8: ONNX Runtime's static quantization, calibrated and judged on simulated scenes.

Weights of convolutions and dense layers become int8, one scale an output channel, and what enters
them uint8, one scale a layer, from its range on scenes of the validation split of the weights' sky.
The layer of the logits, attention and all scaling of pixels stay float32. OpenVINO reads the same
network.
"""

import dataclasses
import json
import logging
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lenszoo.errors import LenszooError, one_line
from lenszoo.inference.engines.runtimes import RUNTIMES, RuntimeModel
from lenszoo.inference.exporting.formats import FACTS, FORMATS, Format
from lenszoo.inference.loaded_model import OpenedModel
from lenszoo.inference.precision_cost import draw, draw_scenes

log = logging.getLogger("lenszoo")

MAX_AUC_LOSS = 0.005
CALIBRATION = 192
"""Scenes by which the ranges of activations are found."""

_BATCH = 32
_QUANTIZED = ["Conv", "Gemm", "MatMul"]


def check_quantize(quantize: str, row: Format, max_auc_loss: float) -> None:
    """Raise LenszooError where a file cannot be had in int8."""
    if quantize != "int8":
        raise LenszooError(f"quantize is 'int8' or None, not {quantize!r}.")
    if row.ending not in _SAVE:
        raise LenszooError(f"{row.title} is not written in int8: choose onnx or openvino.")
    if not 0 <= max_auc_loss <= 1:
        raise LenszooError(f"max_auc_loss={max_auc_loss:g}: give a number from 0 to 1.")
    FORMATS["onnx"].check()  # which is made first


def write_int8(
    opened: OpenedModel,
    source: Path,
    path: Path,
    row: Format,
    facts: Mapping[str, Any],
    max_auc_loss: float,
) -> None:
    """Write a network in int8, with what that costs among its facts.

    Args:
        opened: the classifier.
        source: its ONNX file in float32.
        path: the file to write.
        row: its format.
        facts: to note in it.
        max_auc_loss: the most that the AUC may lose.

    Raises:
        LenszooError: the weights learned on no simulated sky, the network cannot be quantized, or
            its AUC loses more.
    """
    scenes = draw_scenes(opened, "int8")
    with tempfile.TemporaryDirectory() as name:
        quantized, measured = Path(name) / "int8.onnx", Path(name) / f"measured{row.ending}"
        try:
            _quantize(source, quantized, _calibration(opened))
            _SAVE[row.ending](quantized, measured, "{}")
            runtime = next(each for each in RUNTIMES.values() if FORMATS[each.format] is row)
            model = RuntimeModel(opened.model, runtime.open(measured, "float32"))
            cost = scenes.cost(model)
        except LenszooError:
            raise
        except Exception as error:
            raise LenszooError(
                f"{opened.name} cannot be had in int8: {one_line(error)}."
            ) from error
        if not cost.loss <= max_auc_loss:
            raise LenszooError(
                f"{opened.name} loses {cost.loss:.2g} of its AUC by int8 ({cost}), and at most "
                f"{max_auc_loss:g} may be, so the file is not kept: raise that by max_auc_loss=, "
                "or leave int8 out."
            )
        log.info("%s in int8: %s.", opened.name, cost)
        noted = {**facts, "int8": dataclasses.asdict(cost) | {"calibration_scenes": CALIBRATION}}
        _SAVE[row.ending](quantized, path, json.dumps(noted))


def _calibration(opened: OpenedModel) -> Iterator[dict[str, np.ndarray]]:
    """Yield scenes that the cost is not measured on, in batches by the names of inputs."""
    inputs, _, _ = draw(opened, CALIBRATION, "val")
    first = opened.model.inputs[0].name
    named = inputs if isinstance(inputs, dict) else {first: inputs}
    for start in range(0, CALIBRATION, _BATCH):
        yield {key: array[start : start + _BATCH] for key, array in named.items()}


def _quantize(source: Path, target: Path, batches: Iterator[dict[str, np.ndarray]]) -> None:
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(quantization.CalibrationDataReader):
        def get_next(self) -> Any:
            return next(batches, None)

    folded = target.with_name("folded.onnx")
    quant_pre_process(str(source), str(folded), skip_symbolic_shape=True)
    nodes = onnx.load(str(folded)).graph.node
    last = [node.name for node in nodes if node.op_type in _QUANTIZED][-1:]
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # the quantizer logs advice there
    try:
        quantization.quantize_static(
            str(folded),
            str(target),
            Reader(),
            per_channel=True,
            op_types_to_quantize=_QUANTIZED,
            nodes_to_exclude=last,
            extra_options={"MatMulConstBOnly": True},
        )
    finally:
        root.setLevel(level)


def _save_onnx(source: Path, path: Path, facts: str) -> None:
    import onnx

    graph = onnx.load(str(source))
    onnx.helper.set_model_props(graph, {FACTS: facts})
    onnx.save(graph, str(path))


def _save_openvino(source: Path, path: Path, facts: str) -> None:
    import openvino

    network = openvino.convert_model(source)
    network.set_rt_info(facts, [FACTS])
    openvino.save_model(network, path, compress_to_fp16=False)


_SAVE = {".onnx": _save_onnx, ".xml": _save_openvino}
