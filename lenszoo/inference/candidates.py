"""Inputs of a prediction in the order that a model needs: images, rows of a table, or both."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lenszoo.data.catalogue import Catalogue
from lenszoo.data.checks import OnBad, check_policy
from lenszoo.data.cutting import Cut
from lenszoo.data.dataset import Dataset
from lenszoo.data.layouts import find_layout
from lenszoo.data.listing import ImageTable, Inputs, as_index
from lenszoo.data.memory_table import is_table
from lenszoo.data.table import column_names, is_table_file
from lenszoo.errors import LenszooError, counted, whole_number
from lenszoo.inference.doubtful import check_rounding, note_axes
from lenszoo.inference.inputs import Batch, Fit, Images, as_plain
from lenszoo.inference.loaded_model import OpenedModel
from lenszoo.inference.pixel_scale import check_pixel_scale
from lenszoo.inference.preparing import Preparing, prepare
from lenszoo.inference.trained_inputs import (
    as_trained,
    brightness_of,
    check_brightness,
    check_observation,
    check_scale,
    prepared_as_trained,
)

log = logging.getLogger("lenszoo")

PredictInputs = Inputs | Dataset | Catalogue
"""Inputs of a prediction: images in memory, files, a dataset or a catalogue."""

# from the names of the bands that there are, and the name of the inputs in messages
MakeFit = Callable[[Sequence[str], str], Fit]


class Candidates:
    """The inputs of a prediction, in batches.

    Attributes:
        ids: n names.
        paths: n files, or None for what was in memory.
        images: the images, or None for a model that looks at a table alone.
        table: (n, columns) float32, or None for a model that looks at images alone.
        on_bad: the policy for bad images.
        cutouts: what else was read of the objects, such as labels; None for mere images.
        beside: further columns of their table, a ``pyarrow.Table``, or None.
    """

    def __init__(
        self,
        ids: Sequence[str],
        images: Images | None,
        table: np.ndarray | None,
        on_bad: OnBad,
        cutouts: Dataset | None = None,
        beside: Any = None,
    ) -> None:
        self.beside = beside
        self.ids, self.images, self.table = tuple(ids), images, table
        self.paths = None if images is None else images.paths
        self.on_bad, self.cutouts = on_bad, cutouts
        if not self.ids:
            raise LenszooError("There is nothing to predict: no objects were given.")

    def __len__(self) -> int:
        return len(self.ids)

    def name(self, row: int) -> str:
        """Return how messages call an object."""
        return f"object {self.ids[row]}" if self.images is None else self.images.name(row)

    def batches(self, batch_size: int, first: int = 0) -> Iterator[Batch]:
        """Yield all objects from a row on, as :meth:`lenszoo.inference.inputs.Images.batches`."""
        if self.images is not None:
            for batch in self.images.batches(batch_size, first):
                rows = batch.rows[batch.kept]
                yield batch._replace(table=None if self.table is None else self.table[rows])
            return
        assert self.table is not None  # one of the two is there
        for start in range(first, len(self), batch_size):
            rows = np.arange(start, min(start + batch_size, len(self)))
            kept, n = np.ones(len(rows), bool), len(rows)
            yield Batch(rows, None, kept, [None] * n, [None] * n, self.table[rows])


def list_inputs(
    inputs: Sequence[str],
    path_column: str = "path",
    catalogue: Mapping[str, Any] | None = None,
    cut: Cut | None = None,
) -> PredictInputs:
    """Tell from names on a command line what is to be predicted.

    A table of which more is said than its columns of ids and paths is a catalogue;
    of one without a column of paths the model decides. All else lists image files.

    Args:
        inputs: files, a folder, or a table.
        path_column: the column of paths of a table that lists files.
        catalogue: attributes of :class:`Catalogue`.
        cut: squares to cut out of the files that a table lists.

    Raises:
        LenszooError: nothing there; something said of a catalogue where there is none.
    """
    options = dict(catalogue or {})
    first = Path(inputs[0])
    if cut is not None:
        return image_table(inputs, path_column, options, cut)
    if len(inputs) == 1 and is_table_file(first):
        if set(options) - {"id"}:
            return Catalogue(first, **options)
        if path_column == "path" and "path" not in column_names(first):
            return Catalogue(first, **options) if options else first
    elif set(options) - {"id"}:
        name = min(set(options) - {"id"})
        raise LenszooError(f"{first}: {name}= is said of a catalogue, one table.")
    return as_index(inputs, id_column=options.get("id"), path_column=path_column)


def image_table(
    inputs: Sequence[str],
    path_column: str,
    catalogue: Mapping[str, Any],
    cut: Cut,
    label: str | None = None,
) -> ImageTable:
    """Return the table whose images are cut out of larger ones.

    Raises:
        LenszooError: there is not one table, or something else is said of a catalogue.
    """
    first, other = inputs[0], sorted(set(catalogue) - {"id"})
    if len(inputs) != 1 or not is_table_file(first):
        raise LenszooError(
            f"{first}: cutouts are made at the positions of a table that names the image files "
            f"(column {path_column}); give one table."
        )
    if other:
        raise LenszooError(
            f"{first}: {other[0]}= is said of a catalogue of small images; cutouts are made from "
            f"the files in column {path_column}."
        )
    return ImageTable(first, catalogue.get("id"), path_column, label, cut)


def open_inputs(
    opened: OpenedModel,
    inputs: PredictInputs,
    on_bad: OnBad | None,
    resize: bool,
    bands: Sequence[int] | None,
    labels: bool = False,
    preparing: Preparing | None = None,
) -> Candidates:
    """Put the inputs of a model in order, without reading images from files yet.

    Args:
        opened, inputs, on_bad, resize, bands: as for :func:`lenszoo.predict`.
        labels: read those of a catalogue too.
        preparing: how images are prepared.

    Raises:
        LenszooError: no inputs, or not those that the model takes: no images, no table, a column
            that is not there, other bands.
    """
    inputs = as_plain(inputs)
    path = isinstance(inputs, str | os.PathLike)
    if (path or is_table(inputs)) and reads_catalogue(opened, inputs):
        inputs = Catalogue(inputs)
    preparation = prepare(prepared_as_trained(opened, preparing or {}), opened.zero_point)
    if isinstance(inputs, Catalogue):
        # its own sky and zero point come before what else is done
        sky, zero_point = preparation.sky or inputs.sky, preparation.zero_point
        zero_point = inputs.zero_point if zero_point is None else zero_point
        inputs = as_trained(opened, replace(inputs, sky=sky, zero_point=zero_point))
        converted = inputs.settings().zero_point is not None
        preparation = replace(preparation, sky=None, zero_point=None, reads_headers=not converted)
    policy = on_bad or "raise"
    if isinstance(inputs, Catalogue) and inputs.layout is not None:
        policy = on_bad or find_layout(inputs.layout).on_bad or "raise"
    check_policy(policy)

    def fit(have: Sequence[str], label: str) -> Fit:
        chosen = _chosen_bands(opened, have, bands, label)
        height, width, n_bands = opened.takes["images"]
        shape = (height, width, n_bands)
        brightness = brightness_of(opened)
        return Fit(shape, opened.name, policy, bool(resize), chosen, preparation, brightness)

    if isinstance(inputs, Catalogue):
        return _of_catalogue(opened, inputs, policy, fit, labels)
    if isinstance(inputs, Dataset):
        return _of_cutouts(opened, inputs, policy, fit)
    if "table" in opened.takes:
        what = "images and a table" if "images" in opened.takes else "a table, not at images"
        raise LenszooError(
            f"{opened.name} looks at {what} (columns: {_listed(opened)}); give it Cutouts, or a "
            "catalogue (CSV, Parquet, FITS, VOTable, ECSV) with images=, the folder of its images."
        )
    images = Images(inputs, fit((), "The images"))
    _check(opened, images)
    return Candidates(images.ids, images, None, policy, beside=images.dataset.beside)


def _check(opened: OpenedModel, images: Images, pixel_scale: float | None = None) -> None:
    """Check that images are of the kind that a model learned on; warnings become their notes."""
    images.check_bands()  # before warnings of images that do not fit at all
    notes = (
        *check_pixel_scale(images, opened.pixel_scale, pixel_scale),
        check_brightness(opened, images) or check_observation(opened, images),
        check_scale(opened, images),
        check_rounding(images),
        note_axes(images),
    )
    images.notes += [note for note in notes if note is not None]


def reads_catalogue(opened: OpenedModel, table: Any) -> bool:
    """Tell whether a path or a table in memory is a catalogue to a model, and no list of files.

    To a model that looks at a table it always is, to a lens finder without a column of paths; to
    other classifiers only a table that is no CSV, which may have images that are called like ids.
    """
    if not (is_table(table) or is_table_file(table)):
        return False
    if "table" in opened.takes:
        return True
    csv = not is_table(table) and os.fspath(table).lower().endswith(".csv")
    return (opened.finds_lenses or not csv) and "path" not in column_names(table)


def _of_catalogue(
    opened: OpenedModel, catalogue: Catalogue, on_bad: OnBad, fit: MakeFit, labels: bool
) -> Candidates:
    takes, columns = opened.takes, opened.columns or tuple(catalogue.columns or ())
    if "table" not in takes:
        columns = ()
    elif len(columns) != takes["table"][0]:
        raise LenszooError(
            f"{opened.name} knows that it takes {takes['table'][0]} columns, not their names; "
            "name them, in its order, with columns=."
        )
    label = (catalogue.settings().label or "label") if labels else None
    read = catalogue.rows(columns, label=label, unlabelled=True)
    images = None
    if "images" in takes:
        needs = fit(read.bands, catalogue.source)
        read = catalogue.open(read, on_bad)
        images = Images(read, needs)
        _check(opened, images)
    for note in read.notes if columns else ():
        if note.startswith("Columns that are not there"):
            log.warning("%s: %s", catalogue.source, note)
    return Candidates(
        read.ids, images, read.table if columns else None, on_bad, read, beside=read.beside
    )


def _of_cutouts(opened: OpenedModel, cutouts: Dataset, on_bad: OnBad, fit: MakeFit) -> Candidates:
    images, label = None, _label(cutouts)
    if "images" in opened.takes:
        if cutouts.images is None and cutouts.files is None:
            raise LenszooError(f"{label}: no images were read, which {opened.name} looks at.")
        images = Images(cutouts, fit(cutouts.bands, label))
        _check(opened, images, cutouts.provenance.get("pixel_scale"))
    table = _matched_table(opened, cutouts) if "table" in opened.takes else None
    return Candidates(cutouts.ids, images, table, on_bad, cutouts, beside=cutouts.beside)


def _label(cutouts: Dataset) -> str:
    return str(cutouts.provenance.get("catalogue", "The candidates"))


def _matched_table(opened: OpenedModel, cutouts: Dataset) -> np.ndarray:
    """The columns that a model takes, found by name, or all of them where it knows no names."""
    label = _label(cutouts)
    have = ", ".join(cutouts.columns) or "none"
    for name in opened.columns:
        if name not in cutouts.columns:
            raise LenszooError(
                f"{label}: no column {name!r}, which {opened.name} looks at; the columns are: "
                f"{have}."
            )
    if opened.columns:
        return cutouts.table[:, [cutouts.columns.index(name) for name in opened.columns]]
    (width,) = opened.takes["table"]
    if len(cutouts.columns) != width:
        raise LenszooError(
            f"{label}: {counted(len(cutouts.columns), 'column')} ({have}), but {opened.name} takes "
            f"{width}."
        )
    return cutouts.table


def _chosen_bands(
    opened: OpenedModel, have: Sequence[str], chosen: Sequence[int] | None, label: str
) -> tuple[int, ...] | None:
    """Positions of the model's bands, by name where both sides name them and none were chosen."""
    if chosen is not None:
        return _positions(chosen)
    if not have or not opened.bands:
        return None
    names = [name.casefold() for name in have]
    keys = [name.casefold() for name in opened.bands]
    lacking = [name for name, key in zip(opened.bands, keys, strict=True) if key not in names]
    if lacking:
        raise LenszooError(
            f"{label}: no band {lacking[0]!r} among {', '.join(have)}; {opened.name} was trained "
            f"on {', '.join(opened.bands)}. If others may stand for them, say which with bands=."
        )
    positions = tuple(names.index(key) for key in keys)
    return None if positions == tuple(range(len(names))) else positions


def _positions(chosen: Any) -> tuple[int, ...]:
    """Return positions of bands as Python's integers; names, fractions and masks are none."""
    try:
        return tuple(whole_number("bands", band, 0) for band in chosen)
    except (TypeError, LenszooError):
        raise LenszooError(
            f"bands must be a list of positions, such as [0, 1] for the first two, not {chosen!r}."
        ) from None


def _listed(opened: OpenedModel) -> str:
    if not opened.columns:
        return f"{opened.takes['table'][0]} of them"
    return ", ".join(opened.columns[:6]) + (", ..." if len(opened.columns) > 6 else "")
