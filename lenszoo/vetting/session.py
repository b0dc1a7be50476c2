"""Vetting session: candidates, their images, their grades and controls, opened together."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lenszoo.errors import LenszooError
from lenszoo.vetting.agreement import Agreement, Truth, measure_agreement
from lenszoo.vetting.candidates import TOP, Candidates, read_candidates
from lenszoo.vetting.controls import COUNT, Controls, open_controls
from lenszoo.vetting.grades import FILE, GradeStore
from lenszoo.vetting.images import Frame, Images, open_images
from lenszoo.vetting.rendering import view_names

_LOOKED_AT = 20  # candidates, to learn the number of bands


@dataclass(frozen=True)
class Session:
    """Everything that the page needs.

    Attributes:
        candidates: the candidates.
        images: their images.
        grades: their grades.
        controls: images of known truth; None where there are none.
        always_blind: whether scores are never shown.
    """

    candidates: Candidates
    images: Images
    grades: GradeStore
    controls: Controls | None = None
    always_blind: bool = False

    @cached_property
    def keys(self) -> dict[str, int]:
        """Rows by key: a key tells neither id nor rank; rows beyond the candidates are controls."""
        ids = [*self.candidates.ids, *(self.controls.ids if self.controls else ())]
        return {self._key(name): row for row, name in enumerate(ids)}

    @property
    def key_of_file(self) -> str:
        """A name of the file of grades that no other has."""
        return self._key("")

    @cached_property
    def views(self) -> list[tuple[str, str]]:
        """Names and labels of the views."""
        for row in range(min(_LOOKED_AT, len(self.candidates))):
            try:
                bands = self.images.read(row).shape[2]
            except LenszooError:
                continue
            return view_names(self.images.bands, bands)
        return view_names(self.images.bands, len(self.images.bands) or 1)

    def id_of(self, row: int) -> str:
        """Return the id of a candidate or control."""
        n = len(self.candidates)
        if row < n:
            return self.candidates.ids[row]
        assert self.controls is not None
        return self.controls.ids[row - n]

    def key_of(self, name: str) -> str | None:
        """Return the key of an id; None where it is gone."""
        key = self._key(name)
        return key if key in self.keys else None

    def image(self, row: int, field: int = 1) -> tuple[np.ndarray, Sequence[str]]:
        """Return the image (H, W, bands) of a candidate or control, and names of its bands.

        Raises:
            LenszooError: why there is none.
        """
        n = len(self.candidates)
        if row < n:
            return self.images.read(row, field), self.images.bands
        assert self.controls is not None
        return self.controls.read(row - n), self.controls.bands

    def frame(self, row: int) -> Frame:
        """Return the place of an image's pixels on the sky."""
        n = len(self.candidates)
        if row < n:
            return self.images.frame(row)
        assert self.controls is not None
        return self.controls.frame(row - n)

    def pixels(self, row: int) -> int | None:
        """Return the pixels of an image from left to right; None where there is none."""
        try:
            return self.image(row)[0].shape[1]
        except LenszooError:
            return None

    @property
    def hides_scale(self) -> bool:
        """Whether a scale bar would tell candidates from controls."""
        return self.controls is not None and self.controls.scale is None

    def order(self, grader: str, blind: bool) -> list[tuple[str, int]]:
        """Return keys and rows in the order of the page.

        Best first; blind, shuffled anew for each grader, with the controls among them.
        """
        pairs = list(self.keys.items())
        if not blind:
            return pairs[: len(self.candidates)]
        return sorted(pairs, key=lambda pair: self._key(f"{grader}\0{pair[0]}"))

    def truth(self) -> Truth:
        """Return listed lenses and controls by id."""
        marks = self.candidates.columns.get("known", [None] * len(self.candidates))
        lenses = {
            name: True
            for name, mark in zip(self.candidates.ids, marks, strict=True)
            if mark is not None
        }
        if self.controls is None:
            return Truth(lenses, {})
        controls = dict(zip(self.controls.ids, map(bool, self.controls.lenses), strict=True))
        return Truth(lenses, controls)

    def agreement(self) -> Agreement:
        """Compare the graders with one another and with the truth."""
        return measure_agreement(self.grades.grades(), self.truth())

    def gone(self) -> int:
        """Count the candidates that have grades but are listed no more."""
        listed = {*self.candidates.ids, *self.truth().controls}
        return len({grade.candidate for grade in self.grades.grades()} - listed)

    def _key(self, name: str) -> str:
        text = f"{self.grades.salt}\0{name}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, digest_size=9).hexdigest()


def open_session(
    results: str | os.PathLike[str],
    *,
    top: int = TOP,
    tiles: str | os.PathLike[str] | None = None,
    images: str | os.PathLike[str] | None = None,
    pattern: str | None = None,
    bands: Sequence[str] = (),
    controls: str | os.PathLike[str] | None = None,
    n_controls: int = COUNT,
    always_blind: bool = False,
) -> Session:
    """Open the candidates of a search, or of a table of predictions, to be graded.

    Args:
        results: as for :func:`lenszoo.vetting.read_candidates`.
        top: the most candidates.
        tiles: where the tiles of the search lie now, by default where they lay.
        images: folder of cutouts, called like the candidates or named by the table.
        pattern: where an image lies in that folder, such as ``"{band}/{id}.fits"``.
        bands: names of the bands of such images, in order.
        controls: a simulated sky or a labelled catalogue whose images are mixed in.
        n_controls: how many, half of them lenses.
        always_blind: never show scores.

    Raises:
        LenszooError: whatever is wrong with the results, images, grades or controls, in one line.
    """
    candidates = read_candidates(results, top)
    opened = open_images(candidates, tiles=tiles, images=images, pattern=pattern, bands=bands)
    mixed = open_controls(candidates.folder, controls, n_controls, opened.bands)
    store = GradeStore(candidates.folder / FILE, candidates.identity)
    return Session(candidates, opened, store, mixed, always_blind)


def describe(session: Session) -> dict[str, Any]:
    """Return the facts of a session that the page shows at its start."""
    return {
        "name": session.candidates.source.resolve().name,
        "file": session.key_of_file,
        "views": session.views,
        "widest": session.images.widest,
        "always_blind": session.always_blind,
        "controls": 0 if session.controls is None else len(session.controls),
        "columns": [c for c in session.candidates.columns if c != "tile"],
        "gone": session.gone(),
    }
