"""How the super-resolution report reads: its sentences, tables and figures."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from lenszoo.reporting.report import Card, Figure, Table, interval, number
from lenszoo.tasks.super_resolve import plots as sr_plots

Scores = Mapping[str, Mapping[str, Any]]
_SHADED = " Shaded: the truth has less than 1 % of the target's power, so that all there is noise."
SCORED = ("model", "bicubic", "floor")  # what is scored against the target


def _percent(value: float | None, digits: int = 2) -> str:
    return "n/a" if value is None else f"{100 * value:.{digits}f} %"


def _error(value: float | None) -> str:
    return "n/a" if value is None or not np.isfinite(value) else f"{value:.2e}"


def _errors(bounds: Sequence[float] | None) -> str:
    return "" if bounds is None else f"{_error(bounds[0])} to {_error(bounds[1])}"


def _gain(values: Mapping[str, Any]) -> float:
    return values["psnr"] - values["bicubic"]["psnr"]


def summary(values: Mapping[str, Any]) -> str:
    """How good the model is, beside what needs no network and what none can reach."""
    images = "1 image" if values["n"] == 1 else f"{values['n']:,} images"
    psnr, base, floor = values["psnr"], values["bicubic"]["psnr"], values["floor"]
    said = f"On {images} the mean PSNR is {number(psnr, 2)} dB at a data range of "
    said += f"{values['data_range']:g}"
    if not np.isfinite(psnr) or not np.isfinite(base):
        return f"{said}; some images equal their targets, so that means are infinite."
    bounds = (values["intervals"] or {}).get("gain") or [_gain(values)] * 2
    if bounds[0] > 0:
        said += f", {_gain(values):.2f} dB above bicubic interpolation"
    elif bounds[1] < 0:
        said += f", {-_gain(values):.2f} dB below bicubic interpolation"
    else:
        said += f", not clearly apart from bicubic interpolation ({base:.2f} dB)"
    if floor is None or not np.isfinite(floor["psnr"]):
        return f"{said}."
    away = floor["psnr"] - psnr
    said += f" and {abs(away):.2f} dB {'below' if away >= 0 else 'above'} the noise floor"
    share = values["share_of_way"]
    if bounds[0] > 0 and np.isfinite(share):
        said += f": {100 * share:.0f} % of the way from one to the other"
    return f"{said}."


def cards(values: Mapping[str, Any]) -> list[Card]:
    """The headline numbers."""
    bounds = values["intervals"] or {}

    def detail(key: str, digits: int, unit: str = "") -> str:
        text = interval(bounds.get(key), digits)
        return f"95 %: {text}{unit}" if text else "no interval"

    share, way = values["share_of_way"], bounds.get("share_of_way")
    known = share is not None and np.isfinite(share)
    return [
        Card("PSNR", f"{number(values['psnr'], 2)} dB", detail("psnr", 2)),
        Card("SSIM", number(values["ssim"]), detail("ssim", 3)),
        Card("Gain over bicubic", f"{number(_gain(values), 2)} dB", detail("gain", 2)),
        Card(
            "Way to the noise floor",
            f"{100 * share:.1f} %" if known else "n/a",
            f"95 %: {interval([100 * x for x in way], 1)} %"
            if way
            else "no interval"
            if known
            else "needs the truth",
        ),
        Card("Flux error", _percent(values["flux_error"]), "median of an image"),
    ]


def overview(values: Mapping[str, Any]) -> Table:
    """The table of the scores against the target."""
    bounds = values["intervals"] or {}
    rows = [["this model", *_cells(values)]]
    if bounds:
        rows.append(["  95 % interval", *_intervals(bounds), "", "", ""])
    rows.append(["bicubic interpolation", *_cells(values["bicubic"])])
    if values["floor"] is not None:
        rows.append(["noise floor (truth)", *_cells(values["floor"])])
    columns = ["PSNR, dB", "SSIM", "MSE", "flux error", "in the ring", "chi-square"]
    reference = "target" if values["truth"] is None else "truth"
    note = (
        f"Means over {values['n']:,} images against their targets, noise included, at a data range "
        f"of {values['data_range']:g}. Flux errors are medians of the absolute relative error "
        f"against the {reference}; the ring is where the image is brighter than a fifth of its "
        "maximum. "
    )
    if values["floor"] is not None:
        note += "The noise floor is the truth itself: no network can be better on average."
    return Table("Scores", ["", *columns], rows, note.strip())


def _cells(scores: Mapping[str, Any]) -> list[str]:
    return [
        number(scores["psnr"], 2),
        number(scores["ssim"]),
        _error(scores["mse"]),
        _percent(scores.get("flux_error")),
        _percent(scores.get("ring_flux_error")),
        number(scores.get("chi_square"), 3),
    ]


def _intervals(bounds: Mapping[str, Any]) -> list[str]:
    return [interval(bounds["psnr"], 2), interval(bounds["ssim"], 4), _errors(bounds["mse"])]


def against_truth(values: Mapping[str, Any]) -> list[Table]:
    """The table of the scores against the truth, where it is known."""
    truth = values["truth"]
    if truth is None:
        return []
    bounds = (values["intervals"] or {}).get("truth") or {}
    rows = [["this model", *_cells(truth)[:3]]]
    if bounds:
        rows.append(["  95 % interval", *_intervals(bounds)])
    rows.append(["bicubic interpolation", *_cells(truth["bicubic"])[:3]])
    note = "Against the images without noise: here a perfect network would reach infinity."
    return [Table("Against the truth", ["", "PSNR, dB", "SSIM", "MSE"], rows, note)]


def power(values: Mapping[str, Any]) -> Table:
    """The table of power-spectrum ratios."""
    ratios = values["power_spectrum_ratio"]
    columns = [f"{frequency:.3f}" for frequency in ratios["frequencies"]]
    rows = [
        [name, *(f"{x:.3g}" if np.isfinite(x) else "n/a" for x in ratios[key])]
        for key, name in (("model", "this model"), ("bicubic", "bicubic interpolation"))
    ]
    note = (
        f"Mean power over that of the {ratios['reference']}, by spatial frequency in cycles a "
        "pixel of the target. 1 is right; below it detail is missing, above it there is noise or "
        "invented detail."
    )
    return Table("Power-spectrum ratio", ["", *columns], rows, note)


def lowest(names: Sequence[str], each: Scores, rows: Sequence[int]) -> Table:
    """The images with the lowest PSNR."""
    floor = "floor" in each
    columns = ["image", "PSNR, dB", "bicubic", *(["noise floor"] if floor else []), "SSIM"]
    cells = [
        [
            names[row],
            number(each["model"]["psnr"][row], 2),
            number(each["bicubic"]["psnr"][row], 2),
            *([number(each["floor"]["psnr"][row], 2)] if floor else []),
            number(each["model"]["ssim"][row]),
        ]
        for row in rows
    ]
    return Table("Lowest PSNR", columns, cells)


def notes(values: Mapping[str, Any], zero: float) -> list[str]:
    """What the reader must know before trusting a number."""
    said = [
        f"PSNR and SSIM hold for a data range of {values['data_range']:g} and change with it (half "
        "the range takes 6.02 dB off the same images): compare numbers only at one range, on the "
        "same images."
    ]
    if values["floor"] is None:
        said.append(
            "The noise floor is unknown, because the images without noise were not given. The "
            "target's own noise bounds the PSNR; flux errors and power ratios refer to the noisy "
            "target."
        )
    elif values["psnr"] > values["floor"]["psnr"]:
        said.append(
            "The model scores above the noise floor, which no network can on average: the input "
            "shares noise with the target, or the truth is not that of these targets."
        )
    said.append(f"Flux errors take pixels of {zero:g} as no flux.")
    if values["chi_square"] is None:
        said.append("No residual chi-square: the noise variance was not given.")
    if values["bands"] > 1:
        said.append(f"The gallery shows the first of {values['bands']} bands.")
    return said


def gallery(
    examples: Sequence[Mapping[str, Any]], names: Sequence[str], each: Scores, rows: Sequence[int]
) -> Figure:
    """A few pairs, from the lowest PSNR to the highest."""
    captions = [
        [_caption(column, name, each, row) for column in images]
        for images, name, row in zip(examples, names, rows, strict=True)
    ]
    told = "; ".join(
        f"{name}: {number(each['model']['psnr'][row], 2)} dB, bicubic "
        f"{number(each['bicubic']['psnr'][row], 2)} dB"
        for name, row in zip(names, rows, strict=True)
    )
    reference = "truth" if "truth" in examples[0] else "noisy target"
    return Figure(
        "examples",
        "From the lowest PSNR to the highest",
        f"Images before and after super-resolution with residuals. PSNR of {told}.",
        "The images of lowest, quartile, median and highest PSNR of the model; below each image "
        "its PSNR against the target. One asinh stretch a row; residuals against the "
        f"{reference} in the units of the images, one scale a row.",
        partial(sr_plots.pairs_figure, examples, captions),
        night=True,
    )


def _caption(column: str, name: str, each: Scores, row: int) -> str:
    scored = {"bicubic": "bicubic", "model": "model", "truth": "floor"}.get(column)
    if scored is not None:
        return f"{number(each[scored]['psnr'][row], 2)} dB"
    return name if column == "low" else ""


def distribution(psnr: Mapping[str, Any]) -> Figure:
    """How PSNR scatters over the images."""
    means = ", ".join(f"{sr_plots.NAMES[k][0]} {number(v.mean(), 2)} dB" for k, v in psnr.items())
    return Figure(
        "psnr",
        "PSNR image by image",
        f"Distribution of PSNR over the images. Means: {means}.",
        "Left: all images; dashed: means. Right: above the line the model is better than bicubic "
        "interpolation of the same image.",
        partial(sr_plots.psnr_figure, psnr),
    )


def spectra(ratios: Mapping[str, Any], scale: int) -> Figure:
    """Power-spectrum ratio by frequency."""
    return Figure(
        "power_spectrum",
        "Power-spectrum ratio",
        f"Power of model and bicubic interpolation over that of the {ratios['reference']}, by "
        "spatial frequency.",
        "At 1 the image has as much structure at this scale as it should; below, it is too smooth; "
        f"above, it holds noise or invented detail. Mean of {ratios['n']:,} images."
        + (_SHADED if ratios["resolved"] < ratios["frequencies"][-1] else ""),
        partial(sr_plots.spectrum_figure, ratios, scale),
    )
