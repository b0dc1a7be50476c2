"""Weight files and model files: writing, identity and strict loading."""

import contextlib
import hashlib
import io
import json
import math
import os
import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from lenszoo.data.untrusted import READ_ERRORS, open_hdf5, open_zip
from lenszoo.errors import LenszooError, counted, one_line, unreadable
from lenszoo.files import expanded, has_file, write_bytes
from lenszoo.layers import NonFiniteGuard
from lenszoo.metrics.prevalence import TRAINED_PREVALENCE
from lenszoo.models.build import check_channels, model_config
from lenszoo.pretrained.claims import check_claims, stored_sizes
from lenszoo.pretrained.learned import learned_prevalence
from lenszoo.pretrained.temperature import set_temperature, temperature_of

WEIGHTS = ".weights.h5"
MODEL = ".keras"
RUN_FILE = "run.json"
BEST = "best" + WEIGHTS
_ATTRIBUTE = "lenszoo"
_TEMPERATURE, _PREVALENCE = "lenszoo_temperature", "lenszoo_prevalence"
_SEAL = b"lenszoo sha256 "  # then 64 digits and a line end, after the HDF5: readers do not mind
_SEAL_BYTES = len(_SEAL) + 64 + 1
_IDENTITY: dict[str, Any] = {
    "model": str,
    "input_shape": list,
    "num_classes": int | None,
    "options": dict,
}
# Classes of Keras whose objects are code, or files elsewhere.
_CODE = {"Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
# Networks that a model may have beside its graph, by attribute.
_BESIDE = ("discriminator",)


class _Memory(io.BytesIO):
    """A file in memory that Keras takes, since its name ends as it should."""

    def __str__(self) -> str:
        return "memory" + WEIGHTS


def save_weights(model: keras.Model, path: str | os.PathLike[str]) -> Path:
    """Save a model's weights, without its optimizer, as a ``.weights.h5`` that knows its model.

    It is a plain Keras weights file with one attribute more, ``lenszoo``, which holds
    :func:`model_config` as JSON, so that ``load_model`` needs nothing but the file, and
    ``lenszoo_temperature`` where the model has one (``set_temperature``), or
    ``lenszoo_prevalence``, the share of lenses that a lens finder learned on; and at its end
    stands the sha256 of all before it, so that a file with a changed byte is refused. It appears
    whole or not at all. A model with a network beside its graph, such as ``srgan`` with its
    discriminator, says with a method ``bare()`` which networks the file has to hold.

    Raises:
        LenszooError: when the name does not end in ``.weights.h5``, the model is not one of
            lenszoo, or the file cannot be written.
    """
    path = expanded(path)
    if not path.name.endswith(WEIGHTS):
        raise LenszooError(f"Cannot save weights as {path}: the name must end in {WEIGHTS}.")
    identity = json.dumps(model_config(model), sort_keys=True)
    # Keras saves the optimizer of a compiled model along, so save the same layers uncompiled.
    if hasattr(model, "bare"):
        bare = model.bare()
    else:
        bare = keras.Model(model.inputs, model.outputs, name=model.name)
    # In memory first: a full disk under an open HDF5 file crashes the whole process.
    memory = _Memory()
    bare.save_weights(memory)
    with h5py.File(memory, "r+") as file:
        file.attrs[_ATTRIBUTE] = identity
        if (temperature := temperature_of(model)) != 1:
            file.attrs[_TEMPERATURE] = temperature
        if (prevalence := learned_prevalence(model)) != TRAINED_PREVALENCE:
            file.attrs[_PREVALENCE] = prevalence
    content = memory.getvalue()
    write_bytes(path, content + _seal(content))
    return path


def _seal(content: bytes | memoryview) -> bytes:
    return _SEAL + hashlib.sha256(content).hexdigest().encode() + b"\n"


def check_seal(path: Path) -> None:
    """Raise LenszooError where a file of weights is not as :func:`save_weights` wrote it.

    Files without a seal, of Keras itself or of earlier versions, pass.
    """
    try:
        content = memoryview(path.read_bytes())
    except OSError as error:
        raise unreadable(str(path), error) from error
    body, seal = content[:-_SEAL_BYTES], bytes(content[-_SEAL_BYTES:])
    # also a seal that is damaged itself, or cut short
    alike = sum(a == b for a, b in zip(seal, _SEAL, strict=False))
    if (alike > len(_SEAL) // 2 or _SEAL in seal) and seal != _seal(body):
        raise LenszooError(
            f"{path} is damaged: its content is not that of its checksum. Get or make it again."
        )


def read_identity(path: Path) -> dict[str, Any] | None:
    """Return the ``model_config`` that a ``.weights.h5`` stores; None where it stores none.

    Raises:
        LenszooError: the file is damaged, or the attribute is no configuration.
    """
    with open_hdf5(path) as file:
        text = file.attrs.get(_ATTRIBUTE)
    return None if text is None else check_identity(text, f"Attribute {_ATTRIBUTE!r} of {path}")


def read_prevalence(path: Path) -> float | None:
    """Return the share of lenses that a ``.weights.h5`` stores; None where it stores none.

    Raises:
        LenszooError: the file is damaged, or the attribute is no share.
    """
    with open_hdf5(path) as file:
        share = file.attrs.get(_PREVALENCE)
    if share is not None and not (isinstance(share, float) and 0 < share < 1):
        raise LenszooError(f"{path}: its share of lenses {share!r} is none between 0 and 1.")
    return None if share is None else float(share)


def read_noted(path: Path) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """Return the ``model_config`` and the classes noted in a ``.keras`` file, before it is loaded.

    None and no classes where they are not there, or cannot be read, which loading will tell.
    """
    with contextlib.suppress(LenszooError, *READ_ERRORS, RecursionError):
        with open_zip(path) as archive:
            parts = [json.loads(archive.read("config.json"))]
        for part in parts:  # which grows: layers of a model come before those of models in it
            if isinstance(part, dict) and part.get("class_name") == NonFiniteGuard.__name__:
                guard = NonFiniteGuard.from_config(part["config"])
                identity = check_identity(guard.identity, str(path))
                return identity, tuple(map(str, (guard.learned or {}).get("classes", ())))
            if isinstance(part, dict | list):
                parts.extend(part.values() if isinstance(part, dict) else reversed(part))
    return None, ()


def broken_weights(model: keras.Model) -> list[str]:
    """Return the paths of variables that hold NaN or infinite values, or a negative variance."""
    broken = []
    for weight, values in zip(model.weights, model.get_weights(), strict=True):
        values = np.asarray(values, np.float32)
        negative = weight.path.endswith("moving_variance") and (values < 0).any()
        if negative or not np.isfinite(values).all():
            broken.append(weight.path)
    return broken


def check_identity(config: Any, where: str) -> dict[str, Any]:
    """Return a ``model_config`` from a file, JSON or read; raise LenszooError when it is none."""
    with contextlib.suppress(ValueError, TypeError, RecursionError):
        config = json.loads(config) if isinstance(config, str | bytes) else config
    if not isinstance(config, dict) or not all(
        key in config and isinstance(config[key], kind) for key, kind in _IDENTITY.items()
    ):
        raise LenszooError(
            f"{where} does not say which model it is (keys: {', '.join(_IDENTITY)})."
        )
    return {key: config[key] for key in _IDENTITY}


def load_weights(model: keras.Model, path: Path) -> None:
    """Load a ``.weights.h5`` into a model; every tensor must find its place, and none be left.

    Seeds of random layers are left alone: they belong to a run, not to the weights.

    Raises:
        LenszooError: when the file is damaged or is not of this model.
    """
    check_seal(path)
    beside = [name for name in _BESIDE if hasattr(model, name)]
    stored = _stored_shapes(path, beside)
    needed = Counter(tuple(variable.shape) for variable in model.weights)
    lacking, left = needed - stored, stored - needed
    if lacking or left:
        raise LenszooError(
            f"{path} does not fit {model.name} with input {_shape(model)} and output "
            f"{model.output_shape[1:]}: the model needs {_tensors(lacking)} that the file lacks, "
            f"and the file has {_tensors(left)} that the model lacks."
        )
    seeds = [s for layer in model.layers if (s := getattr(layer, "seed_generator", None))]
    try:
        with warnings.catch_warnings():
            # Keras only warns where it leaves layers at their random start.
            warnings.simplefilter("error", UserWarning)
            model.load_weights(path, objects_to_skip=seeds)
    except (*READ_ERRORS, UserWarning) as error:
        raise LenszooError(f"{path} does not fit {model.name}: {one_line(error)}.") from error
    with open_hdf5(path) as file:
        temperature = file.attrs.get(_TEMPERATURE, 1.0)
    if not (isinstance(temperature, float) and 0 < temperature < math.inf):
        raise LenszooError(f"{path}: its temperature {temperature!r} is no positive number.")
    set_temperature(model, temperature)


def load_keras(path: Path) -> keras.Model:
    """Load a ``.keras`` file without running any code that it may hold.

    The model comes uncompiled, as ``build_model`` makes it.

    Raises:
        LenszooError: when the file is missing or damaged, holds a Lambda or unknown layers, or asks
            for far more parameters than it stores.
    """
    check_channels()
    if not has_file(path):
        raise LenszooError(f"There is no file {path}.")
    try:
        with open_zip(path) as archive:
            config = json.loads(archive.read("config.json"))
            content = io.BytesIO(archive.read("model.weights.h5"))
    except LenszooError:
        raise
    except (*READ_ERRORS, RecursionError) as error:
        raise LenszooError(
            f"{path} is damaged or no {MODEL} file ({one_line(error)}): get or make it again."
        ) from error
    if code := sorted(_CODE & _class_names(config)):
        raise LenszooError(
            f"{path} holds a {code[0].strip('_')} layer, which is code and may do anything: "
            "refused; rebuild the model by name and load a file of its weights."
        )
    if not isinstance(config, dict):
        raise LenszooError(f"{path} describes no network: get or make it again.")
    _drop_optimizers(config)
    with open_hdf5(path, content) as file:
        sizes = stored_sizes(file)
    try:
        check_claims(path, sizes, lambda: keras.saving.deserialize_keras_object(config))
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except LenszooError:
        raise
    except Exception as error:  # layers with odd settings raise nearly anything
        first: BaseException = error
        while first.__context__ is not None:  # Keras wraps the cause
            first = first.__context__
        raise LenszooError(f"Cannot load {path}: {one_line(first)}.") from error


def _drop_optimizers(config: Any) -> None:
    """Remove the settings of compilation from a Keras configuration, and from the models in it."""
    parts = [config]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            part.pop("compile_config", None)
            parts.extend(part.values())
        elif isinstance(part, list):
            parts.extend(part)


def _class_names(config: Any) -> set[str]:
    """Return the names of all classes in a Keras configuration."""
    names, parts = set(), [config]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            names.add(str(part.get("class_name")))
            parts.extend(part.values())
        elif isinstance(part, list):
            parts.extend(part)
    return names


def _stored_shapes(path: Path, beside: Iterable[str]) -> Counter[tuple[int, ...]]:
    """Count the shapes of the tensors that layers keep in a weights file.

    Beyond the graph's own layers, those of the networks named in ``beside`` count.
    """
    shapes: Counter[tuple[int, ...]] = Counter()

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and "/seed_generator/" not in name:
            shapes[node.shape] += 1

    with open_hdf5(path) as file:
        if "layers" not in file:
            raise LenszooError(f"{path} holds no Keras 3 weights: it has no group 'layers'.")
        for group in ("layers", *(f"{name}/layers" for name in beside)):
            if group in file:
                file[group].visititems(visit)
    return shapes


def _shape(model: keras.Model) -> Any:
    """Shape of what a model takes, without the batch; of several inputs a dictionary."""
    return keras.tree.map_structure(lambda tensor: tensor.shape[1:], model.input)


def _tensors(shapes: Counter[tuple[int, ...]]) -> str:
    """Say how many tensors there are, and the shape of one."""
    count = shapes.total()
    if not count:
        return "none"
    return f"{counted(count, 'tensor')} of shapes such as {max(shapes)}"
