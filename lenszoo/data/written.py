"""Facts of a folder of images that ``lenszoo simulate`` wrote: its ``dataset.json`` and truth."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lenszoo.errors import LenszooError
from lenszoo.files import expanded, read_json

RECORD, TRUTH = "dataset.json", "truth.parquet"
SPLITS = ("train", "val")


@dataclass(frozen=True)
class WrittenFacts:
    """Facts of a written folder; empty or None where nothing is known.

    Attributes:
        bands: names of the bands.
        pixel_scale: arcsec a pixel.
        zero_point: AB magnitude of flux 1.
    """

    bands: tuple[str, ...] = ()
    pixel_scale: float | None = None
    zero_point: float | None = None


def written_facts(folder: str | os.PathLike[str] | None) -> WrittenFacts:
    """Read what a written folder says of its images; nothing for any other folder.

    Args:
        folder: with ``train`` and ``val``, one of these, or one of their folders.
    """
    root = _root(folder)
    facts = {} if root is None else _record(root)
    bands, scale, point = (facts.get(name) for name in ("bands", "pixel_scale", "zero_point"))
    names = tuple(map(str, bands)) if isinstance(bands, list) else ()
    return WrittenFacts(
        names if all(names) else (),
        None if scale is None else float(scale),
        None if point is None else float(point),
    )


def check_whole(folder: str | os.PathLike[str]) -> None:
    """Refuse images of a folder whose simulation was stopped before it was done.

    Args:
        folder: with ``train`` and ``val``, one of these, or one of their folders.

    Raises:
        LenszooError: the folder has a record and no truth, which is written last.
    """
    root = _root(folder)
    if root is not None and not (root / TRUTH).exists() and (facts := _record(root)):
        painted = "survey" in facts  # painting does not go on
        remedy = "delete the folder and paint anew" if painted else "call the same again"
        raise LenszooError(
            f"{root}: it was not simulated to its end (there is {RECORD}, but no {TRUTH}); "
            f"{remedy}; if the truth was left out on purpose, remove {RECORD} too."
        )


def written_galaxies(
    folder: str | os.PathLike[str] | None, ids: Sequence[str]
) -> np.ndarray | None:
    """Read which galaxy each image of a written folder shows, (n,) text; None where unknown.

    A galaxy stands there as it is and with lenses painted on it.

    Args:
        folder: with ``train`` and ``val``, one of these, or one of their folders.
        ids: paths of the images within it.
    """
    root = _root(folder)
    if folder is None or root is None or not (root / TRUTH).exists():
        return None
    import pyarrow.parquet as pq

    if not {"path", "galaxy"} <= set(pq.read_schema(root / TRUTH).names):
        return None
    table = pq.read_table(root / TRUTH, columns=["path", "galaxy"]).to_pydict()
    galaxies = dict(zip(table["path"], map(str, table["galaxy"]), strict=True))
    within = expanded(folder).resolve().relative_to(root.resolve())
    shown = [galaxies.get((within / name).as_posix()) for name in ids]
    return None if None in shown else np.array(shown)


def _record(root: Path) -> dict[str, Any]:
    """The record of a folder; empty where it is not one of lenszoo's."""
    try:
        facts = read_json(root / RECORD)
    except LenszooError:  # ours appear whole or not at all
        return {}
    return facts if "lenszoo" in facts else {}


def _root(folder: str | os.PathLike[str] | None) -> Path | None:
    """The folder, or that with its ``train`` or ``val``, that has a record."""
    if folder is None:
        return None
    own = expanded(folder)
    places = [own, *own.resolve().parents[:2]]
    if len(places) > 2 and places[1].name not in SPLITS:
        del places[2]
    return next((path for path in places if (path / RECORD).is_file()), None)
