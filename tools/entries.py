"""The manifest as it is written: entries added and retired, equal content as equal bytes."""

import json
import os
from pathlib import Path

from lenszoo import files as _files
from lenszoo.errors import LenszooError
from lenszoo.models.registry import natural
from lenszoo.pretrained.manifest import (
    Manifest,
    WeightsEntry,
    get_entry,
    load_manifest,
    validated,
)


def write_manifest(manifest: Manifest, path: str | os.PathLike[str]) -> None:
    """Write a manifest, equal content as equal bytes, whole or not at all.

    Entries stand in natural order of their names, fields in the schema's order, free-form tables
    sorted by key.

    Raises:
        LenszooError: when a value is none that JSON can hold, or the file cannot be written.
    """
    where = Path(path)
    content = manifest.model_dump(exclude={"entries"})
    content["entries"] = []
    for entry in sorted(manifest.entries, key=lambda entry: natural(entry.name)):
        row = entry.model_dump() | {"created": entry.created.isoformat()}
        try:
            for table in ("options", "data", "metrics"):
                row[table] = json.loads(json.dumps(row[table], sort_keys=True, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise LenszooError(
                f"Cannot write {where}: {table} of {entry.name}: {error}."
            ) from error
        content["entries"].append(row)
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with _files.replacing(where) as (_, stream):
        stream.write(text.encode())


def add_entry(
    entry: WeightsEntry,
    path: str | os.PathLike[str],
    *,
    replace: bool = False,
    retires: str | None = None,
) -> Manifest:
    """Add an entry to the manifest file at ``path`` and return the new manifest.

    Args:
        entry: the new weights.
        path: an existing manifest.
        replace: let the entry take the place of one with the same name. Published files are
            written once, so this is meant for metrics and for entries that were never published.
        retires: an entry that goes, see :func:`check_retires`.

    Raises:
        LenszooError: when the name or one of the files is taken, the name is a retired one, there
            is no such entry to retire, or the file cannot be written.
    """
    where = Path(path)
    old = load_manifest(where)
    check_retires(retires, entry.name, old)
    if entry.name in old.retired:
        raise LenszooError(f"{entry.name} is retired in {where}: choose a new tag.")
    if any(known.name == entry.name for known in old.entries) and not replace:
        raise LenszooError(f"{where} has {entry.name} already: choose a new tag or replace it.")
    kept = [e.model_dump() for e in old.entries if e.name not in (entry.name, retires)]
    content = old.model_dump() | {"entries": [*kept, entry.model_dump()]}
    if retires is not None:
        content["retired"][retires] = entry.name
    new = validated(content, where)
    write_manifest(new, where)
    return new


def check_retires(name: str | None, successor: str, manifest: Manifest) -> None:
    """Refuse an entry to be retired that is not there.

    Its files stay where they are, and who asks for it is told what took its place. One that gave
    way to the same successor before is nothing new.

    Raises:
        LenszooError: the manifest has no such entry, or it is the successor itself.
    """
    if name is None or manifest.retired.get(name) == successor:
        return
    if name == successor:
        raise LenszooError(f"{name} cannot take its own place: release other weights first.")
    get_entry(name, manifest=manifest)
