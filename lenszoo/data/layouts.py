"""Layouts of the catalogues and images of surveys and challenges."""

from dataclasses import dataclass, replace
from typing import Any

from lenszoo.data.checks import OnBad
from lenszoo.errors import unknown


@dataclass(frozen=True)
class Layout:
    """Places of a catalogue's images, and the meaning of its columns and values.

    Attributes:
        pattern: path of an image below the folder, with {id} and {band}; None finds by name.
        bands: names of the bands, in the order that the images get.
        id: the column of ids.
        label: the column of labels.
        mask_value: the pixel value that marks masked pixels.
        on_bad: what happens to bad pixels.
        zero_point: AB magnitude of flux 1 in the files.
    """

    pattern: str | None = None
    bands: tuple[str, ...] = ()
    id: str | None = None
    label: str | None = None
    mask_value: float | None = None
    on_bad: OnBad | None = None
    zero_point: float | None = None

    def updated(self, **values: Any) -> "Layout":
        """Return this layout with those of ``values`` that are not None."""
        if values.get("bands") is not None:
            values["bands"] = tuple(values["bands"])
        return replace(self, **{name: v for name, v in values.items() if v is not None})


_BOLOGNA = Layout(
    "**/image*_{band}-{id}.fits", id="ID", label="is_lens", on_bad="fill", zero_point=0.0
)

LAYOUTS = {
    "bologna_ground": replace(_BOLOGNA, bands=("U", "G", "R", "I"), mask_value=100.0),
    "bologna_space": replace(_BOLOGNA, bands=("VIS",)),
}
"""Layouts by name. Bologna lens-finding challenge 1 (Metcalf et al. 2019, arXiv 1802.03609): one
FITS file for each band and id, sorted into folders by band and, in published samples, by class;
masked pixels of the ground-based frames are 100. The files name no unit of flux; as maggies (zero
point 0) their noise is that of KiDS and Euclid, which they imitate, to a magnitude."""


def find_layout(name: str) -> Layout:
    """Return a layout by its name.

    Raises:
        LenszooError: there is no such layout.
    """
    if name not in LAYOUTS:
        raise unknown("layout", name, LAYOUTS)
    return LAYOUTS[name]
