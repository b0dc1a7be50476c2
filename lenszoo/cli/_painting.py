"""Options of the verbs that paint lenses on the galaxies of a survey."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from lenszoo.simulation.paint_galaxies import Galaxies


_PANEL = "Painting"

SURVEY = typer.Option(
    help="A survey of `lenszoo surveys`, or a TOML file.",
    rich_help_panel=_PANEL,
    show_default=False,
)
GALAXIES = typer.Option(
    help="Catalogue of galaxies to paint on (CSV or Parquet): id, redshift, velocity_dispersion, "
    "mag_BAND.",
    rich_help_panel=_PANEL,
    show_default=False,
)


def _option(kind: Any, text: str, **more: Any) -> Any:
    return Annotated[kind, typer.Option(help=text, rich_help_panel=_PANEL, **more)]


# Option -> its type and help, and its default. Verbs that paint have all.
PAINTING: dict[str, tuple[Any, Any]] = {
    "images_in": (
        _option(Path | None, "Folder of their cutouts, by default the catalogue's own."),
        None,
    ),
    "pattern": (
        _option(str | None, "Where a cutout lies in the folder, such as '{band}/{id}.fits'."),
        None,
    ),
    "id_column": (_option(str | None, "The catalogue's column of ids, by default 'id'."), None),
    "on_missing": (
        _option(Literal["raise", "skip"], "Galaxies without a cutout: stop, or leave them out."),
        "raise",
    ),
    "kind": (
        _option(
            str | None,
            "Column of what each galaxy is: empty or `host` to paint on; `lens` is no non-lens.",
        ),
        None,
    ),
    "cutout_size": (
        _option(
            int | None, "Pixels a side of the cutouts, where the survey's differ.", min=16, max=512
        ),
        None,
    ),
    "law": (
        _option(
            Literal["flat", "natural"],
            "Einstein radii: evenly spread, or of each galaxy's mass.",
        ),
        "flat",
    ),
    "stamps": (
        _option(
            Path | None,
            "Folder of stamps of real galaxies, such as HST's, to use as sources.",
        ),
        None,
    ),
}


def read_hosts(survey: str, catalogue: Path, painting: dict[str, Any]) -> "Galaxies":
    """Read the galaxies that a verb's options name."""
    from lenszoo.simulation import get_survey, read_galaxies

    chosen = get_survey(survey)
    if painting["cutout_size"] is not None:
        chosen = chosen.sized(painting["cutout_size"])
    return read_galaxies(
        chosen,
        catalogue,
        images=painting["images_in"],
        pattern=painting["pattern"],
        id=painting["id_column"],
        on_missing=painting["on_missing"],
        kind=painting["kind"],
    )
