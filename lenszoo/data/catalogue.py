"""Catalogue: a table with a row an object, labels, and where the objects' images lie."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from lenszoo.data.adjust import adjust_cutout, flux_factor
from lenszoo.data.checks import OnBad
from lenszoo.data.columns import find_id, read_labels, read_numbers
from lenszoo.data.content import check_one_label, hash_files, same_rows
from lenszoo.data.dataset import Dataset
from lenszoo.data.fits import read_pixel_scale, split_hdu
from lenszoo.data.flux_units import check_zero_point
from lenszoo.data.layouts import Layout, find_layout
from lenszoo.data.matching import ObjectFiles, match_by_name, match_by_pattern
from lenszoo.data.memory_table import describe, is_table
from lenszoo.data.names import GROUP
from lenszoo.data.pixel_scale import check_band_scales
from lenszoo.data.readers import ImageFiles, read_images
from lenszoo.data.sky import SkyMethod, check_sky
from lenszoo.data.table import MISSING, check_ids, check_rows, folder_of, read_table
from lenszoo.errors import LenszooError, counted, unknown
from lenszoo.files import expanded, sha256_of

logger = logging.getLogger("lenszoo")

OnMissing = Literal["raise", "skip", "blank"]
"""Policy for an object that lacks an image: refused, left out, or given a band of NaN."""


@dataclass(frozen=True)
class Catalogue:
    """A table with a row an object, and where the objects' images lie.

    Nothing is read before it is asked for: :meth:`rows` reads the table, :meth:`open` finds the
    images and leaves them in their files, so that a catalogue may be larger than memory, and
    :meth:`load` reads all.

    Without ``pattern`` an object's image is the file that is called like its id, anywhere below the
    folder, and holds all bands (a cube). With ``pattern``, ``{id}`` and ``{band}`` say where each
    band lies, as in ``"{band}/imageEUC_{band}-{id}.fits"`` or ``"{id}.fits[{band}]"``; ``*`` and
    ``**/`` stand for any name and any folders.

    Attributes:
        path: the table, a file (CSV, Parquet, FITS, VOTable, ECSV) or one in memory (pandas,
            astropy, pyarrow); its header names the columns.
        images: the folder of the images; by default that of the table.
        layout: a known survey's, see :data:`lenszoo.data.LAYOUTS`, which sets pattern, bands, id,
            label, mask_value, zero_point and on_bad where they are not given.
        pattern: where an image lies below the folder; by default it is called like its object.
        bands: the names of the bands, in the order that the images get.
        id: the column of unique ids, by default "id" in any case.
        label: the column that says which objects are lenses: 1 / 0, true / false, yes / no,
            lens / nonlens.
        columns: the columns of numbers, in order; for a model what the table calls the model's
            columns, in the model's order.
        missing_values: numbers that stand for a missing value, such as -99.
        mask_value: the pixel value that marks masked pixels, which count as bad.
        zero_point: AB magnitude of flux 1 in the files; fluxes are multiplied so that it becomes
            25, the zero point of lenszoo's skies. None leaves fluxes as they are.
        sky: subtract the sky level, measured by "median" or "border"; None: it is subtracted.
        on_missing: "raise" names the first object without a file; "skip" leaves out objects that
            lack one (in a prediction: a row without an answer); "blank" gives a missing band NaN
            pixels, which ``on_bad`` then deals with, and treats objects without any file as "skip"
            does; of a model's columns, those that the table lacks are NaN in every row. By default
            "skip" when ``on_bad`` is "skip", else "raise".

    Example:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from lenszoo.data import Catalogue
        >>> for seed, name in enumerate("ab"):
        ...     np.save(f"{name}.npy", np.random.default_rng(seed).random((8, 8, 1)))
        >>> _ = Path("catalogue.csv").write_text("id,label\\na,1\\nb,0\\n")
        >>> Catalogue("catalogue.csv", images=".").load().ids
        ('a', 'b')
    """

    path: str | os.PathLike[str] | Any
    images: str | os.PathLike[str] | None = None
    layout: str | None = None
    pattern: str | None = None
    bands: Sequence[str] | None = None
    id: str | None = None
    label: str | None = None
    columns: Sequence[str] | None = None
    missing_values: Sequence[float] = ()
    mask_value: float | None = None
    zero_point: float | None = None
    sky: SkyMethod | None = None
    on_missing: OnMissing | None = None

    def settings(self) -> Layout:
        """Return the layout with everything in place that this catalogue sets.

        Raises:
            LenszooError: an unknown layout, policy or way to measure the sky, or a zero point that
                is no magnitude.
        """
        check_sky(self.sky)
        check_zero_point(self.zero_point)
        if self.on_missing is not None and self.on_missing not in get_args(OnMissing):
            legal = get_args(OnMissing)
            raise unknown("policy for missing images (on_missing)", self.on_missing, legal)
        layout = Layout() if self.layout is None else find_layout(self.layout)
        return layout.updated(
            pattern=self.pattern, bands=self.bands, id=self.id, label=self.label,
            mask_value=self.mask_value, zero_point=self.zero_point,
        )  # fmt: skip

    def rows(
        self,
        model_columns: Sequence[str] | None = None,
        *,
        label: str | None = None,
        unlabelled: bool = False,
    ) -> Dataset:
        """Read the table, without images.

        Args:
            model_columns: what a model calls its columns; none reads ids only. By default the
                table's are ``columns``, or all that hold numbers only and are properties of the
                objects: not the id, the label, the group, nor columns that are called like those
                or hold positions, times, parts of a survey or an index. Notes name what is left
                out.
            label: the column of labels; None reads none.
            unlabelled: allow objects without a label; they get -1.

        Returns:
            The objects in the table's order.

        Raises:
            LenszooError: one line that names the file and what is wrong: no such file or column, no
                rows, an id twice, an unknown label, text in a column of numbers.
        """
        settings, columns = self.settings(), self.columns
        if model_columns is not None:
            columns = columns if columns is not None and model_columns else model_columns
            if len(columns) != len(model_columns):
                raise LenszooError(
                    f"{self.source}: the model takes {len(model_columns)} columns "
                    f"({', '.join(model_columns)}), but columns= names {len(columns)}."
                )
        table = read_table(self.path)
        id = find_id(table, settings.id)
        table.need([id], "Name the column of ids with id=.")
        check_rows(table)
        ids = table.filled(id)
        check_ids(ids, table.source)
        labels = None if label is None else read_labels(table, label, unlabelled)
        blank = self.on_missing == "blank" and self.columns is None and bool(model_columns)
        values, names, notes = read_numbers(
            table, id, label, columns, self.missing_values, blank=blank
        )
        sha256 = None if is_table(self.path) else sha256_of(Path(split_hdu(table.source)[0]))
        beside = table.typed(column for column in table.columns if column != id)
        groups = None
        if GROUP in table.columns:  # an object without one is a group by itself
            cells = enumerate(table.text(GROUP))
            groups = np.array([f"row {row}" if text in MISSING else text for row, text in cells])
        return Dataset(
            tuple(ids), None, values, names, labels, settings.bands, notes=notes, beside=beside,
            groups=groups,
            provenance={"catalogue": table.source, "sha256": sha256, "layout": self.layout},
        )  # fmt: skip

    def open(self, rows: Dataset, on_bad: OnBad = "raise") -> Dataset:
        """Find the images of objects and leave them in their files.

        Args:
            rows: the objects, from :meth:`rows`.
            on_bad: the policy for bad pixels, which sets the default of ``on_missing``.

        Returns:
            The same objects, None in ``files.paths`` for those without an image.

        Raises:
            LenszooError: no such folder, a pattern that is none, two files for one image, or
                objects without images where that is not allowed.
        """
        paths, _ = self._find(rows.ids, self._policy(on_bad))
        return replace(
            rows, files=ImageFiles(paths, self._prepare),
            provenance=rows.provenance | self._facts(),
        )  # fmt: skip

    def load(
        self,
        *,
        on_bad: OnBad | None = None,
        size: tuple[int, ...] | None = None,
        unlabelled: bool = False,
        table_only: bool = False,
    ) -> Dataset:
        """Read table, labels (where ``label`` or the layout names them) and images into memory.

        Args:
            on_bad: "raise" (the default where the layout has no other), "zero", "skip" or "fill"
                for NaN, infinite, masked and constant pixels; see
                :func:`lenszoo.data.checks.apply_policy`.
            size: the expected (H, W) or (H, W, bands).
            unlabelled: allow objects without a label; they get -1.
            table_only: read no images.

        Returns:
            The objects in the table's order.

        Raises:
            LenszooError: as :meth:`rows` and :meth:`open`; unreadable images, or of other sizes.
        """
        settings = self.settings()
        result = self.rows(label=settings.label, unlabelled=unlabelled)
        if not table_only:
            result = self._with_images(result, on_bad or settings.on_bad or "raise", size)
        for note in result.notes:
            logger.info("%s: %s", self.source, note)
        return result

    def _with_images(self, rows: Dataset, on_bad: OnBad, size: tuple[int, ...] | None) -> Dataset:
        settings, policy, notes = self.settings(), self._policy(on_bad), list(rows.notes)
        every, strangers = self._find(rows.ids, policy)
        present = np.flatnonzero([path is not None for path in every])
        paths = [path for path in every if path is not None]
        if len(paths) < len(rows):
            notes.append(f"Objects without images, left out: {len(rows) - len(paths)}.")
        blank = sum(isinstance(path, tuple) and None in path for path in paths)
        if blank:
            notes.append(f"Objects that lack a band, its pixels taken for bad ones: {blank}.")
        if strangers:
            n, first = len(strangers), strangers[0]
            notes.append(f"Images that belong to no row of the table: {n} (the first: {first}).")
        pixels, kept, counts = read_images(
            paths, size, on_bad, mask_value=settings.mask_value, sky=self.sky
        )
        self._check_bands(pixels[0], str(paths[0]))
        if settings.zero_point is not None:
            pixels *= flux_factor(settings.zero_point)
        if len(kept) < len(paths):
            notes.append(f"Objects with bad pixels, left out: {len(paths) - len(kept)}.")
        elif counts.any():
            notes.append(f"Images with bad pixels (on_bad={on_bad!r}): {(counts > 0).sum()}.")
        if (apart := check_band_scales(paths[0])) is not None:
            notes.append(apart)
        chosen = _grouped(rows.take(present[kept]), [paths[i] for i in kept])
        facts = {"pixel_scale": read_pixel_scale(paths[0]), "on_bad": on_bad, "on_missing": policy}
        return replace(
            chosen, images=pixels, bad_counts=counts[kept], notes=tuple(notes),
            provenance=chosen.provenance | self._facts() | {"images": str(self._folder)} | facts,
        )  # fmt: skip

    @property
    def _folder(self) -> Path:
        return folder_of(self.path) if self.images is None else expanded(self.images)

    @property
    def source(self) -> str:
        """Its name in messages."""
        return describe(self.path) if is_table(self.path) else os.fspath(self.path)

    def _policy(self, on_bad: OnBad) -> OnMissing:
        return self.on_missing or ("skip" if on_bad == "skip" else "raise")

    def _facts(self) -> dict[str, Any]:
        settings = self.settings()
        return {
            "images": None if self.images is None else str(self.images),
            "pattern": settings.pattern,
            "mask_value": settings.mask_value,
            "zero_point": settings.zero_point,
            "sky": self.sky,
        }

    def _find(
        self, ids: Sequence[str], policy: OnMissing
    ) -> tuple[list[str | ObjectFiles | None], tuple[str, ...]]:
        """Return the files of each object (None where it lacks them), and ids of other files."""
        settings, folder = self.settings(), self._folder
        if settings.pattern is None:
            matched = match_by_name(folder, ids)
        else:
            matched = match_by_pattern(folder, ids, settings.pattern, settings.bands)
        paths = [_usable(files, policy) for files in matched.files]
        lacking = [row for row, path in enumerate(paths) if path is None]
        if lacking and (policy == "raise" or len(lacking) == len(ids)):
            files = matched.files[lacking[0]]
            bands = [b for b, file in zip(settings.bands, files, strict=False) if file is None]
            band = f" in band {', '.join(bands)}" if 0 < len(bands) < len(files) else ""
            raise LenszooError(
                f"{self.source}: id {ids[lacking[0]]!r} has no image{band} ({len(lacking)} of "
                f"{len(ids)} objects lack one; looked for "
                f"{settings.pattern or 'files called like the ids'} in {folder}); mend images= or "
                "pattern=, or pass on_missing='skip' (leave them out) or 'blank' (NaN for a "
                "missing band)."
            )
        return paths, matched.strangers

    def _prepare(self, image: np.ndarray) -> None:
        """Mask, subtract the sky from and scale an image (H, W, bands), in place."""
        settings = self.settings()
        self._check_bands(image, str(self._folder))
        adjust_cutout(image, settings.mask_value, self.sky, settings.zero_point)

    def _check_bands(self, image: np.ndarray, name: str) -> None:
        bands = self.settings().bands
        if bands and image.shape[2] != len(bands):
            raise LenszooError(
                f"{name}: {counted(image.shape[2], 'band')}, but bands= names {len(bands)} "
                f"({', '.join(bands)})."
            )


def read_catalogue(
    path: str | os.PathLike[str] | Any,
    *,
    on_bad: OnBad | None = None,
    on_missing: OnMissing = "raise",
    size: tuple[int, ...] | None = None,
    unlabelled: bool = False,
    table_only: bool = False,
    **attributes: Any,
) -> Dataset:
    """Read a catalogue and the cutouts of its objects into memory.

    Args:
        path: the catalogue, as of :class:`Catalogue`.
        on_bad, size, unlabelled, table_only: as for :meth:`Catalogue.load`.
        on_missing: as of :class:`Catalogue`; by default an object without images is refused.
        attributes: of :class:`Catalogue`: images, layout, pattern, bands, id, label, columns,
            missing_values, mask_value, zero_point, sky.

    Returns:
        The objects in the catalogue's order.

    Raises:
        LenszooError: as :meth:`Catalogue.load`.

    Example:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from lenszoo.data import read_catalogue
        >>> for seed, name in enumerate("ab"):
        ...     np.save(f"{name}.npy", np.random.default_rng(seed).random((8, 8, 1)))
        >>> _ = Path("catalogue.csv").write_text("id,label\\na,1\\nb,0\\n")
        >>> candidates = read_catalogue("catalogue.csv", images=".", label="label")
        >>> candidates.ids, candidates.labels.tolist()
        (('a', 'b'), [1, 0])
    """
    return Catalogue(path, on_missing=on_missing, **attributes).load(
        on_bad=on_bad, size=size, unlabelled=unlabelled, table_only=table_only
    )


def _grouped(rows: Dataset, paths: Sequence[Any]) -> Dataset:
    """Hash the images of objects; those of equal content form a group, and have one label."""
    contents = hash_files(paths)
    if rows.labels is not None:
        labelled = np.flatnonzero(rows.labels >= 0)
        check_one_label(
            [contents[i] for i in labelled], rows.labels[labelled],
            [rows.ids[i] for i in labelled], rows.class_names, rows.provenance["catalogue"],
        )  # fmt: skip
    names = [] if rows.groups is None else [rows.groups.tolist()]
    return replace(rows, contents=np.array(contents), groups=same_rows(contents, *names))


def _usable(files: ObjectFiles, policy: OnMissing) -> str | ObjectFiles | None:
    """Return the files of an object as they are read; None where it is to have no image."""
    if all(file is None for file in files) or (None in files and policy != "blank"):
        return None
    return files[0] if len(files) == 1 else files
