"""DatasetIndex: which images a dataset has, where they lie, and their labels; no pixels."""

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lenszoo.data.checks import OnBad, row_numbers
from lenszoo.data.class_folders import class_files, open_folder, order_classes
from lenszoo.data.content import check_one_label, hash_files, same_rows
from lenszoo.data.cutting import Cut
from lenszoo.data.dataset import Dataset
from lenszoo.data.formats import IMAGE_SUFFIXES, split_hdu
from lenszoo.data.image_table import IndexPath, read_listed
from lenszoo.data.names import find_class
from lenszoo.data.paired import as_labels, stack_classes
from lenszoo.data.readers import image_name, read_images
from lenszoo.data.splits import fold_rows, split_rows
from lenszoo.data.stacks import open_stack
from lenszoo.data.table import check_ids
from lenszoo.data.written import check_whole
from lenszoo.errors import LenszooError, counted
from lenszoo.files import at_home, expanded, has_file

logger = logging.getLogger("lenszoo")

_DONE = {
    "skip": "left out",
    "zero": "bad pixels set to 0",
    "fill": "NaN and infinite pixels filled with the median of their band",
}

_FILES = "the list of files"


@dataclass(frozen=True, eq=False, repr=False)
class DatasetIndex:
    """The images of a dataset, in order.

    Attributes:
        ids: N unique names.
        paths: N files; a tuple of files where the bands of an image are files of their own.
        labels: (N,) int32 positions in ``class_names``, or None for images without labels.
        class_names: the classes, in the order of the labels.
        source: its name in messages.
        beside: further columns of the table that it came from, a ``pyarrow.Table``, or None.
        group_names: N names of groups that no split may divide, such as repeated images of one sky
            position; empty where every image is its own.

    Example:
        >>> from lenszoo.data import DatasetIndex
        >>> from lenszoo.simulation import write_dataset
        >>> summary = write_dataset("common_test_sim", "sky", n_train=6, n_val=3)
        >>> index = DatasetIndex.from_directory("sky/train")
        >>> len(index), index.class_names
        (6, ('no', 'sphere', 'vort'))
    """

    ids: tuple[str, ...]
    paths: tuple[IndexPath, ...]
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    source: str = field(default="the dataset")
    beside: Any = field(default=None)
    group_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.ids)
        if len(self.paths) != n or (self.labels is not None and np.shape(self.labels) != (n,)):
            raise LenszooError(f"{self.source}: ids, paths and labels differ in number.")
        for name in self.ids:
            if not name.isascii() and name.encode(errors="replace").decode() != name:
                raise LenszooError(f"{self.source}: {name!r} is no name in UTF-8; rename the file.")
        if self.labels is None:
            return
        labels = np.array(self.labels, np.int32)
        if n and not (labels.min() >= 0 and labels.max() < len(self.class_names)):
            raise LenszooError(
                f"{self.source}: labels must lie in 0..{len(self.class_names) - 1}, "
                f"the positions in {list(self.class_names)}."
            )
        labels.setflags(write=False)
        object.__setattr__(self, "labels", labels)

    @classmethod
    def from_directory(
        cls, root: str | os.PathLike[str], classes: Sequence[str] | None = None
    ) -> "DatasetIndex":
        """Index a folder: class folders that hold images, or images without labels.

        Ids are paths relative to ``root``, in natural order. Hidden files and folders, and those
        whose name begins with two underscores, are passed over.

        Args:
            root: the folder.
            classes: a model's class names. Folders are mapped to them, and labels follow their
                order; no / no_sub, sphere / cdm and vort / axion name the same class. Without
                it the folders are the classes, sorted with aliases in one place, so that
                no, sphere, vort and no_sub, cdm, axion get the same labels.

        Folders of lenses and of other galaxies (lens, lenses, train_lenses; nonlens, nolens,
        train_nonlenses and the like) are the classes nonlens and lens, in this order. Where
        DIR holds train_lenses beside test_lenses, ``DIR/train`` and ``DIR/test`` name the sets.

        Raises:
            LenszooError: no such folder, no images, images beside class folders, an empty class
                folder, two sets side by side, a folder that is none of ``classes``, or one that
                ``lenszoo simulate`` began and did not finish.
        """
        check_whole(root)
        top, folders, files = open_folder(expanded(root))
        if not folders:
            if not files:
                raise LenszooError(
                    f"{top}: no images in this folder; read are {', '.join(IMAGE_SUFFIXES)}."
                )
            paths = tuple(top / f for f in files)
            return cls(tuple(files), paths, None, tuple(classes or ()), str(top))
        if files:
            raise LenszooError(
                f"{top}: holds images ({files[0]} ...) beside folders ({folders[0]} ...); "
                "give a folder of class folders, or one of images."
            )
        members = {folder: class_files(top, folder) for folder in folders}
        names, folders = order_classes(folders, classes, str(top))
        ids, labels = [], []
        for folder in folders:
            label = find_class(folder, names, f"{top / folder}")
            ids += [f"{folder}/{file}" for file in members[folder]]
            labels += [label] * len(members[folder])
        images = tuple(top / i for i in ids)
        return cls(tuple(ids), images, np.array(labels, np.int32), tuple(names), str(top))

    @classmethod
    def from_files(cls, files: Sequence[str | os.PathLike[str]]) -> "DatasetIndex":
        """Index files given one by one, without labels; their names are the ids.

        Raises:
            LenszooError: no files, one that does not exist, or one given twice.
        """
        ids = tuple(map(at_home, files))
        if not ids:
            raise LenszooError("There are no files to index.")
        check_ids(ids, _FILES)
        index = cls(ids, tuple(map(Path, ids)), source=_FILES)
        _check_exist(index, "")
        return index

    @classmethod
    def from_csv(
        cls,
        csv: str | os.PathLike[str] | Any,
        root: str | os.PathLike[str] | None = None,
        *,
        id_column: str | None = "id",
        path_column: str | Sequence[str] = "path",
        label_column: str | None = "label",
        group_column: str | None = None,
        classes: Sequence[str] | None = None,
        cut: Cut | None = None,
    ) -> "DatasetIndex":
        """Index the images listed in a CSV table with a header line, in its order.

        Args:
            csv: the table (UTF-8, commas), or another that
                :func:`lenszoo.data.table.read_table` reads: Parquet, FITS, VOTable or ECSV, or a
                table of pandas, astropy or pyarrow.
            root: the folder that relative paths start from; by default the table's own, of one in
                memory the current folder.
            id_column: the column of unique ids; None takes the path as id.
            path_column: the column of paths, or a list of columns, one for each band.
            label_column: the column of class names or of positions in ``classes``, where ``2.0``
                counts as 2; None for a table without labels.
            group_column: the column of groups that no split may divide; by default "group" where
                there is one beside labels.
            classes: a model's class names, as in :meth:`from_directory`.
            cut: cut squares out of the files, at positions in the table; without a column of ids
                they are numbered from 0.

        Raises:
            LenszooError: no such file or column, a row without a value, an id twice, a file that
                does not exist or has two labels, or a label that is none of ``classes``.
        """
        listed = read_listed(
            csv, root, id_column, path_column, label_column, group_column, classes, cut
        )
        index = cls(
            listed.ids,
            listed.paths,
            listed.labels,
            listed.class_names,
            listed.table,
            listed.beside,
            listed.groups,
        )
        if listed.labels is not None:
            names = list(map(image_name, listed.paths))
            check_one_label(names, listed.labels, listed.ids, listed.class_names, listed.table)
        start = "root=" if root is not None else "the table's folder"
        _check_exist(index, f" Relative paths start from {start}, {listed.base}.")
        return index

    @classmethod
    def from_stack(
        cls,
        path: str | os.PathLike[str],
        classes: Sequence[str] | None = None,
        labelled: bool = True,
    ) -> "DatasetIndex":
        """Index a file of many images, see :mod:`lenszoo.data.stacks`; ids count from 0.

        Args:
            path: the file; ``file.h5[group/images]`` names an array.
            classes: a model's class names. Without it whole numbers from 0 are the classes, or the
                names that occur, in the order of :meth:`from_directory`.
            labelled: take the labels; False leaves them unread.

        Raises:
            LenszooError: no such file, a file of a single image, or labels that are none of
                ``classes``.
        """
        name = at_home(path)
        stack = open_stack(name)
        if stack is None:
            raise LenszooError(
                f"{name}: no stack of images (.npy (n, H, W, bands), .npz, HDF5 or Zarr); give "
                "one, a folder or a table."
            )
        labels, names = None, tuple(classes or ())
        stored = stack.labels if labelled else None
        if stored is not None:
            names = names or stack_classes(stored, name)
            labels = as_labels(stored, names, len(stack.images))
        ids = tuple(map(str, range(len(stack.images))))
        index = cls(ids, tuple(stack.images), labels, names, name)
        if labels is not None:
            check_one_label(index.contents, labels, ids, names, name)
        return index

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        counts = ", ".join(f"{name} {n}" for name, n in self.class_counts().items())
        text = counted(len(self), "image") + (f": {counts}" if counts else ", no labels")
        return f"DatasetIndex({text})"

    def class_counts(self) -> dict[str, int]:
        """Return the number of images of each class; empty without labels."""
        if self.labels is None:
            return {}
        counts = np.bincount(self.labels, minlength=len(self.class_names))
        return dict(zip(self.class_names, counts.tolist(), strict=True))

    @cached_property
    def contents(self) -> tuple[str, ...]:
        """A hash of each image's file; every file is read once."""
        return hash_files(self.paths)

    @cached_property
    def groups(self) -> np.ndarray:
        """(N,) numbers of the groups that a split keeps whole: the same image, the same group.

        Raises:
            LenszooError: the same image has two labels.
        """
        if self.labels is not None:
            check_one_label(self.contents, self.labels, self.ids, self.class_names, self.source)
        copies = len(self) - len(set(self.contents))
        if copies:
            logger.warning(
                "%s: %s of its images %s of another; copies stay on one side of a split.",
                self.source, f"{copies:,}", "is a copy" if copies == 1 else "are copies",
            )  # fmt: skip
        return same_rows(self.contents, *([self.group_names] if self.group_names else []))

    def subset(self, positions: Sequence[int] | np.ndarray) -> "DatasetIndex":
        """Return the index of the images at ``positions``, in that order, or where a mask is true.

        Raises:
            LenszooError: neither positions of its images nor a mask (N,).
        """
        picked = row_numbers(positions, len(self), "images").tolist()
        part = DatasetIndex(
            tuple(self.ids[i] for i in picked),
            tuple(self.paths[i] for i in picked),
            None if self.labels is None else self.labels[picked],
            self.class_names,
            self.source,
            None if self.beside is None else self.beside.take(picked),
            tuple(self.group_names[i] for i in picked) if self.group_names else (),
        )
        if "contents" in vars(self):
            vars(part)["contents"] = tuple(self.contents[i] for i in picked)
        return part

    def load(self, on_bad: OnBad = "raise", size: tuple[int, ...] | None = None) -> Dataset:
        """Read and check all images, in parallel, without TensorFlow.

        Args:
            on_bad: "raise", "zero", "fill" or "skip" for NaN, infinite and constant images.
            size: the expected (H, W) or (H, W, bands).

        Returns:
            The images in memory, fewer than here only under "skip".

        Raises:
            LenszooError: a file is unreadable (not under "skip"), of another shape, or bad under
                "raise".
        """
        images, kept, bad_counts = read_images(self.paths, size, on_bad)
        n_bad = int((bad_counts > 0).sum())
        if n_bad:
            first = self.ids[int(np.flatnonzero(bad_counts)[0])]
            logger.warning(
                "%d of %d images are bad: %s (first: %s)", n_bad, len(self), _DONE[on_bad], first
            )
        return Dataset(
            tuple(self.ids[int(i)] for i in kept),
            images,
            labels=None if self.labels is None else self.labels[kept],
            bad_counts=bad_counts[kept],
            groups=np.array(self.group_names)[kept] if self.group_names else None,
            contents=np.array(self.contents)[kept] if "contents" in vars(self) else None,
            class_names=self.class_names,
            provenance={
                "directory": self.source,
                "bad_pixels": int(bad_counts.sum()),
                "skipped": len(self) - len(kept),
            },
        )

    def split(self, fraction: float, seed: int) -> tuple["DatasetIndex", "DatasetIndex"]:
        """Split into (train, validation), class by class, the same for the same seed.

        Files of equal content, and images of one group, go to the same side.

        Args:
            fraction: the part of each class that goes to validation, in (0, 1); at least one
                image of every class that has any goes to each side.
            seed: an integer in 0..2**32 - 1.

        Raises:
            LenszooError: a class has a single image or group, one image has two labels, or
                ``fraction`` is not in (0, 1).
        """
        train, held_out = split_rows(self, fraction, seed)
        return self.subset(train), self.subset(held_out)

    def folds(self, k: int, seed: int) -> Iterator[tuple["DatasetIndex", "DatasetIndex"]]:
        """Yield k pairs (train, validation) of a stratified k-fold cross-validation.

        Files of equal content, and images of one group, go to the same fold.

        Args:
            k: the number of folds, at least 2.
            seed: an integer in 0..2**32 - 1.

        Raises:
            LenszooError: at once, when k < 2 or a class has fewer than k images.
        """
        rows = fold_rows(self, k, seed)
        return ((self.subset(train), self.subset(held_out)) for train, held_out in rows)


def _check_exist(index: DatasetIndex, hint: str) -> None:
    missing = [
        file
        for path in index.paths
        for file in (path if isinstance(path, tuple) else (path,))
        if not has_file(split_hdu(os.fspath(file))[0])
    ]
    if missing and index.source == _FILES:
        more = f" (and {len(missing) - 1} more are missing)" if len(missing) > 1 else ""
        raise LenszooError(f"{os.fspath(missing[0])}: no such file or folder{more}.")
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise LenszooError(f"{index.source}: no such file: {os.fspath(missing[0])}{more}.{hint}")
