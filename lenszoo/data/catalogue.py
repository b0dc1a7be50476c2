"""Read a survey's catalogue: cutouts, the table beside them, and labels."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from lenszoo.data.checks import OnBad
from lenszoo.data.cutouts import UNLABELLED, Cutouts
from lenszoo.data.fits import read_pixel_scale
from lenszoo.data.layouts import Layout, find_layout
from lenszoo.data.matching import Matched, match_by_name, match_by_pattern
from lenszoo.data.names import LENS_CLASSES, canonical_class
from lenszoo.data.photometry import ZERO_POINT
from lenszoo.data.readers import read_images
from lenszoo.data.sky import SkyMethod
from lenszoo.data.table import MISSING, NotNumbersError, Table, check_ids, check_rows, read_table
from lenszoo.errors import LenszooError, unknown
from lenszoo.files import sha256_of

logger = logging.getLogger("lenszoo")

OnMissing = Literal["raise", "skip", "blank"]
"""What happens to an object that lacks an image: refused, left out, or given a band of NaN."""

# These say which class an object is, so they are no part of the table, even unasked.
_LABEL_NAMES = frozenset(("label", "labels", "is_lens", "islens", "lens", "class", "target"))
_LABELS = {"1": 1, "1.0": 1, "true": 1, "yes": 1, "0": 0, "0.0": 0, "false": 0, "no": 0}


def read_catalogue(
    path: str | os.PathLike[str],
    *,
    images: str | os.PathLike[str] | None = None,
    layout: str | None = None,
    pattern: str | None = None,
    bands: Sequence[str] | None = None,
    id: str | None = None,
    label: str | None = None,
    columns: Sequence[str] | None = None,
    missing_values: Sequence[float] = (),
    mask_value: float | None = None,
    zero_point: float | None = None,
    on_bad: OnBad | None = None,
    on_missing: OnMissing = "raise",
    sky: SkyMethod | None = None,
    size: tuple[int, ...] | None = None,
    unlabelled: bool = False,
    table_only: bool = False,
) -> Cutouts:
    """Read a catalogue (CSV or Parquet) and the cutouts of its objects.

    Without ``pattern`` an object's image is the file that is called like its id, anywhere below the
    folder, and holds all bands (a cube). With ``pattern``, ``{id}`` and ``{band}`` say where each
    band lies, as in ``"{band}/imageEUC_{band}-{id}.fits"`` or ``"{id}.fits[{band}]"``; ``*`` and
    ``**/`` stand for any name and any folders.

    Args:
        path: the catalogue; its header names the columns.
        images: the folder of the images; by default that of the catalogue.
        layout: a known survey's, which sets pattern, bands, id, label, mask_value, zero_point and
            on_bad where they are not given: "bologna_ground" or "bologna_space".
        pattern: where the images lie below the folder.
        bands: the names of the bands, in the order that the images get.
        id: the column of unique ids, by default "id" in any case.
        label: the column that says which objects are lenses: 1 / 0, true / false, yes / no,
            lens / nonlens; None reads no labels.
        columns: the columns of the table, in order. By default all that hold numbers only, but
            never the id and the label, nor a column that is called like one ("is_lens").
        missing_values: numbers that stand for a missing value, such as -99.
        mask_value: the pixel value that marks masked pixels; they count as bad.
        zero_point: AB magnitude of flux 1 in the files; fluxes are multiplied so that it becomes
            25, the zero point of lenszoo's skies. None leaves fluxes as they are.
        on_bad: "raise" (the default), "zero", "skip" or "fill" for NaN, infinite, masked and
            constant pixels; see :func:`lenszoo.data.checks.apply_policy`.
        on_missing: "raise" names the first object without a file; "skip" leaves out objects that
            lack one; "blank" gives a missing band NaN pixels, which ``on_bad`` then deals with,
            and leaves out objects without any file.
        sky: subtract the sky level, measured by "median" or "border"; None: it is subtracted.
        size: the expected (H, W) or (H, W, bands).
        unlabelled: allow objects without a label; they get -1.
        table_only: read no images.

    Returns:
        The objects in the catalogue's order.

    Raises:
        LenszooError: one line that names the file and what is wrong: no such file or column, no
            rows, an id twice, an unknown label, text in a wanted column, missing or unreadable
            images, images of other sizes.
    """
    known = find_layout(layout) if layout is not None else Layout()
    known = known.given(
        pattern=pattern, bands=bands, id=id, label=label, mask_value=mask_value, on_bad=on_bad,
        zero_point=zero_point,
    )  # fmt: skip
    if on_missing not in get_args(OnMissing):
        raise unknown("policy for missing images (on_missing)", on_missing, get_args(OnMissing))
    read = read_table(path)
    id = _id_column(read, known.id)
    read.need([id], "Name the column of ids with id=.")
    check_rows(read)
    ids = read.filled(id)
    check_ids(ids, read.source)
    labels = None if known.label is None else _labels(read, known.label, unlabelled)
    values, names, notes = _numbers(read, id, known.label, columns, missing_values)
    result = Cutouts(
        tuple(ids), None, values, names, labels, known.bands, notes=notes,
        provenance={"catalogue": read.source, "layout": layout,
                    "sha256": sha256_of(Path(read.source))},
    )  # fmt: skip
    if not table_only:
        folder = Path(images) if images is not None else Path(path).parent
        result = _with_images(result, folder, known, on_missing, sky, size)
    for note in result.notes:
        logger.info("%s: %s", read.source, note)
    return result


def _with_images(
    cutouts: Cutouts,
    folder: Path,
    known: Layout,
    on_missing: OnMissing,
    sky: SkyMethod | None,
    size: tuple[int, ...] | None,
) -> Cutouts:
    source, bands, notes = cutouts.provenance["catalogue"], known.bands, list(cutouts.notes)
    if known.pattern is None:
        matched = match_by_name(folder, cutouts.ids)
    else:
        matched = match_by_pattern(folder, cutouts.ids, known.pattern, bands)
    rows = _present(matched, cutouts.ids, known, source, folder, on_missing)
    if len(rows) < len(cutouts):
        notes.append(f"Objects without images, left out: {len(cutouts) - len(rows)}.")
    blank = sum(None in matched.files[i] for i in rows)
    if blank:
        notes.append(f"Objects that lack a band, its pixels taken for bad ones: {blank}.")
    if matched.strangers:
        n, first = len(matched.strangers), matched.strangers[0]
        notes.append(f"Images that belong to no row of the table: {n} (the first: {first}).")
    paths = [f[0] if len(f) == 1 else f for f in (matched.files[i] for i in rows)]
    pixels, kept, counts = read_images(
        paths, size, known.on_bad or "raise", mask_value=known.mask_value, sky=sky
    )
    if bands and pixels.shape[-1] != len(bands):
        raise LenszooError(
            f"{paths[0]}: {pixels.shape[-1]} band(s), but bands= names {len(bands)} "
            f"({', '.join(bands)})."
        )
    if known.zero_point is not None:
        pixels *= np.float32(10 ** (0.4 * (ZERO_POINT - known.zero_point)))
    if len(kept) < len(rows):
        notes.append(f"Objects with bad pixels, left out: {len(rows) - len(kept)}.")
    elif counts.any():
        notes.append(f"Images with bad pixels (on_bad={known.on_bad!r}): {(counts > 0).sum()}.")
    chosen = cutouts.take(rows[kept])
    provenance = chosen.provenance | {
        "images": str(folder),
        "pixel_scale": read_pixel_scale(paths[0]),
        "pattern": known.pattern,
        "mask_value": known.mask_value,
        "zero_point": known.zero_point,
        "on_bad": known.on_bad or "raise",
        "on_missing": on_missing,
        "sky": sky,
    }
    return Cutouts(
        chosen.ids, pixels, chosen.table, chosen.columns, chosen.labels, bands,
        counts[kept], chosen.class_names, tuple(notes), provenance,
    )  # fmt: skip


def _present(
    matched: Matched,
    ids: Sequence[str],
    known: Layout,
    source: str,
    folder: Path,
    on_missing: OnMissing,
) -> np.ndarray:
    """Return the rows of the objects that have the images they need."""
    some = np.array([any(file is not None for file in files) for files in matched.files])
    whole = np.array([None not in files for files in matched.files])
    if on_missing == "raise" and not whole.all():
        row = int(np.flatnonzero(~whole)[0])
        files = matched.files[row]
        lacking = [b for b, file in zip(known.bands, files, strict=False) if file is None]
        band = f" in band {', '.join(lacking)}" if 0 < len(lacking) < len(files) else ""
        wanted = known.pattern or "called like the id"
        raise LenszooError(
            f"{source}: id {ids[row]!r} has no image{band} ({int((~whole).sum())} of {len(ids)} "
            f"objects lack one; looked for {wanted} in {folder}); mend images= or pattern=, or "
            "pass on_missing='skip' (leave them out) or 'blank' (NaN for a missing band)."
        )
    rows = np.flatnonzero(some if on_missing == "blank" else whole)
    if not len(rows):
        raise LenszooError(
            f"{source}: no object has {'an image' if on_missing == 'blank' else 'all its images'} "
            f"({known.pattern or 'files called like the ids'} in {folder})."
        )
    return rows


def _id_column(table: Table, id: str | None) -> str:
    if id is not None:
        return id
    return next((column for column in table.columns if column.casefold() == "id"), "id")


def _labels(table: Table, column: str, unlabelled: bool) -> np.ndarray:
    """Return (n,) int32 labels: 1 for a lens."""
    table.need([column], "Name the column of labels with label=.")
    cells = table.text(column)
    found = {cell: _label(cell) for cell in set(cells)}
    for row, cell in enumerate(cells):
        if found[cell] is None or (found[cell] == UNLABELLED and not unlabelled):
            what = f"label {cell!r}" if found[cell] is None else "no label"
            raise LenszooError(
                f"{table.source}: {table.where(row)} has {what} in column {column!r}; write 1 or "
                "0, true or false, lens or nonlens"
                + ("." if found[cell] is None else ", or pass unlabelled=True.")
            )
    return np.array([found[cell] for cell in cells], np.int32)


def _label(cell: str) -> int | None:
    if cell in MISSING:
        return UNLABELLED
    lens_class = canonical_class(cell)
    if lens_class in LENS_CLASSES:
        return LENS_CLASSES.index(lens_class)
    return _LABELS.get(cell.casefold())


def _numbers(
    table: Table,
    id: str,
    label: str | None,
    columns: Sequence[str] | None,
    missing_values: Sequence[float],
) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Return the table (n, k) float32 with NaN for missing values, its columns, and notes."""
    notes: list[str] = []
    if columns is not None:
        table.need(columns, "Name the table's with columns=.")
        for column in columns:
            if column in (id, label) or columns.count(column) > 1:
                why = (
                    "the id" if column == id else "the label" if column == label else "there twice"
                )
                raise LenszooError(
                    f"{table.source}: columns= names {column!r}, which is {why}; leave it out."
                )
    names, values = [], []
    for column in columns if columns is not None else table.columns:
        if columns is None and column in (id, label):
            continue
        if columns is None and column.casefold() in _LABEL_NAMES:
            notes.append(f"Column {column!r} looks like a label and was left out of the table.")
            continue
        table.need([column], "")
        try:
            numbers = table.numbers(column)
        except NotNumbersError:
            if columns is not None:
                raise
            notes.append(f"Column {column!r} holds no numbers and was left out of the table.")
            continue
        names.append(column)
        values.append(_floats(numbers, column, missing_values, notes))
        if not np.nanmin(values[-1], initial=np.inf) < np.nanmax(values[-1], initial=-np.inf):
            notes.append(f"Column {column!r} tells nothing: it is constant, or all missing.")
    stacked = np.stack(values, axis=1) if values else np.empty((len(table), 0), np.float32)
    return stacked, tuple(names), tuple(notes)


def _floats(
    numbers: np.ndarray, column: str, missing_values: Sequence[float], notes: list[str]
) -> np.ndarray:
    with np.errstate(over="ignore"):
        values = numbers.astype(np.float32)
    infinite = np.isinf(values)
    if infinite.any():
        notes.append(f"Infinite values in column {column!r}, now missing: {infinite.sum()}.")
    with np.errstate(over="ignore"):
        # a table of float32 holds the nearest to -99.9 that there is
        rounded = np.asarray(missing_values, np.float32)
    missing = np.isin(numbers, list(missing_values)) | np.isin(numbers, rounded.astype(float))
    return np.where(infinite | missing, np.float32(np.nan), values)
