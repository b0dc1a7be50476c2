"""A survey's catalogue as the input of a prediction: rows of a table, and images read as needed."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np

from lenszoo.data.catalogue import OnMissing, read_catalogue
from lenszoo.data.checks import OnBad
from lenszoo.data.cutouts import Cutouts
from lenszoo.data.layouts import Layout, find_layout
from lenszoo.data.matching import ObjectFiles, match_by_name, match_by_pattern
from lenszoo.data.photometry import ZERO_POINT
from lenszoo.data.sky import SkyMethod, check_sky, subtract_sky
from lenszoo.errors import LenszooError, unknown
from lenszoo.inference.inputs import Source


@dataclass(frozen=True)
class Catalogue:
    """A table (CSV or Parquet) with a row an object, and where the objects' images lie.

    It is read as :func:`lenszoo.data.read_catalogue` reads, which says more on each argument; but
    the images are read a batch at a time, so that a catalogue may be larger than memory.

    Attributes:
        path: the table.
        images: the folder of the images; by default that of the table.
        layout: a known survey's, see :data:`lenszoo.data.LAYOUTS`, which sets pattern, bands, id,
            label, mask_value, zero_point and on_bad where they are not given.
        pattern: where an image lies in the folder, such as ``"{band}/{id}.fits"``; by default an
            image is called like its object.
        bands: names of the bands, in the order that the images get.
        id: the column of unique ids, by default "id" in any case.
        label: the column of labels, by default the layout's, else "label"; only to evaluate.
        columns: what the table calls the model's columns, in the model's order; by default what
            the model calls them.
        missing_values: numbers that stand for a missing value, such as -99.
        mask_value: the pixel value that marks masked pixels, which count as bad.
        zero_point: AB magnitude of flux 1 in the files.
        sky: subtract the sky level, measured by "median" or "border".
        on_missing: an object that lacks an image: "raise", "skip" (a row without an answer) or
            "blank" (a missing band is NaN, which ``on_bad`` deals with; without any file, as
            "skip"). By default "skip" when ``on_bad`` is "skip", else "raise".
    """

    path: str | os.PathLike[str]
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

    def known(self) -> Layout:
        """Return the layout with all that was given in place.

        Raises:
            LenszooError: an unknown layout, policy or way to measure the sky.
        """
        check_sky(self.sky)
        if self.on_missing is not None and self.on_missing not in get_args(OnMissing):
            legal = get_args(OnMissing)
            raise unknown("policy for missing images (on_missing)", self.on_missing, legal)
        layout = Layout() if self.layout is None else find_layout(self.layout)
        return layout.given(
            pattern=self.pattern, bands=self.bands, id=self.id, label=self.label,
            mask_value=self.mask_value, zero_point=self.zero_point,
        )  # fmt: skip

    def read(self, columns: Sequence[str], labels: bool = False) -> Cutouts:
        """Read the table alone.

        Args:
            columns: what the model calls its columns; none reads ids only.
            labels: read the labels too; an object without one gets -1.

        Raises:
            LenszooError: as :func:`lenszoo.data.read_catalogue`; other names than columns.
        """
        known = self.known()
        wanted = columns if self.columns is None or not columns else self.columns
        if len(wanted) != len(columns):
            raise LenszooError(
                f"{self.path}: the model takes {len(columns)} columns ({', '.join(columns)}), but "
                f"columns= names {len(wanted)}."
            )
        read = read_catalogue(
            self.path,
            bands=known.bands or None,
            id=known.id,
            label=(known.label or "label") if labels else None,
            columns=tuple(wanted),
            missing_values=self.missing_values,
            unlabelled=True,
            table_only=True,
        )
        facts = {
            "layout": self.layout,
            "images": None if self.images is None else str(self.images),
            "pattern": known.pattern,
            "mask_value": known.mask_value,
            "zero_point": known.zero_point,
            "sky": self.sky,
        }
        return replace(read, provenance=read.provenance | facts)

    def source(self, ids: Sequence[str], on_bad: OnBad) -> Source:
        """Find the images of objects, without reading them.

        Raises:
            LenszooError: no such folder, a pattern that is none, or objects without images where
                that is not allowed.
        """
        known = self.known()
        folder = Path(self.path).parent if self.images is None else Path(self.images)
        if known.pattern is None:
            matched = match_by_name(folder, ids)
        else:
            matched = match_by_pattern(folder, ids, known.pattern, known.bands)
        policy = self.on_missing or ("skip" if on_bad == "skip" else "raise")
        paths = [_usable(files, policy) for files in matched.files]
        lacking = [name for name, path in zip(ids, paths, strict=True) if path is None]
        if len(lacking) == len(ids) or (lacking and policy == "raise"):
            raise LenszooError(
                f"{self.path}: id {lacking[0]!r} has no image, or not in all bands "
                f"({len(lacking)} of {len(ids)} objects; looked for "
                f"{known.pattern or 'files called like the ids'} in {folder}); mend images= or "
                "pattern=, or pass on_missing='skip' (no answer for them) or 'blank' (NaN for a "
                "missing band)."
            )

        def prepare(image: np.ndarray) -> None:
            if known.bands and image.shape[2] != len(known.bands):
                raise LenszooError(
                    f"{folder}: the images have {image.shape[2]} band(s), but "
                    f"{len(known.bands)} names of bands ({', '.join(known.bands)})."
                )
            if known.mask_value is not None:
                image[image == np.float32(known.mask_value)] = np.nan
            if self.sky is not None:
                subtract_sky(image[None], self.sky)
            if known.zero_point is not None:
                image *= np.float32(10 ** (0.4 * (ZERO_POINT - known.zero_point)))

        return Source(ids, paths, prepare=prepare)


def _usable(files: ObjectFiles, policy: OnMissing) -> str | ObjectFiles | None:
    """The files of an object as an image is read from; None where it is to have no answer."""
    if all(file is None for file in files) or (None in files and policy != "blank"):
        return None
    return files[0] if len(files) == 1 else files
