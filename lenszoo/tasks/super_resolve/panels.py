"""Panels of the super-resolution report: its sentences, tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from lenszoo.reporting import panels
from lenszoo.reporting.gallery import RESIDUAL, Tile, gallery_figure, stretch
from lenszoo.reporting.panels import Column, Row
from lenszoo.reporting.plots import FAINT, INK, Line, Plot, histogram
from lenszoo.reporting.report import Card, Figure, Table
from lenszoo.reporting.text import counted, number, percent, show

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Scores = Mapping[str, Mapping[str, Any]]
SCORED = ("model", "bicubic", "floor")  # against the target
# name in legends and titles, and colour
_NAMES: Mapping[str, tuple[str, int | str]] = {
    "model": ("this model", 0),
    "bicubic": ("bicubic", 1),
    "floor": ("noise floor (truth)", 2),
    "target": ("noisy target", FAINT),
}
_LIKENESS = [
    Column("psnr", "PSNR, dB", ".2f", ".2f"),
    Column("ssim", "SSIM", ".4f", ".4f"),
    Column("mse", "MSE", ".2e", ".2e"),
]
_FLUX = [
    Column("flux_error", "flux error", ".2%"),
    Column("ring_flux_error", "in the ring", ".2%"),
    Column("chi_square", "chi-square", ".3f"),
]
_BICUBIC = "bicubic interpolation"


def _gain(values: Mapping[str, Any]) -> float:
    return values["psnr"] - values["bicubic"]["psnr"]


def summary(values: Mapping[str, Any]) -> str:
    """PSNR of the model, beside bicubic interpolation and the noise floor."""
    psnr, base, floor = values["psnr"], values["bicubic"]["psnr"], values["floor"]
    text = f"On {counted(values['n'], 'image')} the mean PSNR is {number(psnr, 2)} dB at a data "
    text += f"range of {values['data_range']:g}"
    if not np.isfinite(psnr) or not np.isfinite(base):
        return f"{text}; some images equal their targets, so that means are infinite."
    bounds = (values["intervals"] or {}).get("gain") or [_gain(values)] * 2
    if bounds[0] > 0:
        text += f", {_gain(values):.2f} dB above {_BICUBIC}"
    elif bounds[1] < 0:
        text += f", {-_gain(values):.2f} dB below {_BICUBIC}"
    else:
        text += f", not clearly apart from {_BICUBIC} ({base:.2f} dB)"
    if floor is None or not np.isfinite(floor["psnr"]):
        return f"{text}."
    away = floor["psnr"] - psnr
    text += f" and {abs(away):.2f} dB {'below' if away >= 0 else 'above'} the noise floor"
    share = values["share_of_way"]
    if bounds[0] > 0 and np.isfinite(share):
        text += f": {percent(share, 0)} of the way from one to the other"
    return f"{text}."


def cards(values: Mapping[str, Any]) -> list[Card]:
    """The headline numbers."""
    bounds, share = values["intervals"] or {}, values["share_of_way"]
    way = panels.score_card(
        "Way to the noise floor", share, bounds.get("share_of_way"), Column("", "", ".1%", ".1%")
    )
    if share is None or not np.isfinite(share):
        way = Card(way.label, way.value, "needs the truth")
    gain, psnr = bounds.get("gain"), bounds.get("psnr")
    return [
        panels.score_card("PSNR", values["psnr"], psnr, _LIKENESS[0], " dB"),
        panels.score_card("SSIM", values["ssim"], bounds.get("ssim"), Column("", "")),
        panels.score_card("Gain over bicubic", _gain(values), gain, _LIKENESS[0], " dB"),
        way,
        Card("Flux error", percent(values["flux_error"], 2), "median of an image"),
    ]


def tables(values: Mapping[str, Any], names: Sequence[str], each: Scores) -> list[Table]:
    """Scores against the target and the truth, power-spectrum ratios, and the lowest PSNRs."""
    return [
        _overview(values),
        *([] if values["truth"] is None else [_against_truth(values)]),
        _power(values["power_spectrum_ratio"]),
        _lowest(names, each),
    ]


def _overview(values: Mapping[str, Any]) -> Table:
    rows = [Row("this model", values, values["intervals"]), Row(_BICUBIC, values["bicubic"])]
    reference = "target" if values["truth"] is None else "truth"
    note = (
        f"Means over {values['n']:,} images against their targets, noise included, at a data range "
        f"of {values['data_range']:g}. Flux errors are medians of the absolute relative error "
        f"against the {reference}; the ring is where the image is brighter than a fifth of its "
        "maximum."
    )
    if values["floor"] is not None:
        rows.append(Row(_NAMES["floor"][0], values["floor"]))
        note += " The noise floor is the truth itself: no network can be better on average."
    return panels.scores_table("Scores", [*_LIKENESS, *_FLUX], rows, note)


def _against_truth(values: Mapping[str, Any]) -> Table:
    truth, bounds = values["truth"], (values["intervals"] or {}).get("truth")
    rows = [Row("this model", truth, bounds), Row(_BICUBIC, truth["bicubic"])]
    note = "Against the images without noise: here a perfect network would reach infinity."
    return panels.scores_table("Against the truth", _LIKENESS, rows, note)


def _power(ratios: Mapping[str, Any]) -> Table:
    rows = [
        [name, *(show(x, ".3g") for x in ratios[key])]
        for key, name in (("model", "this model"), ("bicubic", _BICUBIC))
    ]
    note = (
        f"Mean power over that of the {ratios['reference']}, by spatial frequency in cycles a "
        "pixel of the target. 1 is right; below it detail is missing, above it there is noise or "
        "invented detail."
    )
    columns = ["", *(f"{frequency:.3f}" for frequency in ratios["frequencies"])]
    return Table("Power-spectrum ratio", columns, rows, note)


def _lowest(names: Sequence[str], each: Scores, count: int = 5) -> Table:
    scored = [key for key in SCORED if key in each]
    heads = ["PSNR, dB", *(_NAMES[key][0] for key in scored[1:])]
    rows = [
        [
            names[row],
            *(number(each[key]["psnr"][row], 2) for key in scored),
            number(each["model"]["ssim"][row]),
        ]
        for row in np.argsort(each["model"]["psnr"], kind="stable")[:count]
    ]
    return Table("Lowest PSNR", ["image", *heads, "SSIM"], rows)


def notes(values: Mapping[str, Any], zero: float) -> list[str]:
    """Reservations about the numbers."""
    lines = [
        f"PSNR and SSIM hold for a data range of {values['data_range']:g} and change with it (half "
        "the range takes 6.02 dB off the same images): compare numbers only at one range, on the "
        "same images."
    ]
    if values["floor"] is None:
        lines.append(
            "The noise floor is unknown, because the images without noise were not given. The "
            "target's own noise bounds the PSNR; flux errors and power ratios refer to the noisy "
            "target."
        )
    elif values["psnr"] > values["floor"]["psnr"]:
        lines.append(
            "The model scores above the noise floor, which no network can on average: the input "
            "shares noise with the target, or the truth is not that of these targets."
        )
    lines.append(f"Flux errors take pixels of {zero:g} as no flux.")
    if values["chi_square"] is None:
        lines.append("No residual chi-square: the noise variance was not given.")
    if values["bands"] > 1:
        lines.append(f"The gallery shows the first of {values['bands']} bands.")
    return lines


def gallery(stacks: Mapping[str, Any], names: Sequence[str], each: Scores, n: int = 5) -> Figure:
    """A few pairs, from the lowest PSNR to the highest, with residuals.

    Args:
        stacks: (n, H, W, bands) by column: ``low``, ``bicubic``, ``model``, ``target`` and, where
            it is known, ``truth``. The residuals of ``bicubic`` and ``model`` are those against the
            truth, else against the target.
        names: of the pairs.
        each: scores of every pair.
        n: pairs to show.
    """
    order = np.argsort(each["model"]["psnr"], kind="stable")
    rows = order[np.round(np.linspace(0, len(order) - 1, min(len(order), n))).astype(int)]
    reference = "truth" if "truth" in stacks else "target"
    scored = {"bicubic": "bicubic", "model": "model", "truth": "floor"}
    tiles: list[Tile] = []
    for row in rows:
        images = {key: np.array(stack[row][..., 0], np.float32) for key, stack in stacks.items()}
        limits = _limits(images[reference], reference)
        for key, image in images.items():
            line = names[row] if key == "low" else ""
            if key in scored:
                line = f"{number(each[scored[key]]['psnr'][row], 2)} dB"
            tiles.append(Tile(stretch(image, limits), [line]))
        residuals = [images[key] - images[reference] for key in ("bicubic", "model")]
        largest = float(np.percentile(np.abs(residuals), 99.8)) or 1.0
        tiles += [Tile(each, [""], None, (-largest, largest), RESIDUAL) for each in residuals]
    words = "; ".join(
        f"{names[row]}: {number(each['model']['psnr'][row], 2)} dB, bicubic "
        f"{number(each['bicubic']['psnr'][row], 2)} dB"
        for row in rows
    )
    titles = [*stacks, f"bicubic $-$ {reference}", f"model $-$ {reference}"]
    return Figure(
        "examples",
        "From the lowest PSNR to the highest",
        f"Images before and after super-resolution with residuals. PSNR of {words}.",
        "The images of lowest, quartile, median and highest PSNR of the model; below each image "
        "its PSNR against the target. One asinh stretch a row; residuals against the "
        f"{'truth' if reference == 'truth' else 'noisy target'} in the units of the images, one "
        "scale a row.",
        partial(gallery_figure, tiles, len(titles), 1.24, titles, bars=True),
        night=True,
    )


def _limits(image: np.ndarray, reference: str) -> tuple[float, float]:
    """Darkest and brightest value that a row shows; of a noisy target not its brightest pixels."""
    low, high = np.percentile(image, (1, 100 if reference == "truth" else 99.9))
    return (float(low), float(high)) if high > low else (float(low), float(low) + 1)


def distribution(each: Scores) -> Figure:
    """PSNR of the images: its histogram, and the model's against that of bicubic interpolation."""
    psnr = {name: np.asarray(each[name]["psnr"], float) for name in SCORED if name in each}
    pooled = np.concatenate([values[np.isfinite(values)] for values in psnr.values()])
    pooled = pooled if len(pooled) else np.zeros(1)
    edges = np.histogram_bin_edges(pooled, bins=int(np.clip(np.sqrt(len(pooled)), 8, 40)))
    bars, means = [], []
    for name, values in psnr.items():
        label, colour = _NAMES[name]
        finite = bool(np.isfinite(values).all())
        mean = f"{values.mean():.2f} dB" if finite else "infinite"
        shown = values[np.isfinite(values)]
        bars.append(histogram(f"{label}, mean {mean}", shown, edges, colour))
        if finite:
            top = [0, max(np.max(bars[-1].y), 1) * 1.05]
            means.append(Line("", [values.mean()] * 2, top, colour, "dashed"))
    both = np.isfinite(psnr["model"]) & np.isfinite(psnr["bicubic"])
    x, y = psnr["bicubic"][both], psnr["model"][both]
    ends = [min(x.min(), y.min()), max(x.max(), y.max())] if both.any() else [0, 1]
    pairs = [Line("equal", ends, ends, FAINT, "dashed"), Line("an image", x, y, 0, "points")]
    plots = [
        Plot("PSNR of an image, dB", "images", [*bars, *means], "All images"),
        Plot("bicubic, dB", "this model, dB", pairs, "Image by image"),
    ]
    caption = (
        "Left: all images; dashed: means. Right: above the line the model is better than bicubic "
        "interpolation of the same image."
    )
    title = "PSNR image by image"
    return panels.plot_panel("psnr", title, plots, caption, height=3.2, widths=(1.5, 1))


def spectra(ratios: Mapping[str, Any], scale: int) -> Figure:
    """Ratio of power spectra against the spatial frequency.

    Args:
        ratios: ``frequencies`` in cycles a pixel, the name of the ``reference``, ratios of the
            same length of ``model``, ``bicubic`` and perhaps ``target``, ``n`` images, and
            ``resolved``, up to which frequency the reference has power to speak of.
        scale: pixels of the target a pixel of the input, along one side.
    """
    x, end = np.asarray(ratios["frequencies"]), ratios["resolved"]
    shown = [name for name in ("target", "bicubic", "model") if name in ratios]
    lines = [
        Line(
            _NAMES[key][0], x, ratios[key], _NAMES[key][1], "dotted" if key == "target" else "line"
        )
        for key in shown
    ]
    inside = np.concatenate([np.asarray(ratios[name])[x <= end] for name in shown[-2:]])
    inside = inside[np.isfinite(inside) & (inside > 0)]
    low, high = (inside.min(), inside.max()) if len(inside) else (0.1, 10)
    limits = float(np.clip(low / 1.4, 1e-4, 0.5)), float(np.clip(high * 1.4, 2, 20))
    if scale > 1:
        label, edge = "highest frequency of the input", [0.5 / scale] * 2
        lines.append(Line(label, edge, limits, FAINT, "dashed"))
    lines.append(Line("", [0, 0.5], [1, 1], INK, "thin"))
    plot = Plot(
        "spatial frequency, cycles a pixel of the target",
        f"power over that of the {ratios['reference']}",
        lines,
        x_range=(0, 0.5),
        y_range=limits,
        y_scale="log",
        finish=partial(_shade, start=end) if end < x[-1] else None,
    )
    caption = (
        "At 1 the image has as much structure at this scale as it should; below, it is too smooth; "
        f"above, it holds noise or invented detail. Mean of {ratios['n']:,} images."
    )
    if end < x[-1]:
        caption += (
            " Shaded: the truth has less than 1 % of the target's power, so that all there is "
            "noise."
        )
    title = "Power-spectrum ratio"
    return panels.plot_panel("power_spectrum", title, [plot], caption, height=3.1)


def _shade(axes: Axes, start: float) -> None:
    """Mark the frequencies at which the truth is far below the noise."""
    axes.axvspan(start, 0.5, color="#eceef1", lw=0, zorder=0.5, label="truth far below the noise")
