"""Which weights a model in memory was loaded from, for as long as it still has them."""

import os
import weakref
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import keras

Source = str | os.PathLike[str]


class _Origin(NamedTuple):
    """Names or paths of weights, when their files were written, and what the weights add up to."""

    sources: list[Source]
    files: dict[Path, int]
    checksum: int


_ORIGINS: weakref.WeakKeyDictionary[keras.Model, _Origin] = weakref.WeakKeyDictionary()


def remember(
    model: keras.Model, sources: Sequence[Source], files: Sequence[Path] = ()
) -> keras.Model:
    """Note what a model was loaded by, and return the model.

    Args:
        model: the model.
        sources: names of the manifest, or paths.
        files: the files behind the paths.
    """
    written = {file: file.stat().st_mtime_ns for file in files}
    _ORIGINS[model] = _Origin(list(sources), written, _checksum(model))
    return model


def recall(model: keras.Model) -> list[Source] | None:
    """Return what a model was loaded by; None where that is not known or no longer true.

    Once it was trained, or given other weights, they are its own; and a file that was written since
    is another.
    """
    origin = _ORIGINS.get(model)
    if origin is None or _checksum(model) != origin.checksum:
        return None
    same = all(_written(file) == when for file, when in origin.files.items())
    return origin.sources if same else None


def _written(file: Path) -> int | None:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return None


def _checksum(model: keras.Model) -> int:
    total = 0
    for values in model.get_weights():
        total = zlib.crc32(values.tobytes(), total)
    return total
