"""A simulated dataset on disk, in the layout of DeepLense, with its truth beside it.

Every file appears whole or not at all and a scene depends on nothing but its number, so a run that
was killed goes on where it stopped and the folder ends up the same.
"""

import datetime
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lenszoo._version import __version__
from lenszoo.data.written import RECORD, TRUTH
from lenszoo.errors import LenszooError, unknown
from lenszoo.files import expanded, read_json, replacing, sweep
from lenszoo.simulation.preset import Preset
from lenszoo.simulation.presets import get_preset
from lenszoo.simulation.sample import (
    SPLIT_START,
    Sample,
    check_draw,
    sample_scenes,
    scene_labels,
)

FORMATS = ("npy", "png")
CHUNK = 240  # images in memory at once: a multiple of the renderer's tile for 1, 2 or 3 classes
_PARTS = ".truth"  # the truth of finished chunks, until all are
# of a sky of pairs, the folders in place of those of the classes, and what of the sample they hold
_PAIR_FOLDERS = {"low": "images", "high": "targets", "noiseless": "noiseless"}
_IDENTITY = ("preset", "seed", "strength", "format", "splits", "lenszoo")


@dataclass(frozen=True)
class DatasetSummary:
    """Result of :func:`write_dataset`.

    Attributes:
        path: the folder.
        truth: its truth table.
        counts: images of each class in each split.
        written: image files that this call wrote; fewer than there are when it went on with a
            dataset begun before.

    Example:
        >>> from lenszoo.simulation import write_dataset
        >>> summary = write_dataset("common_test_sim", "small_sky", n_train=3, n_val=3)
        >>> summary.counts["train"]
        {'no': 1, 'sphere': 1, 'vort': 1}
    """

    path: Path
    truth: Path
    counts: dict[str, dict[str, int]]
    written: int


def write_dataset(
    preset: str | Preset,
    out: str | os.PathLike[str],
    *,
    n_train: int,
    n_val: int,
    seed: int = 0,
    format: str = "npy",
    strength: float = 1.0,
    progress: Callable[[int, int], None] | None = None,
) -> DatasetSummary:
    """Simulate a dataset into class folders, ``train/CLASS/N.npy`` and ``val/CLASS/N.npy``.

    Of a sky of pairs the folders are ``low``, ``high`` and ``noiseless`` instead of the classes;
    three files of one name belong together, and ``high`` and ``noiseless`` may leave [0, 1].

    Scenes of the two splits never overlap (:data:`SPLIT_START`), and classes take turns, so they
    differ by one image at most. Beside the folders stand ``truth.parquet``, a row an image (split,
    path, class, label, seed, scene and all that was drawn; positions and strengths of point masses
    as lists), and ``dataset.json``, which says how it was made.

    A call that was interrupted is finished by the same call again; image files that are there are
    kept. Called on a finished dataset it restores what is missing.

    Args:
        preset: a name from ``list_presets()``.
        out: a new or empty folder, or one begun by the same call.
        n_train: images for training, all classes together.
        n_val: images for validation.
        seed: seed of the scenes.
        format: ``"npy"``, (bands, H, W) float64, as DeepLense's files in [0, 1] where the sky is
            scaled, or ``"png"``, 16-bit grey, of such a sky: steps of 1/65535, far below the noise.
        strength: multiplies the mass of the substructure; 1 is the true sky.
        progress: called as ``progress(done, total)`` after every few hundred images.

    Raises:
        LenszooError: unknown preset or format, numbers out of range, a folder that holds something
            else, or that cannot be written.

    Example:
        >>> from lenszoo.simulation import write_dataset
        >>> summary = write_dataset("common_test_sim", "sky", n_train=3, n_val=3)
        >>> summary.written
        6
    """
    preset = get_preset(preset)
    splits = {"train": n_train, "val": n_val}
    _check(preset, splits, format)
    check_draw(preset, seed, strength)
    out = expanded(out)
    facts = {
        "preset": preset.name,
        "seed": int(seed),
        "strength": float(strength),
        "format": format,
        "splits": splits,
        "lenszoo": __version__,
        "first_scene": {split: SPLIT_START[split] for split in splits},
        "classes": list(preset.classes),
        "image_shape": list(preset.image_shape),
        "pixel_scale": preset.pixel_scale,
        "bands": list(preset.bands),
        "zero_point": preset.zero_point,
        "backend": keras.config.backend(),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    try:
        facts = _claim(out, facts)
        written = _write_images(preset, out, facts, progress)
        _write_truth(out, facts)
    except (OSError, LenszooError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        if not isinstance(cause, OSError):
            raise
        raise LenszooError(
            f"Cannot write {out}: {cause.strerror or cause}. Make room or name another folder; the "
            "same call goes on where this one stopped."
        ) from error
    counts = {
        split: dict(zip(preset.classes, _class_counts(preset, split, n), strict=True))
        for split, n in splits.items()
    }
    return DatasetSummary(out, out / TRUTH, counts, written)


def _check(preset: Preset, splits: dict[str, int], format: str) -> None:
    if format not in FORMATS:
        raise unknown("image format", format, FORMATS)
    if min(splits.values()) < 0 or not sum(splits.values()):
        numbers = " and ".join(f"n_{split}={n}" for split, n in splits.items())
        raise LenszooError(f"{numbers} make no dataset: both at least 0, and one above.")
    if format == "png" and (not preset.minmax or preset.factor > 1):
        raise LenszooError(f"Images of {preset.name} are not in [0, 1], as PNG needs; use npy.")


def _claim(out: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """Make the folder ours, or take up a dataset of the same facts; return those on record."""
    record = out / RECORD
    if record.exists():
        try:
            earlier = read_json(record)
            other = [key for key in _IDENTITY if earlier[key] != facts[key]]
        except (LenszooError, KeyError, TypeError) as error:
            raise LenszooError(f"{record} is damaged; name another folder.") from error
        if other:
            key = other[0]
            raise LenszooError(
                f"{out} holds another dataset ({key} {earlier[key]}, not {facts[key]}); name "
                "another folder."
            )
        return earlier
    out.mkdir(parents=True, exist_ok=True)
    sweep(out, 0)
    if any(out.iterdir()):
        raise LenszooError(f"{out} is not empty and holds no {RECORD}; name a new folder.")
    with replacing(record) as (_, stream):
        stream.write((json.dumps(facts, indent=2) + "\n").encode())
    return facts


def _write_images(
    preset: Preset,
    out: Path,
    facts: dict[str, Any],
    progress: Callable[[int, int], None] | None,
) -> int:
    """Write the images that are not there, and the truth of every chunk; return their number."""
    finished = (out / TRUTH).exists()
    (out / _PARTS).mkdir(exist_ok=True)
    present = _present(preset, out, facts)
    written, done, total = 0, 0, sum(facts["splits"].values())
    for split, n in facts["splits"].items():
        for first in range(0, n, CHUNK):
            rows = range(first, min(first + CHUNK, n))
            part = _part(out, split, first)
            paths = _paths(preset, split, rows, facts["format"])
            missing = [path not in present for files in paths.values() for path in files]
            if any(missing) or not (finished or part.exists()):
                scenes = [SPLIT_START[split] + row for row in rows]
                batch = sample_scenes(preset, scenes, facts["seed"], facts["strength"])
                for images, files in paths.items():
                    for image, path in zip(getattr(batch, images), files, strict=True):
                        if path not in present:
                            _write_image(image, out / path)
                written += sum(missing)
                if not finished:
                    table = _truth_table(batch, split, paths["images"], facts["seed"])
                    _write_parquet(part, [table], table.schema)
            done += len(rows)
            if progress is not None:
                progress(done, total)
    return written


def _paths(preset: Preset, split: str, rows: range, suffix: str) -> dict[str, list[str]]:
    """Paths below the dataset's folder, by what of the sample they hold.

    Images are numbered from 1 within each class; pairs are numbered through.
    """
    if preset.factor > 1:
        return {
            held: [f"{split}/{folder}/{row + 1}.{suffix}" for row in rows]
            for folder, held in _PAIR_FOLDERS.items()
        }
    labels = scene_labels((SPLIT_START[split] + row for row in rows), preset)
    numbers = [row // len(preset.classes) + 1 for row in rows]
    paths = [
        f"{split}/{preset.classes[label]}/{number}.{suffix}"
        for label, number in zip(labels, numbers, strict=True)
    ]
    return {"images": paths}


def _class_counts(preset: Preset, split: str, n: int) -> list[int]:
    labels = scene_labels(range(SPLIT_START[split], SPLIT_START[split] + n), preset)
    return np.bincount(labels, minlength=len(preset.classes)).tolist()


def _present(preset: Preset, out: Path, facts: dict[str, Any]) -> set[str]:
    """Make the folders of images, clear them of a killed run's parts; return the images in them."""
    present: set[str] = set()
    for split in facts["splits"]:
        for name in preset.classes if preset.factor == 1 else _PAIR_FOLDERS:
            folder = out / split / name
            folder.mkdir(parents=True, exist_ok=True)
            sweep(folder, 0)
            with os.scandir(folder) as entries:
                present.update(f"{split}/{name}/{e.name}" for e in entries if e.stat().st_size)
    return present


def _write_image(image: np.ndarray, path: Path) -> None:
    """Write one (H, W, bands) image whole or not at all."""
    with replacing(path, sync=False) as (_, stream):
        if path.suffix == ".npy":
            np.save(stream, np.moveaxis(image, -1, 0).astype(np.float64))
        else:
            from PIL import Image

            grey = np.rint(image[..., 0] * 65535.0).astype(np.uint16)
            Image.fromarray(grey).save(stream, "png")


def _part(out: Path, split: str, first: int) -> Path:
    return out / _PARTS / f"{split}-{first:09d}.parquet"


def _truth_table(batch: Sample, split: str, paths: Sequence[str], seed: int) -> Any:
    import pyarrow as pa

    columns: dict[str, Any] = {
        "split": [split] * len(paths),
        "path": list(paths),
        "class": [batch.class_names[label] for label in batch.labels],
        "label": batch.labels,
        "seed": pa.array([seed] * len(paths), pa.uint64()),
        "scene": batch.truth["scene"],
    }
    for name, values in batch.truth.items():
        lists = values.dtype == object
        columns[name] = pa.array(list(values), pa.list_(pa.float64())) if lists else values
    return pa.table(columns)


def _write_parquet(path: Path, tables: Any, schema: Any) -> None:
    import pyarrow.parquet as pq

    with replacing(path) as (_, stream), pq.ParquetWriter(stream, schema) as writer:
        for table in tables:
            writer.write_table(table.cast(schema))


def _write_truth(out: Path, facts: dict[str, Any]) -> None:
    """Put the parts together into one table that carries the dataset's facts; drop the parts."""
    import pyarrow.parquet as pq

    if not (out / TRUTH).exists():
        parts = [
            _part(out, split, first)
            for split, n in facts["splits"].items()
            for first in range(0, n, CHUNK)
        ]
        schema = pq.read_schema(parts[0]).with_metadata({"lenszoo": json.dumps(facts)})
        _write_parquet(out / TRUTH, (pq.read_table(part) for part in parts), schema)
    shutil.rmtree(out / _PARTS, ignore_errors=True)
