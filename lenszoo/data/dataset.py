"""Dataset: images with their labels, targets and a table beside them, in memory or in files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from lenszoo.data.aligned import aligned_take
from lenszoo.data.checks import row_numbers
from lenszoo.data.names import LENS_CLASSES
from lenszoo.data.readers import ImageFiles
from lenszoo.data.splits import fold_rows, split_rows
from lenszoo.errors import LenszooError

Array: TypeAlias = Any
"""An array, or None where there is none: who reads a dataset knows which parts it asked for."""

UNLABELLED = -1
"""The label of an object without one, where that is allowed."""


def as_inputs(images: np.ndarray | None, table: np.ndarray | None) -> Any:
    """Return images and table as a lens finder takes them: by name, or the one that there is."""
    if images is None or table is None or not table.shape[1]:
        return table if images is None else images
    return {"images": images, "table": table}


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Objects with images, a table of numbers, labels or target images; each may be absent.

    Attributes:
        ids: n unique names.
        images: (n, H, W, bands) float32; None where they are still in ``files`` or there are none.
        table: (n, k) float32; a missing value is NaN. None stands for a table without columns.
        columns: the k names of the table's columns.
        labels: (n,) int32 positions in ``class_names``, -1 for an object without a label; None
            without labels.
        bands: the names of the bands, in order; empty where nobody named them.
        bad_counts: (n,) int64, the bad pixel values of each image before they were dealt with,
            masked ones among them; None without images.
        class_names: the classes, in the order of the labels.
        notes: what was left out or changed, a sentence each.
        provenance: where all this comes from.
        truth: what a simulation knows of the objects, arrays (n, ...) by name; None for real ones.
        targets: (n, scale * H, scale * W, bands) float32, the fine images of pairs; None without.
        groups: (n,) names of groups that no split may divide, such as repeated images of one sky
            position; None where every object is its own.
        contents: (n,) hashes of the images' files; None where nobody read them.
        files: the images' files, read as they are asked for; None where ``images`` hold them.
        beside: further columns of the catalogue, a ``pyarrow.Table`` with as many rows, or None.

    Example:
        >>> import numpy as np
        >>> from lenszoo.data import Dataset
        >>> dataset = Dataset(("a", "b"), images=np.zeros((2, 8, 8, 1), "float32"), bands=("r",))
        >>> len(dataset), dataset.bands
        (2, ('r',))
    """

    ids: tuple[str, ...]
    images: Array = None
    table: Array = None
    columns: tuple[str, ...] = ()
    labels: Array = None
    bands: tuple[str, ...] = ()
    bad_counts: np.ndarray | None = None
    class_names: tuple[str, ...] = LENS_CLASSES
    notes: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    truth: dict[str, np.ndarray] | None = None
    targets: Array = None
    groups: np.ndarray | None = None
    contents: np.ndarray | None = None
    files: ImageFiles | None = None
    beside: Any = None

    def __post_init__(self) -> None:
        if self.table is None:
            object.__setattr__(self, "table", np.empty((len(self.ids), 0), np.float32))

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        image = "no images" if self.files is None else "images in files"
        if self.images is not None:
            image = "x".join(map(str, self.images.shape[1:]))
        counts = ", ".join(f"{name} {n}" for name, n in self.class_counts().items())
        return (
            f"Dataset({len(self)}, {image}, {len(self.columns)} columns, {counts or 'no labels'})"
        )

    @property
    def scale(self) -> int:
        """Pixels of a target a side of a pixel of its image; 1 without targets."""
        if self.images is None or self.targets is None:
            return 1
        return self.targets.shape[1] // self.images.shape[1]

    def class_counts(self) -> dict[str, int]:
        """Return the number of objects of each class; empty without labels."""
        if self.labels is None:
            return {}
        counts = np.bincount(self.labels[self.labels >= 0], minlength=len(self.class_names))
        return dict(zip(self.class_names, counts.tolist(), strict=True))

    def known_labels(self) -> np.ndarray:
        """Return the labels.

        Raises:
            LenszooError: there are none.
        """
        if self.labels is None:
            source = self.provenance.get("catalogue", "These candidates")
            raise LenszooError(f"{source}: no labels; name the column that holds them, label=.")
        return self.labels

    def take(self, rows: Sequence[int] | np.ndarray) -> "Dataset":
        """Return the objects at some positions, in that order, or where a mask (N,) is true.

        Raises:
            LenszooError: neither positions of its rows nor a mask of N.
        """
        rows = row_numbers(rows, len(self), "objects")
        arrays = ("images", "table", "labels", "bad_counts", "targets", "groups", "contents")
        parts: dict[str, Any] = {}
        for name in arrays:
            part = getattr(self, name)
            if part is not None:
                part = aligned_take(part, rows) if name in ("images", "targets") else part[rows]
            parts[name] = part
        return replace(
            self,
            ids=tuple(self.ids[i] for i in rows),
            truth=self.truth and {name: values[rows] for name, values in self.truth.items()},
            files=None if self.files is None else self.files.take(rows),
            beside=None if self.beside is None else self.beside.take(rows),
            **parts,
        )

    def split(self, fraction: float, seed: int) -> tuple["Dataset", "Dataset"]:
        """Split into (train, validation) as :meth:`lenszoo.data.DatasetIndex.split` does."""
        train, held_out = split_rows(self, fraction, seed)
        return self.take(train), self.take(held_out)

    def folds(self, k: int, seed: int) -> Iterator[tuple["Dataset", "Dataset"]]:
        """Return k pairs (train, validation) as :meth:`lenszoo.data.DatasetIndex.folds` does."""
        rows = fold_rows(self, k, seed)
        return ((self.take(train), self.take(held_out)) for train, held_out in rows)

    def inputs(self) -> Any:
        """Return what a lens finder takes: ``images`` and ``table`` by name, or the one there is.

        Raises:
            LenszooError: there is neither.
        """
        if self.images is None and not self.columns:
            raise LenszooError("There are neither images nor columns of numbers to look at.")
        return as_inputs(self.images, self.table)

    def describe(self) -> dict[str, Any]:
        """Return what a report says of the data: provenance, sizes and notes, as plain values."""
        return self.provenance | {
            "objects": len(self),
            "classes": self.class_counts(),
            "image_shape": None if self.images is None else list(self.images.shape[1:]),
            "bands": list(self.bands),
            "columns": list(self.columns),
            "missing_values": int(np.isnan(self.table).sum()),
            "images_with_bad_pixels": int(np.sum(self.bad_counts > 0))
            if self.bad_counts is not None
            else 0,
            "notes": list(self.notes),
        }


Cutouts = Dataset
"""The name of a :class:`Dataset` of lens candidates."""
