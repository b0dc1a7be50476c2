"""Laws of painted lenses: Einstein radii, sources, and the floors of a lens that counts."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lenszoo.errors import LenszooError

_MOST = 60.0  # Einstein radius [arcsec], or magnitude


class PaintLaw(BaseModel):
    """Law by which lenses are drawn, and the floors that a drawn lens must pass.

    Magnification and signal-to-noise are those of Collett (2015, arXiv:1507.02657), whose
    signal-to-noise is that of the best band. The other defaults are assumed: Einstein radii are
    those of galaxies and small groups.

    Example:
        >>> from lenszoo.simulation import PaintLaw
        >>> PaintLaw(law="natural").arc_signal_to_noise
        20.0
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    law: Literal["natural", "flat"] = Field(
        "flat",
        description="Einstein radii: flat, evenly spread over the range, the mass left free, so "
        "that a lens finder sees as many wide lenses as narrow ones; natural, from each galaxy's "
        "velocity dispersion and redshift and the source's redshift.",
    )
    einstein_radius_arcsec: tuple[float, float] = Field(
        (0.75, 4.5), description="Smallest and largest Einstein radius [arcsec]."
    )
    magnification: float = Field(
        3.0, ge=0, description="Least flux of the lensed source over its unlensed flux [ratio]."
    )
    arc_signal_to_noise: float = Field(
        20.0, ge=0, description="Least signal-to-noise of the arcs, all bands together [ratio]."
    )
    image_separation_fwhm: float = Field(
        2.0,
        ge=0,
        description="Least distance of the two images farthest apart [median FWHM of the PSF in "
        "the bands]. At 2 the Einstein radius is about the seeing; at 1, near Collett's floor, the "
        "arcs lie on the galaxy's centre.",
    )
    arc_contrast: float = Field(
        1.0,
        ge=0,
        description="Least brightness of the arcs over that of the galaxy [ratio], where the arcs "
        "are above half of their peak, in the band where it is largest.",
    )
    source_magnitude: tuple[float, float] = Field(
        (21.5, 25.3),
        description="Brightest and faintest unlensed source in the band nearest to 640 nm [mag]; "
        "their numbers grow as 10^(0.3 m).",
    )
    source_offset: float = Field(
        0.9,
        gt=0,
        le=2,
        description="Largest distance of the source from the axis [Einstein radii].",
    )
    companions: int = Field(
        0,
        ge=0,
        le=8,
        description="Most neighbours of a galaxy that lens too, as in a group [number]: those of "
        "its colour, as isothermal spheres of the mass that their brightness gives them.",
    )
    clumps: int = Field(4, ge=0, le=4, description="Most star-forming clumps of a source [number].")
    tries: int = Field(
        100, ge=1, le=10000, description="Lenses drawn for a galaxy before it is given up [number]."
    )

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        for name in ("einstein_radius_arcsec", "source_magnitude"):
            low, high = getattr(self, name)
            if not 0 < low < high < _MOST:
                raise ValueError(
                    f"{name} must be a rising range within 0 to {_MOST:g}, not [{low:g}, {high:g}]"
                )
        return self


def check_index(seed: int, start: int, n: int) -> None:
    """Raise LenszooError unless paintings ``start`` to ``start + n - 1`` of a seed can be drawn."""
    if not 0 <= seed < 2**63:
        raise LenszooError(f"The seed must not be negative or huge, as {seed} is.")
    if start < 0 or n < 1:
        raise LenszooError(f"Paintings are counted from 0 and at least one, not {n} from {start}.")
