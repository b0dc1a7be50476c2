"""A corpus: scenes drawn once, cut, and kept on disk with a teacher's answers to their turns.

For a small network the simulator and the teacher cost more than the network. A recipe with a table
``corpus`` draws its scenes once, and a step then costs the network alone. The scenes are float16,
which is a tenth of the noise at the brightest pixel.
"""

import hashlib
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lenszoo import files as _files
from lenszoo._version import __version__
from lenszoo.data.augment import d4
from lenszoo.data.batches import ThreadedDataset
from lenszoo.data.epochs import d4_elements, epoch_order
from lenszoo.errors import LenszooError
from lenszoo.models.in_batches import in_batches
from lenszoo.pretrained.source import resolve
from lenszoo.pretrained.store import cache_folders
from lenszoo.simulation import SPLIT_START, get_preset, sample
from lenszoo.tasks.classify.recipe import ClassifyRecipe, Distill

log = logging.getLogger("lenszoo")

_CHUNK = 1024  # scenes drawn, answered and written at a time
_BATCH = 128
_STATE = "corpus.json"


@dataclass(frozen=True)
class Corpus:
    """Arrays of a corpus, read from disk as they are needed.

    Attributes:
        images: (n, side, side, bands) float16, the central squares.
        labels: (n,) int32.
        answers: (n, turns, classes) float32 logits of the teacher, None without one.
    """

    images: np.ndarray
    labels: np.ndarray
    answers: np.ndarray | None


class CorpusBatches(ThreadedDataset):
    """Batches of an epoch, for ``model.fit`` on any backend.

    Args:
        corpus: the arrays.
        recipe: says how many images an epoch has, the size of a batch and the seed.
        epoch: number of the epoch; it goes on in the corpus where the one before ended.
        image_shape: (height, width, bands) that the network takes; zeros surround the square.

    Yields:
        images (batch, H, W, bands) float32 and labels (batch,) int32; with a teacher, in place of
        the labels a dictionary of ``labels`` and ``answers`` (batch, classes) float32.
    """

    def __init__(
        self,
        corpus: Corpus,
        recipe: ClassifyRecipe,
        epoch: int,
        image_shape: tuple[int, int, int],
    ) -> None:
        super().__init__()
        self.corpus, self.batch_size, self.shape = corpus, recipe.batch_size, image_shape
        n, seed = recipe.data.images, recipe.data_seed
        self.rows = epoch * n % len(corpus.labels) + epoch_order(n, seed, epoch)
        self.turns = np.zeros(n, np.int32)
        if recipe.augment == "d4":
            self.turns = d4_elements(n, seed, epoch)

    def __len__(self) -> int:
        """Batches."""
        return -(-len(self.rows) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, Any]:
        """Batch ``index``: images and labels, or labels and answers."""
        part = slice(index * self.batch_size, (index + 1) * self.batch_size)
        rows, turns = self.rows[part], self.turns[part]
        square = d4(self.corpus.images[rows].astype(np.float32), turns)
        margins = [(a - b) // 2 for a, b in zip(self.shape, square.shape[1:], strict=True)]
        images = np.pad(square, [(0, 0), *((margin, margin) for margin in margins)])
        labels = self.corpus.labels[rows]
        if self.corpus.answers is None:
            return images, labels
        answered = turns % self.corpus.answers.shape[1]
        return images, {"labels": labels, "answers": self.corpus.answers[rows, answered]}


def open_corpus(recipe: ClassifyRecipe, load: Callable[[Distill], keras.Model]) -> Corpus:
    """Open the corpus of a recipe, and make it first where it is not there or not finished.

    It lies in ``corpora`` of the cache folder (``LENSZOO_CACHE``), and recipes of the same scenes,
    square and teacher share it.

    Args:
        recipe: one with a table ``corpus``.
        load: loads the teacher of its table ``distill``, if it has one.

    Raises:
        LenszooError: the folder cannot be written, or another process is making the corpus.
    """
    identity = _identity(recipe)
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    folder = cache_folders()[0].parent / "corpora" / digest
    busy = f"Another process is making the corpus in {folder}: wait for it."
    with _files.hold(folder, "folder of the corpus", ".lock", busy):
        arrays = _arrays(folder, identity)
        done = _done(folder)
        if done < identity["scenes"]:
            log.info(
                "corpus of %d scenes in %s, from scene %d on", identity["scenes"], folder, done
            )
            teacher = load(recipe.distill) if recipe.distill else None
            _make(folder, arrays, identity, done, teacher)
    return Corpus(**arrays)


def _identity(recipe: ClassifyRecipe) -> dict[str, Any]:
    """All that decides what a corpus holds."""
    if recipe.corpus is None:
        raise LenszooError("The recipe has no table corpus.")
    preset = get_preset(recipe.data.preset or "")
    height, width, bands = preset.image_shape
    crop = recipe.options.get("crop")
    distill = recipe.distill
    return {
        "lenszoo": __version__,
        "preset": preset.name,
        "seed": recipe.data_seed,
        "scenes": recipe.corpus.scenes,
        "shape": [crop or height, crop or width, bands],
        "classes": len(preset.classes),
        "turns": recipe.corpus.turns if distill else 0,
        "teacher": [resolve(name).sha256 for name in distill.teacher] if distill else [],
        "merge": distill.merge if distill else {},
    }


def _arrays(folder: Path, identity: dict[str, Any]) -> dict[str, Any]:
    n = identity["scenes"]
    shapes: dict[str, tuple[tuple[int, ...], str]] = {
        "images": ((n, *identity["shape"]), "float16"),
        "labels": ((n,), "int32"),
        "answers": ((n, identity["turns"], identity["classes"]), "float32"),
    }
    arrays: dict[str, Any] = {}
    for name, (shape, dtype) in shapes.items():
        path = folder / f"{name}.npy"
        if 0 in shape:
            arrays[name] = None
            continue
        try:
            arrays[name] = np.lib.format.open_memmap(
                path, "r+" if path.exists() else "w+", dtype, shape
            )
        except (OSError, ValueError) as error:
            raise LenszooError(
                f"Cannot use {path}: {error}. Delete its folder, or set LENSZOO_CACHE to another."
            ) from error
    return arrays


def _done(folder: Path) -> int:
    if not (folder / _STATE).exists():
        return 0
    try:
        return int(_files.read_json(folder / _STATE, f"Delete the folder {folder}.")["done"])
    except (KeyError, TypeError, ValueError) as error:
        raise LenszooError(f"{folder / _STATE} is damaged. Delete the folder {folder}.") from error


def _make(
    folder: Path,
    arrays: dict[str, Any],
    identity: dict[str, Any],
    done: int,
    teacher: keras.Model | None,
) -> None:
    """Draw, answer and write what is missing; cut in the middle, it goes on at the last chunk."""
    n, turns = identity["scenes"], identity["turns"]
    side, other = identity["shape"][:2]
    for first in range(done, n, _CHUNK):
        rows = slice(first, min(first + _CHUNK, n))
        drawn = sample(
            identity["preset"], rows.stop - first, identity["seed"], SPLIT_START["train"] + first
        )
        height, width = drawn.images.shape[1:3]
        top, left = (height - side) // 2, (width - other) // 2
        arrays["images"][rows] = drawn.images[:, top : top + side, left : left + other]
        arrays["labels"][rows] = drawn.labels
        for turn in range(turns if teacher else 0):
            turned = d4(drawn.images, np.full(len(drawn.images), turn))
            arrays["answers"][rows, turn] = in_batches(teacher, turned, _BATCH)
        for array in arrays.values():
            if array is not None:
                array.flush()
        state = {"done": rows.stop, **identity}
        _files.write_bytes(folder / _STATE, (json.dumps(state, indent=2) + os.linesep).encode())
