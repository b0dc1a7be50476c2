"""How known surveys and challenges lay out their catalogues and images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import unknown
from .checks import OnBad


@dataclass(frozen=True)
class Layout:
    """Where a catalogue's objects have their images, and what its columns and values mean.

    Attributes:
        pattern: path of an image below the folder, with {id} and {band}; None finds by name.
        bands: names of the bands, in the order that the images get.
        id: the column of ids.
        label: the column of labels.
        mask_value: the pixel value that marks masked pixels.
        on_bad: what happens to bad pixels.
    """

    pattern: str | None = None
    bands: tuple[str, ...] = ()
    id: str | None = None
    label: str | None = None
    mask_value: float | None = None
    on_bad: OnBad | None = None

    def given(
        self,
        pattern: str | None,
        bands: Sequence[str] | None,
        id: str | None,
        label: str | None,
        mask_value: float | None,
        on_bad: OnBad | None,
    ) -> "Layout":
        """Return this layout with everything in place that is given (is not None)."""
        values: dict[str, Any] = {
            "pattern": pattern,
            "bands": None if bands is None else tuple(bands),
            "id": id,
            "label": label,
            "mask_value": mask_value,
            "on_bad": on_bad,
        }
        return replace(self, **{name: v for name, v in values.items() if v is not None})


_BOLOGNA = Layout("**/image*_{band}-{id}.fits", (), "ID", "is_lens", None, "fill")

LAYOUTS = {
    "bologna_ground": replace(_BOLOGNA, bands=("U", "G", "R", "I"), mask_value=100.0),
    "bologna_space": replace(_BOLOGNA, bands=("VIS",)),
}
"""Layouts by name. Bologna lens-finding challenge 1 (Metcalf et al. 2019, arXiv 1802.03609): one
FITS file for each band and id, sorted into folders by band and, in published samples, by class;
masked pixels of the ground-based frames are 100."""


def find_layout(name: str) -> Layout:
    """Return a layout by its name.

    Raises:
        LenszooError: there is no such layout.
    """
    if name not in LAYOUTS:
        raise unknown("layout", name, LAYOUTS)
    return LAYOUTS[name]
