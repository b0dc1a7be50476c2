"""Parts of a training's data: which examples train and which validate, by name and content."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from lenszoo.data import Dataset, DatasetIndex
from lenszoo.data.content import hash_arrays, hash_files
from lenszoo.errors import LenszooError
from lenszoo.files import read_json
from lenszoo.pretrained.origin import recall

SPLIT_FILE = "split.json"
"""In a run folder: ids, contents and labels of each part, in order."""

_MAX_SPLIT = 2**30  # ten million images: a line each of id, content, label and row

TRAIN, VALIDATION = "train", "validation"


class Part(NamedTuple):
    """One part of the data, each a tuple in one order.

    Attributes:
        ids: names of the examples.
        contents: hashes of their images, see :func:`lenszoo.data.content.hash_files`.
        labels: names of their classes; empty without labels.
        rows: hashes of their rows in a table; empty without one.
    """

    ids: tuple[str, ...]
    contents: tuple[str, ...]
    labels: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()


Parts = Mapping[str, Part]


def part_of(data: DatasetIndex | Dataset) -> Part:
    """Return the part that an index or a dataset is."""
    labels: tuple[str, ...] = ()
    if data.labels is not None:
        names = [*data.class_names, "unlabelled"]
        labels = tuple(names[k] for k in data.labels)
    if isinstance(data, DatasetIndex):
        return Part(data.ids, data.contents, labels)
    rows = hash_arrays(data.table) if data.columns else ()
    contents = rows if data.contents is None else tuple(map(str, data.contents))
    return Part(data.ids, contents, labels, rows)


def digest(parts: Parts, class_names: Sequence[str] = ()) -> str:
    """Hash parts, and the order of the classes, to 16 hexadecimal digits."""
    content = {name: part._asdict() for name, part in parts.items()}
    text = json.dumps([content, list(class_names)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def encode_parts(parts: Parts) -> bytes:
    """Return the content of ``split.json``."""
    content = {name: part._asdict() for name, part in parts.items()}
    return (json.dumps(content, indent=0) + "\n").encode()


def read_parts(path: Any) -> dict[str, Part]:
    """Read the ``split.json`` of a run.

    Raises:
        LenszooError: it is missing, damaged or holds something else.
    """
    fields = Part._fields
    try:
        return {
            name: Part(*(tuple(map(str, part[field])) for field in fields))
            for name, part in read_json(path, max_bytes=_MAX_SPLIT).items()
        }
    except (TypeError, KeyError) as error:
        raise LenszooError(f"{path} is damaged: it holds no parts of data.") from error


def first_change(before: Parts, now: Parts) -> str | None:
    """Say which example is the first that changed; None where all are as before, or unknown."""
    if not before:  # of simulated scenes, or of a run of an earlier version
        return None
    old, new = _by_id(before), _by_id(now)
    gone = next((example for example in old if example not in new), None)
    if gone is not None:
        return f"{gone} is gone"
    for example, facts in old.items():
        for name, was, is_now in zip(_FACTS, facts, new[example], strict=True):
            if was != is_now and name != "part":
                return f"{example} has another {name} now"
    extra = next((example for example in new if example not in old), None)
    if extra is not None:
        return f"{extra} is new"
    for example, facts in old.items():
        if facts != new[example]:
            return f"{example} is no longer in the part that it was in ({facts[0]})"
    return None if dict(before) == dict(now) else "their order is another"


_FACTS = ("part", "content", "label", "row")


def _by_id(parts: Parts) -> dict[str, tuple[str, ...]]:
    """Return part, content, label and row of each example by its id."""
    facts = {}
    for name, part in parts.items():
        labels, rows = (each or ("",) * len(part.ids) for each in (part.labels, part.rows))
        for example, *own in zip(part.ids, part.contents, labels, rows, strict=True):
            # a source sky, stamps and the like may have ids of their own
            facts[example if name in (TRAIN, VALIDATION) else f"{name} {example}"] = (name, *own)
    return facts


_UNSEEN = (
    "No image is recognised as one of the training. Those of the training that are stored in "
    "another way now (another format, a stack in place of files, arrays in memory) would not be."
)


def seen_notes(run_dir: Path | None, paths: Sequence[Any] | None) -> list[str]:
    """Say how many images a run has trained on, or chose its best epoch by.

    Images are recognised as they were stored in training. Where none is, a note says so.

    Args:
        run_dir: the run folder; None where the model is of none.
        paths: files of the images that it is to be scored on; None for images in memory.
    """
    if run_dir is None or not (run_dir / SPLIT_FILE).is_file():
        return []
    parts, paths = read_parts(run_dir / SPLIT_FILE), () if paths is None else paths
    scored = Part(tuple(map(str, paths)), hash_files(paths))
    told = {
        TRAIN: "it was trained on: the scores are too good for others",
        VALIDATION: "chose its best epoch: the scores are a little too good for others",
    }
    counts = {part: overlap(parts[part], scored) for part in told if part in parts}
    notes = [
        f"{n} of {len(paths)} images are among those that {told[part]} (the first: {first})."
        for part, (n, first) in counts.items()
        if n
    ]
    return notes or ([_UNSEEN] if counts else [])


def real_notes(model: keras.Model) -> list[str]:
    """Say how many real galaxies the weights of a model have learned from."""
    counts: dict[str, int] = {}
    for source in recall(model) or ():
        counts |= source.real_galaxies
    return [
        f"{name} learned from {count:,} real galaxies (see its card or recipe): if yours are "
        "among them, the scores are too good."
        for name, count in counts.items()
    ]


def overlap(first: Part, second: Part) -> tuple[int, str]:
    """Count the images of ``second`` whose content is in ``first``; return one's name too."""
    seen = set(first.contents)
    rows = np.flatnonzero([content in seen for content in second.contents])
    return len(rows), second.ids[int(rows[0])] if len(rows) else ""
