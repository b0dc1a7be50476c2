"""Checks of engines: float32 answers beside those of Keras, and what bfloat16 costs."""

import dataclasses
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np

from lenszoo.errors import LenszooError, one_line
from lenszoo.inference.answers import Answerer
from lenszoo.inference.engines import cache
from lenszoo.inference.engines.bfloat16 import bfloat16_flags, in_bfloat16
from lenszoo.inference.engines.runtimes import RUNTIMES, Runtime, RuntimeModel, Session
from lenszoo.inference.exporting.exporter import (
    answers_of,
    difference,
    noise_for,
    tolerance_for,
)
from lenszoo.inference.features import whole_model
from lenszoo.inference.loaded_model import OpenedModel
from lenszoo.inference.precision_cost import SCENES, SEED, Cost, draw_scenes

log = logging.getLogger("lenszoo")

LIMIT = 1e-4
"""The most that bfloat16 may cost in AUC."""

Part = Callable[[keras.Model], keras.Model]


def answerer_of(
    opened: OpenedModel, engine: str, precision: str, part: Part = whole_model
) -> Answerer:
    """Return what answers in the place of a float32 model, whatever its precision costs.

    Raises:
        LenszooError: as :func:`open_engine`, but for the cost.
    """
    if (engine, precision) == ("keras", "float32"):
        return part(opened.model)
    if engine == "keras":
        return part(in_bfloat16(opened.model, opened.name))
    runtime, graph = RUNTIMES[engine], part(opened.model)
    path = _checked_file(opened, runtime, graph, part.__name__)
    return RuntimeModel(graph, _session(runtime, path, precision, opened.name))


def _session(runtime: Runtime, path: Path, precision: str, label: str) -> Session:
    try:
        return runtime.open(path, precision)
    except Exception as error:
        raise LenszooError(f"{runtime.title} cannot open {label}: {one_line(error)}.") from error


def _checked_file(opened: OpenedModel, runtime: Runtime, graph: keras.Model, part: str) -> Path:
    """Return a converted network whose float32 answers are those of Keras."""
    key = cache.key_of(opened.model, part, [runtime.format, runtime.version])
    arrays = noise_for(graph)
    # before it is converted: converters take only what was called
    expected = answers_of(graph, arrays)
    fault: str | None = None
    for _ in range(2):
        path, new = cache.converted(graph, runtime.format, key)
        session = _session(runtime, path, "float32", opened.name)
        fault = _difference(session, arrays, expected)
        if fault is None:
            return path
        cache.remove(path)
        if new:
            break  # else it was made by another code of the same version
    raise LenszooError(
        f"{opened.name}: {runtime.title} {runtime.version} answers otherwise than Keras, by "
        f"{fault}: take engine='keras'."
    )


def _difference(
    session: Session, arrays: Mapping[str, np.ndarray], expected: list[np.ndarray]
) -> str | None:
    """Compare answers with those of Keras; return how they differ, or None."""
    try:
        answers = session(arrays)
    except Exception as error:
        return f"an error ({one_line(error)})"
    if [values.shape for values in answers] != [values.shape for values in expected]:
        return "their shape"
    for values, own in zip(answers, expected, strict=True):
        largest, limit = difference(values, own), tolerance_for(own)
        if largest > limit:
            return f"up to {largest:.2g} (at most {limit:.2g} may be)"
    return None


def checked_cost(opened: OpenedModel, engine: str) -> Cost:
    """Return what bfloat16 costs; measured where it is not in the cache.

    Raises:
        LenszooError: it cannot be measured, or is above the limit.
    """
    version = RUNTIMES[engine].version if engine in RUNTIMES else keras.backend.backend()
    flags = bfloat16_flags()
    versions = [engine, version, *flags, f"{opened.preset} {SCENES} {SEED}"]
    name = f"{cache.key_of(opened.model, 'bfloat16', versions)}-bfloat16"
    try:
        cost = Cost(**(cache.stored(name) or {}))
    except TypeError:  # not measured, or with other fields
        cost = draw_scenes(opened, "bfloat16").cost(answerer_of(opened, engine, "bfloat16"))
        log.info("%s in bfloat16 by %s: %s.", opened.name, engine, cost)
        cache.store(name, dataclasses.asdict(cost))
    if not cost.loss <= LIMIT:
        raise LenszooError(
            f"{opened.name} loses {cost.loss:.1g} of its AUC by bfloat16 with engine='{engine}' "
            f"({cost}), and at most {LIMIT:g} may be: take precision='float32'."
        )
    return cost
