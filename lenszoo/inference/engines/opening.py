"""From a model, an engine and a precision to what answers, checked before it does."""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

import keras

from lenszoo.errors import LenszooError, unknown
from lenszoo.inference.answers import Answerer
from lenszoo.inference.engines.bfloat16 import check_bfloat16, precision_of
from lenszoo.inference.engines.runtimes import RUNTIMES
from lenszoo.inference.features import whole_model
from lenszoo.inference.loaded_model import OpenedModel

EngineName = Literal["keras", "onnx", "openvino"]
Precision = Literal["auto", "float32", "bfloat16"]

COST = "precision_cost"
"""Fact that is measured: two calls of one work may differ in it."""

Part = Callable[[keras.Model], keras.Model]


class Engine(NamedTuple):
    """Network that answers in the place of a model, and its facts for the provenance."""

    model: Answerer
    facts: dict[str, Any]


def open_engine(
    opened: OpenedModel,
    engine: EngineName = "keras",
    precision: Precision = "auto",
    part: Part = whole_model,
) -> Engine:
    """Return what answers in the place of a model.

    A network of another runtime is converted once and kept in the cache folder. Each time it is
    opened, its float32 answers to images of noise are compared with those of Keras. The cost of
    bfloat16 in AUC is measured once for each set of weights, runtime and kind of processor, on
    simulated scenes of the sky that the weights learned on, and kept in the cache folder too.

    Args:
        opened: the model.
        engine: ``keras``, ``onnx`` (ONNX Runtime) or ``openvino``.
        precision: ``float32``; ``bfloat16``, in which inner layers multiply, while logits stay
            float32; ``auto`` is that of the model.
        part: what of the model answers, such as
            :func:`lenszoo.inference.features.feature_model`.

    Raises:
        LenszooError: in one line: an unknown engine or precision, a package that is missing, a
            network that cannot be converted, whose float32 answers differ by more than 1e-4, or
            whose AUC loses more than 1e-4 by bfloat16; a processor or runtime without bfloat16.
    """
    if engine not in get_args(EngineName):
        raise unknown("engine", engine, get_args(EngineName))
    if precision not in get_args(Precision):
        raise unknown("precision", precision, get_args(Precision))
    own = precision_of(opened.model)
    if precision == "auto" and engine == "keras":
        return Engine(part(opened.model), {"engine": engine, "precision": own})
    # simulation and conversion are heavy, and a worker of a search mostly needs neither
    from lenszoo.inference.engines.checked import answerer_of, checked_cost
    from lenszoo.inference.exporting.formats import FORMATS

    if own != "float32":
        raise LenszooError(
            f"{opened.name} was built in {own}, the dtype policy of Keras: set that to float32 "
            "before it is loaded, to choose engine= or precision=."
        )
    chosen = "float32" if precision == "auto" else precision
    facts: dict[str, Any] = {"engine": engine, "precision": chosen}
    runtime = RUNTIMES.get(engine)
    if runtime is not None:
        FORMATS[runtime.format].check()
        facts["engine_version"] = runtime.version
    if chosen == "bfloat16":
        if runtime is not None and chosen not in runtime.precisions:
            raise LenszooError(
                f"{runtime.title} has no bfloat16 on a CPU: take engine='openvino' or "
                "engine='keras'."
            )
        check_bfloat16(engine)
        facts[COST] = dataclasses.asdict(checked_cost(opened, engine))
    return Engine(answerer_of(opened, engine, chosen, part), facts)
