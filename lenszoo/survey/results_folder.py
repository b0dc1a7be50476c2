"""Folder of a search: which search it holds, and its lock against another."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lenszoo.errors import LenszooError
from lenszoo.files import STALE_HOURS, hold, sweep
from lenszoo.inference.parts import check_same
from lenszoo.survey.positions import Positions
from lenszoo.survey.progress import log_to
from lenszoo.survey.scoring import Members
from lenszoo.survey.settings import Settings

log = logging.getLogger("lenszoo")

_BEFORE = (".", "search", "tiles.parquet", "plan-")  # written before a search is settled


def search_identity(
    positions: Positions,
    pixels: Mapping[str, Any],
    settings: Settings,
    members: Members,
) -> dict[str, Any]:
    """Return the facts that two calls of one search share.

    Args:
        positions: the catalogue.
        pixels: what says where the pixels are.
        settings: of the search.
        members: its models.
    """
    return {
        "catalogue": Path(positions.path).name,
        "catalogue_sha256": positions.fingerprint(),
        "columns": dict(positions.columns),
        **pixels,
        **settings.facts,
        "weights": list(members.names),
        "weights_sha256": members.provenance["weights_sha256"],
        "precision": members.provenance["precision"],
    }


def check_identity(folder: Path, identity: dict[str, Any]) -> None:
    """Refuse a folder of another search, or of other things."""
    file = folder / "search.json"
    if not file.exists():
        entries = sorted(folder.iterdir()) if folder.is_dir() else []
        others = [p.name for p in entries if not p.name.startswith(_BEFORE)]
        if others:
            raise LenszooError(
                f"{folder}: holds {others[0]} and no search; choose a new or an empty folder."
            )
        return
    check_same(file, identity, "search", "choose another folder, or call it as before")


@contextmanager
def held(folder: Path, shard: tuple[int, int] | None) -> Iterator[None]:
    """Hold the folder against another search, or against the same shard; log into it.

    A whole search and a shard of it exclude each other: the former takes unfinished files away.
    """
    name = "search" if shard is None else f"search-{shard[0]}-of-{shard[1]}"
    busy = f"{folder}: another process is searching into it; wait for it, or use --shard."
    folder.mkdir(parents=True, exist_ok=True)
    others = [".search.lock"] if shard else [p.name for p in folder.glob(".search-*.lock")]
    _check_free(folder, others, busy)  # before anything is swept
    with hold(folder, "results folder", f".{name}.lock", busy, alone=shard is None):
        _check_free(folder, others, busy)
        handler = log_to(folder / f"{name}.log")
        log.addHandler(handler)
        try:
            # other shards may be writing: only what is old is nobody's
            sweep(folder / "parts", 0 if shard is None else STALE_HOURS)
            yield
        finally:
            log.removeHandler(handler)
            handler.close()


def _check_free(folder: Path, locks: Sequence[str], busy: str) -> None:
    """Raise LenszooError when another process holds one of the locks that exist."""
    import filelock

    for name in locks:
        if (folder / name).exists():
            try:
                with filelock.FileLock(folder / name, timeout=0):
                    pass
            except filelock.Timeout:
                raise LenszooError(busy) from None
