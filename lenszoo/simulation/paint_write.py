"""Painted lenses and their unpainted galaxies on disk, in class folders, with the truth."""

import csv
import datetime
import io
import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lenszoo._version import __version__
from lenszoo.data.names import LENS_CLASSES
from lenszoo.data.written import RECORD, TRUTH
from lenszoo.errors import LenszooError
from lenszoo.files import expanded, replacing, sweep
from lenszoo.simulation.paint import failure_text, paint_some
from lenszoo.simulation.paint_draw import Painter
from lenszoo.simulation.paint_galaxies import Galaxies
from lenszoo.simulation.paint_law import PaintLaw
from lenszoo.simulation.paint_split import Side, split_sides
from lenszoo.simulation.paint_stamps import Stamps
from lenszoo.simulation.sample import SPLIT_START

NOT_PAINTED = "not_painted.csv"
NONLENS, LENS = LENS_CLASSES
CHUNK = 128  # paintings in memory at once


@dataclass(frozen=True)
class PaintedSummary:
    """Result of :func:`write_paintings`.

    Attributes:
        path: the folder.
        counts: images of each class in each split.
        not_painted: paintings that were given up; ``not_painted.csv`` says why.

    Example:
        >>> from lenszoo.simulation import simulate_galaxies, write_paintings
        >>> galaxies = simulate_galaxies("des_grizY", 5, seed=1)
        >>> write_paintings(galaxies, "painted", n_train=4, n_val=1).counts["val"]["nonlens"]
        1
    """

    path: Path
    counts: dict[str, dict[str, int]]
    not_painted: int


def write_paintings(
    galaxies: Galaxies,
    out: str | os.PathLike[str],
    *,
    n_train: int,
    n_val: int,
    seed: int = 0,
    law: PaintLaw | None = None,
    stamps: Stamps | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PaintedSummary:
    """Paint lenses into ``train/lens`` and ``val/lens``, beside their galaxies in ``nonlens``.

    The galaxies, and the stamps of sources, are split between training and validation in the ratio
    of the lenses, so that none is on both sides; each galaxy stands once among the non-lenses, as
    it is. Galaxies of a kind are no hosts, and those of the kind ``lens`` are left out. Images are
    ``ID.npy`` and ``ID_lensN.npy``, (bands, H, W) float32 in the cutouts' unit of flux.
    ``truth.parquet`` has a row an image, with the file of its source's stamp in ``source_stamp``,
    ``not_painted.csv`` the paintings that were given up, and ``dataset.json``
    says how all was made.

    Args:
        galaxies: to paint on.
        out: a new or empty folder.
        n_train: lenses for training, those given up included; more than galaxies go round again.
        n_val: lenses for validation.
        seed: of the paintings.
        law: Einstein radii, sources and floors.
        stamps: galaxies that serve as sources.
        progress: called as ``progress(done, total)``.

    Raises:
        LenszooError: numbers below 0 or a single galaxy; a folder that is not empty, as one of a
            call that was interrupted, or that cannot be written; not one lens that passes the
            floors.

    Example:
        >>> from lenszoo.simulation import simulate_galaxies, write_paintings
        >>> galaxies = simulate_galaxies("des_grizY", 5, seed=1)
        >>> summary = write_paintings(galaxies, "painted_sky", n_train=4, n_val=1)
        >>> sorted(path.name for path in summary.path.iterdir())[:2]
        ['dataset.json', 'not_painted.csv']
    """
    law, out = law or PaintLaw(), expanded(out)
    counts = {"train": n_train, "val": n_val}
    if min(counts.values()) < 0 or not sum(counts.values()):
        raise LenszooError(f"n_train={n_train} and n_val={n_val} make no dataset.")
    sides = _sides(galaxies, stamps, counts)
    try:
        out.mkdir(parents=True, exist_ok=True)
        sweep(out, 0)
        if any(out.iterdir()):
            raise LenszooError(f"{out} is not empty; name a new folder.")
        # first this, last the truth: a folder with one of them only is not whole
        facts = _facts(galaxies, counts, seed, law, stamps)
        with replacing(out / RECORD) as (_, stream):
            stream.write((json.dumps(facts, indent=2) + "\n").encode())
        rows, given_up, written = _write_images(sides, counts, out, seed, law, progress)
        if not any(split[LENS] for split in written.values()):
            raise LenszooError(_none_passes(given_up, law))
        _write_failures(given_up, law, out / NOT_PAINTED)
        _write_truth(rows, out / TRUTH)
    except OSError as error:
        raise LenszooError(f"Cannot write {out}: {error.strerror or error}.") from error
    return PaintedSummary(out, written, len(given_up))


def _sides(galaxies: Galaxies, stamps: Stamps | None, counts: dict[str, int]) -> dict[str, Side]:
    if not all(counts.values()):
        return {split: (galaxies, stamps) for split, n in counts.items() if n}
    fraction = counts["val"] / sum(counts.values())
    return dict(zip(("train", "val"), split_sides(galaxies, stamps, fraction), strict=True))


def _write_images(
    sides: dict[str, Side],
    counts: dict[str, int],
    out: Path,
    seed: int,
    law: PaintLaw,
    progress: Callable[[int, int], None] | None,
) -> tuple[list[dict[str, Any]], list[tuple[str, str, int, str]], dict[str, dict[str, int]]]:
    """Write all images; return rows of the truth, what was given up, and counts."""
    rows: list[dict[str, Any]] = []
    given_up: list[tuple[str, str, int, str]] = []
    written = {split: {NONLENS: 0, LENS: 0} for split in sides}
    done, total = 0, sum(counts.values())
    for split, (galaxies, stamps) in sides.items():
        for name in (NONLENS, LENS):
            (out / split / name).mkdir(parents=True)
        others, hosts = galaxies.non_lenses(), galaxies.hosts()
        for name, image in zip(others.ids, others.images, strict=True):
            rows.append(_write(out, split, NONLENS, name, name, image))
        painter, start = Painter(hosts, law, stamps), SPLIT_START[split]
        for first in range(start, start + counts[split], CHUNK):
            last = min(first + CHUNK, start + counts[split])
            lenses = paint_some(painter, range(first, last), seed)
            for k, (index, image) in enumerate(zip(lenses.index, lenses.images, strict=True)):
                galaxy = str(lenses.truth["id"][k])
                turn = (int(index) - start) // len(hosts) + 1
                row = _write(out, split, LENS, f"{galaxy}_lens{turn}", galaxy, image)
                values = {name: column[k] for name, column in lenses.truth.items() if name != "id"}
                stamp = values.pop("source_stamp")  # its place among those of this side
                values["source_stamp"] = None if stamps is None else stamps.names[stamp]
                rows.append(row | {"seed": seed, "index": int(index)} | values)
            for index, floor in lenses.failures.items():
                given_up.append((split, hosts.ids[index % len(hosts)], index, floor))
            done += last - first
            if progress is not None:
                progress(done, total)
        written[split] = {
            name: sum(row["split"] == split and row["class"] == name for row in rows)
            for name in (NONLENS, LENS)
        }
    return rows, given_up, written


def _write(
    out: Path, split: str, label: str, name: str, galaxy: str, image: np.ndarray
) -> dict[str, Any]:
    """Write an image (H, W, bands); return its row of the truth."""
    if os.sep in name or name in (".", ".."):
        raise LenszooError(f"id {name!r} cannot name a file; rename it in the catalogue.")
    path = f"{split}/{label}/{name}.npy"
    with replacing(out / path, sync=False) as (_, stream):
        np.save(stream, np.ascontiguousarray(np.moveaxis(image, -1, 0), np.float32))
    return {
        "id": name,
        "galaxy": galaxy,
        "split": split,
        "class": label,
        "label": int(label == LENS),
        "path": path,
    }


def _none_passes(given_up: list[tuple[str, str, int, str]], law: PaintLaw) -> str:
    floors = [row[-1] for row in given_up]
    most = max(set(floors), key=floors.count)
    return (
        f"Not one of {len(given_up)} lenses passes the floors; most have "
        f"{failure_text(most, law)}. Lower that floor, or paint on other galaxies."
    )


def _write_truth(rows: list[dict[str, Any]], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = list(dict.fromkeys(name for row in rows for name in row))
    table = {}
    for name in names:
        values = [row.get(name) for row in rows]
        plain = [v.tolist() if isinstance(v, np.ndarray | np.generic) else v for v in values]
        table[name] = pa.array(plain)
    with replacing(path) as (_, stream):
        pq.write_table(pa.table(table), stream)


def _write_failures(given_up: list[tuple[str, str, int, str]], law: PaintLaw, path: Path) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("split", "galaxy", "index", "floor", "meaning"))
    writer.writerows((*row, failure_text(row[-1], law)) for row in given_up)
    with replacing(path) as (_, stream):
        stream.write(text.getvalue().encode())


def _facts(
    galaxies: Galaxies, counts: dict[str, int], seed: int, law: PaintLaw, stamps: Stamps | None
) -> dict[str, Any]:
    survey = galaxies.survey
    points = [band.zero_point_mag for band in survey.bands]
    return {
        "survey": survey.model_dump(),
        "law": law.model_dump(),
        "galaxies": len(galaxies),
        "stamps": 0 if stamps is None else len(stamps),
        "seed": int(seed),
        "splits": counts,
        "classes": [NONLENS, LENS],
        "image_shape": list(galaxies.images.shape[1:]),
        "pixel_scale": survey.pixel_scale_arcsec,
        "bands": list(survey.names),
        "zero_point": points[0] if np.ptp(points) < 1e-9 and math.isfinite(points[0]) else None,
        "lenszoo": __version__,
        "backend": keras.config.backend(),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
