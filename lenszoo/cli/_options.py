"""Options that several verbs take."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from lenszoo.errors import LenszooError


def _weights_names(incomplete: str) -> list[str]:
    """Complete a name of weights; of several with commas between the last."""
    from lenszoo.pretrained import list_weights

    before, comma, last = incomplete.rpartition(",")
    try:
        names = list_weights()
    except LenszooError:  # a bad manifest: the verb itself will tell
        return []
    return [f"{before}{comma}{name}" for name in names if name.startswith(last)]


def _weights(several: str) -> Any:
    return typer.Argument(
        autocompletion=_weights_names,
        metavar="WEIGHTS",
        help=f"{WEIGHTS_HELP}{several}.",
        show_default=False,
    )


WEIGHTS_HELP = "A name of `lenszoo weights list`, a run folder, a .weights.h5 or a .keras file"
SEVERAL = "; several with commas between them answer together, as an ensemble"
Weights = Annotated[str, _weights("")]
WeightsList = Annotated[str, _weights(SEVERAL)]


def _inputs(more: str) -> Any:
    return typer.Argument(
        metavar="INPUTS",
        help="Image files (npy, png, jpg, tif, fits; FILE.fits[SCI] names an HDU), a stack (npy, "
        "npz, h5, zarr), one folder with all below it, or one table (csv, parquet, fits, votable, "
        f"ecsv) with a column of paths{more}.",
        show_default=False,
    )


ImageInputs = Annotated[list[str], _inputs("")]
Inputs = Annotated[list[str], _inputs(", or a catalogue of lens candidates")]
OnBad = Annotated[
    Literal["raise", "zero", "skip", "fill"] | None,
    typer.Option(
        metavar="POLICY",
        help="Bad pixels: raise an error, zero, fill in the median, or skip the image.",
        show_default=False,
    ),
]
Resize = Annotated[
    bool,
    typer.Option(
        "--resize", help="Interpolate images of another size; this changes their pixel scale."
    ),
]
Bands = Annotated[
    str | None, typer.Option(help="Positions of the bands to use, such as 0 or 2,1,0.")
]
Classes = Annotated[
    str | None,
    typer.Option(help="Names of the classes, a,b,c, for weights that do not know them."),
]
BatchSize = Annotated[int, typer.Option(min=1, help="Images a step.")]
Tta = Annotated[
    bool,
    typer.Option("--tta", help="Average over quarter turns and flips, in eight times the time."),
]
EngineOption = Annotated[
    Literal["keras", "onnx", "openvino"],
    typer.Option(
        help="What runs the network; onnx and openvino, of lenszoo's extra export, convert it once."
    ),
]
PrecisionOption = Annotated[
    Literal["auto", "float32", "bfloat16"],
    typer.Option(
        help="bfloat16 is faster on processors that have it, and refused where it costs more than "
        "1e-4 of AUC."
    ),
]
PathColumn = Annotated[str, typer.Option(help="The table's column of paths.")]
CutoutSize = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Cut a square of so many pixels out of each row's file, at its position.",
        rich_help_panel="Cutouts",
        show_default=False,
    ),
]
PositionColumns = Annotated[
    str | None,
    typer.Option(
        metavar="x,y|ra,dec",
        help="The table's positions: x,y in pixels, the first at 0, or ra,dec in degrees, such as "
        "ra=RAJ2000,dec=DEJ2000. By default those of the two that it has.",
        rich_help_panel="Cutouts",
        show_default=False,
    ),
]
LabelColumn = Annotated[
    str | None,
    typer.Option(
        help="Column of classes, or that is 1 for a lens; by default 'label' or the layout's.",
        rich_help_panel="Catalogues",
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of all that is random.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an output that is there.")]
OutFolder = Annotated[Path, typer.Option(help="The folder to write.", show_default=False)]


def _of_catalogue(kind: Any, text: str, **option: Any) -> Any:
    return Annotated[kind, typer.Option(help=text, rich_help_panel="Catalogues", **option)]


# Option -> what it is called in Python, and its type and help. Verbs that read catalogues have all.
CATALOGUE: dict[str, tuple[str, Any]] = {
    "images_in": (
        "images",
        _of_catalogue(str | None, "Folder of the images, by default the catalogue's own."),
    ),
    "layout": (
        "layout",
        _of_catalogue(
            str | None,
            "A known survey's: bologna_ground or bologna_space. Sets what else is not given here.",
        ),
    ),
    "pattern": (
        "pattern",
        _of_catalogue(
            str | None,
            "Where an image lies in the folder, such as '{band}/{id}.fits'; by default it is "
            "called like its object.",
        ),
    ),
    "band_names": (
        "bands",
        _of_catalogue(str | None, "Names of the bands, in order, such as u,g,r,i."),
    ),
    "id_column": ("id", _of_catalogue(str | None, "Column of ids, by default 'id'.")),
    "columns": (
        "columns",
        _of_catalogue(
            str | None,
            "Columns of the table, a,b,c: to train, those to learn from (by default all that hold "
            "numbers); later, those that stand for the model's, in its order (by default those of "
            "the same names).",
        ),
    ),
    "missing_values": (
        "missing_values",
        _of_catalogue(str | None, "Numbers that stand for a missing value, such as -99."),
    ),
    "mask_value": ("mask_value", _of_catalogue(float | None, "Value of masked pixels.")),
}


def _of_images(kind: Any, text: str, *names: str) -> Any:
    return Annotated[kind, typer.Option(*names, help=text, rich_help_panel="Images")]


SkyLevel = _of_images(Literal["border", "median"] | None, "Sky level to subtract from each band.")
ZeroPoint = _of_images(
    float | None,
    "AB magnitude of flux 1: 22.5 for nanomaggies, 31.4 for nJy, 8.9 for Jy. By default what the "
    "FITS header says.",
)
MaskValue = CATALOGUE["mask_value"][1]
AnyScale = _of_images(
    bool, "Answer although noise or sky are far from what the weights learned on.", "--any-scale"
)

# Option -> its type, help and default. Verbs that answer to images have all.
PREPARING: dict[str, tuple[Any, Any]] = {
    "crop": (_of_images(int | None, "Pixels a side of the central square to cut out."), None),
    "sky": (SkyLevel, None),
    "zero_point": (ZeroPoint, None),
    "scaling": (
        _of_images(
            str | None,
            "Values that become 0 and 1: minmax of each image, zscale of each band, or LOW,HIGH.",
        ),
        None,
    ),
    "any_scale": (AnyScale, False),
}
OnMissing = Annotated[
    Literal["raise", "skip", "blank"] | None,
    typer.Option(
        help="Objects of a catalogue without (all) their images: stop, give them no answer, or "
        "take a missing band for bad pixels. By default skip with --on-bad skip, else raise.",
        rich_help_panel="Catalogues",
        show_default=False,
    ),
]


def cut_option(size: int | None, columns: str | None) -> Any:
    """Return the ``Cut`` that ``--cutout-size`` and ``--position-columns`` ask for, or None."""
    from lenszoo.data.cutting import Cut

    if size is not None:
        return Cut(size, named_columns("--position-columns", columns, bare=True))
    if columns is not None:
        raise LenszooError("--position-columns says where to cut; --cutout-size says how much.")
    return None


def named_columns(option: str, text: str | None, bare: bool = False) -> dict[str, str]:
    """Split ``"ra=RAJ2000,dec=DEJ2000"`` into names; ``bare`` lets ``"ra,dec"`` name themselves."""
    columns = {}
    for part in names_list(text) if text is not None else ():
        name, equals, column = (each.strip() for each in part.partition("="))
        if bare and not equals:
            column = name
        if not (name and column):
            raise LenszooError(f"{option} {text!r}: write ra=RAJ2000,dec=DEJ2000.")
        columns[name] = column
    return columns


def catalogue_options(options: dict[str, Any]) -> dict[str, Any]:
    """Take the options of a catalogue out of a verb's; return those given, named as in Python."""
    named = {}
    for option, (name, _) in CATALOGUE.items():
        value = options.pop(option, None)
        if value is not None:
            named[name] = _LISTS[option](value) if option in _LISTS else value
    return named


def preparing_options(options: dict[str, Any]) -> dict[str, Any]:
    """Take the options that prepare images out of a verb's; return those given."""
    named = {}
    for name, (_, default) in PREPARING.items():
        value = options.pop(name, default)
        if value != default:
            named[name] = parse_scaling(value) if name == "scaling" else value
    return named


def parse_scaling(text: str) -> Any:
    """Parse ``"LOW,HIGH"`` to two numbers; return a word as it is."""
    try:
        return tuple(map(float, names_list(text)))
    except ValueError:
        return text


def names_list(text: str) -> list[str]:
    """Split ``"a, b"`` into its parts."""
    return [part.strip() for part in text.split(",")]


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise LenszooError(f"--missing-values {text!r}: give numbers such as -99.") from None


_LISTS: dict[str, Callable[[str], list[Any]]] = {
    "band_names": names_list,
    "columns": names_list,
    "missing_values": _numbers,
}


def weights_list(text: str) -> list[str]:
    """Split ``"A,B"`` into the weights it names; the path of a file may hold commas itself."""
    return [text] if Path(text).exists() else names_list(text)


def check_images(images: int | None, *presets: str | None) -> None:
    """Raise LenszooError when images are counted and none are simulated."""
    if images is not None and not any(presets):
        raise LenszooError("--images counts simulated images: leave it out, files are all used.")
