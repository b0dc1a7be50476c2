"""Which published weights a model in memory holds, for as long as it holds them."""

import os
import weakref
import zlib
from collections.abc import Sequence

import keras

# by model: the names of its weights, and what they add up to
_ORIGINS: weakref.WeakKeyDictionary[keras.Model, tuple[list[str], int]] = (
    weakref.WeakKeyDictionary()
)


def remember(model: keras.Model, names: Sequence[str | os.PathLike[str]]) -> keras.Model:
    """Note the names of the manifest that a model was loaded by, and return the model."""
    _ORIGINS[model] = [os.fspath(name) for name in names], _checksum(model)
    return model


def recall(model: keras.Model) -> list[str] | None:
    """Return the names of the weights that a model still holds; None where they are not known.

    Once it was trained, or given others, they are its own.
    """
    names, checksum = _ORIGINS.get(model, (None, 0))
    return names if names is not None and _checksum(model) == checksum else None


def _checksum(model: keras.Model) -> int:
    total = 0
    for weight in model.weights:
        total = zlib.crc32(keras.ops.convert_to_numpy(weight).tobytes(), total)
    return total
