"""Converted networks, and what was measured on them, in the user's cache folder."""

import contextlib
import hashlib
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lenszoo._version import __version__
from lenszoo.errors import LenszooError
from lenszoo.files import (
    STALE_HOURS,
    fault_of,
    has_file,
    sha256_of,
    sweep,
    wait_for,
    write_bytes,
)
from lenszoo.inference.exporting.exporter import write_network
from lenszoo.inference.exporting.formats import FORMATS
from lenszoo.models.build import model_config
from lenszoo.pretrained.store import cache_folders, writable

log = logging.getLogger("lenszoo")

FOLDER = "converted"
"""Folder beside that of cached weights."""

_PATIENCE = 900.0  # s
_DIGITS = 24
_STAGING = ".lenszoo-convert-"


def key_of(model: keras.Model, part: str, versions: Sequence[str]) -> str:
    """Return a name for what is made of a network: it changes with weights, layers and versions.

    Args:
        model: the classifier.
        part: what of it answers.
        versions: of what is made, beside those of lenszoo and Keras.
    """
    try:
        structure = model_config(model)
    except LenszooError:  # not of the zoo
        structure = json.loads(model.to_json())
    facts = [structure, part, __version__, keras.__version__, *versions]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode())
    for values in model.get_weights():
        digest.update(f"{values.shape}{values.dtype}".encode())
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()[:_DIGITS]


def converted(graph: keras.Model, format: str, key: str) -> tuple[Path, bool]:
    """Return the file of a converted network, which is made where there is no sound one.

    One process makes it while others wait. Beside it lies a list of its files with their hashes,
    written last: a file that was cut off or damaged is made again.

    Args:
        graph: the network.
        format: a key of ``FORMATS``.
        key: as :func:`key_of` gives it.

    Returns:
        The path, and whether it was made now.

    Raises:
        LenszooError: the network cannot be converted, a package is missing, or no folder can be
            written.
    """
    row = FORMATS[format]
    name = f"{key}{row.ending}"
    folders = _folders()
    for folder in folders:
        if _is_sound(folder / name):
            return folder / name, False
    row.check()
    target = writable(folders, name) / name
    with wait_for(target, _PATIENCE):
        if _is_sound(target, tell=False):  # another process has made it meanwhile
            return target, False
        _sweep(target.parent)
        log.info("Converting %s to %s, once.", graph.name, row.title)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=_STAGING) as staging:
            staged = Path(staging) / name
            write_network(row, graph, staged, "{}")
            made = sorted(Path(staging).iterdir())
            listed = {path.name: [path.stat().st_size, sha256_of(path)] for path in made}
            try:
                for path in made:
                    path.replace(target.with_name(path.name))
            except OSError as error:
                raise LenszooError(f"Cannot write {target}: {error.strerror}.") from error
        write_bytes(_list_of(target), json.dumps(listed).encode())
    return target, True


def remove(path: Path) -> None:
    """Remove a converted network, so that it is made again."""
    _list_of(path).unlink(missing_ok=True)


def stored(name: str) -> dict[str, Any] | None:
    """Return what was measured under a name; None where it was not, or the file is damaged."""
    for folder in _folders():
        try:
            facts = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(facts, dict):
            return facts
    return None


def store(name: str, facts: dict[str, Any]) -> None:
    """Keep what was measured under a name."""
    folder = writable(_folders(), f"{name}.json")
    write_bytes(folder / f"{name}.json", json.dumps(facts).encode())


def _folders() -> list[Path]:
    return [folder.with_name(FOLDER) for folder in cache_folders()]


def _list_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _sweep(folder: Path) -> None:
    """Remove what killed processes left."""
    sweep(folder)
    for left in folder.glob(f"{_STAGING}*"):
        with contextlib.suppress(OSError):
            if left.stat().st_mtime < time.time() - 3600 * STALE_HOURS:
                shutil.rmtree(left, ignore_errors=True)


def _is_sound(path: Path, tell: bool = True) -> bool:
    """Whether all files of a converted network are there as they were written."""
    if not has_file(_list_of(path)):
        return False
    try:
        listed = json.loads(_list_of(path).read_text(encoding="utf-8"))
        faults = [fault_of(path.with_name(name), *facts) for name, facts in listed.items()]
        sound = path.name in listed and not any(faults)
    except (OSError, ValueError, TypeError, AttributeError):
        sound = False
    if not sound and tell:
        log.warning("%s is damaged; it is made again.", path)
    return sound
