"""Figures of the super-resolution report, in the style of :mod:`lenszoo.reporting.plots`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from lenszoo.reporting.plots import (
    COLOURS,
    FAINT,
    IMAGE_MAP,
    NIGHT,
    NIGHT_INK,
    new_figure,
    plain,
    stretch,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# what each name stands for in legends and titles, and its colour
NAMES = {
    "model": ("this model", COLOURS[0]),
    "bicubic": ("bicubic", COLOURS[1]),
    "floor": ("noise floor (truth)", COLOURS[2]),
    "target": ("noisy target", FAINT),
}
# blue to orange through the gallery's own dark ground: no residual, nothing to see
_RESIDUAL_MAP = ("#b9ecff", "#3d9bd8", "#1d4d75", "#191b20", "#7a3a17", "#e07b32", "#ffe0b8")
_FAINT_NIGHT = "#9aa1ad"


@styled
def pairs_figure(
    rows: Sequence[Mapping[str, ArrayLike]], captions: Sequence[Sequence[str]]
) -> Figure:
    """A row of images for each pair, and what is left of two of them after the reference.

    Args:
        rows: for each pair its images (H, W) by column: ``low``, ``bicubic``, ``model``,
            ``target`` and, if known, ``truth``. The residuals are those of ``bicubic`` and
            ``model`` against the truth, else against the target.
        captions: for each pair one line below each of its images.

    Brightness is stretched alike in a row, between the 1st percentile and the maximum of the truth
    (the 99.9th percentile of a noisy target); so are the residuals, about zero.
    """
    from matplotlib.colors import LinearSegmentedColormap

    diverging = LinearSegmentedColormap.from_list("residual", _RESIDUAL_MAP)
    reference = "truth" if "truth" in rows[0] else "target"
    titles = [*rows[0], f"bicubic $-$ {reference}", f"model $-$ {reference}"]
    side, gap, line, bar = 1.24, 0.07, 0.22, 0.75
    columns = len(titles)
    width = columns * (side + gap) + gap + bar
    height = 0.3 + len(rows) * (side + line) + gap
    figure = new_figure(width, height, facecolor=NIGHT)
    # laid out by hand, as the other gallery: text below an image needs its own room
    figure.set_layout_engine("none")
    for index, (images, lines) in enumerate(zip(rows, captions, strict=True)):
        bottom = height - 0.3 - index * (side + line) - side

        def place(column: float, wide: float = side, bottom: float = bottom) -> Any:
            left = gap + column * (side + gap)
            return figure.add_axes((left / width, bottom / height, wide / width, side / height))

        limits = _limits(np.asarray(images[reference], float), reference)
        for column, image in enumerate(images.values()):
            axes = place(column)
            brightness = stretch(image, limits)
            axes.imshow(brightness, cmap=IMAGE_MAP, vmin=0, vmax=1, interpolation="nearest")
            _label(axes, titles[column] if index == 0 else "", lines[column])
        residuals = [
            np.asarray(images[name], float) - np.asarray(images[reference], float)
            for name in ("bicubic", "model")
        ]
        largest = float(np.percentile(np.abs(residuals), 99.8)) or 1.0
        for column, residual in enumerate(residuals, start=len(images)):
            axes = place(column)
            shown = axes.imshow(
                residual, cmap=diverging, vmin=-largest, vmax=largest, interpolation="nearest"
            )
            _label(axes, titles[column] if index == 0 else "", "")
        scale = figure.colorbar(shown, cax=place(columns, 0.09), ticks=[-largest, 0, largest])
        scale.ax.set_yticklabels([f"{-largest:.2g}", "0", f"{largest:.2g}"])
        scale.ax.tick_params(colors=NIGHT_INK, labelsize=7.5, length=0, pad=3)
        scale.outline.set_visible(False)
    return figure


def _limits(image: np.ndarray, reference: str) -> tuple[float, float]:
    """Darkest and brightest value that a row shows."""
    low, high = np.percentile(image, (1, 100 if reference == "truth" else 99.9))
    return (float(low), float(high)) if high > low else (float(low), float(low) + 1)


def _label(axes: Any, title: str, line: str) -> None:
    axes.axis("off")
    axes.text(
        0.5,
        1.04,
        title,
        transform=axes.transAxes,
        ha="center",
        va="bottom",
        color=NIGHT_INK,
        fontsize=8.5,
        fontweight="bold",
    )
    axes.text(
        0.5,
        -0.035,
        plain(line, 22),
        transform=axes.transAxes,
        ha="center",
        va="top",
        color=_FAINT_NIGHT,
        fontsize=7.5,
    )


@styled
def psnr_figure(psnr: Mapping[str, ArrayLike]) -> Figure:
    """PSNR of the images: how it scatters, and the model's against that of bicubic.

    Args:
        psnr: shape (n,) in dB of ``model``, ``bicubic`` and, if known, ``floor``; what is infinite
            is left out.
    """
    figure = new_figure(9.6, 3.6)
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    known = {name: np.asarray(values, float) for name, values in psnr.items()}
    pooled = np.concatenate([values[np.isfinite(values)] for values in known.values()])
    if len(pooled) == 0:
        pooled = np.zeros(1)
    edges = np.histogram_bin_edges(pooled, bins=int(np.clip(np.sqrt(len(pooled)), 8, 40)))
    counts = {name: np.histogram(values, edges)[0] for name, values in known.items()}
    top = max(int(count.max()) for count in counts.values())
    for name, values in known.items():
        label, colour = NAMES[name]
        mean = f"{values.mean():.2f} dB" if np.isfinite(values).all() else "infinite"
        left.stairs(counts[name], edges, color=colour, fill=True, alpha=0.25)
        left.stairs(counts[name], edges, color=colour, lw=1.6, label=f"{label}, mean {mean}")
        if np.isfinite(values).all():
            left.vlines(values.mean(), 0, 1.05 * top, color=colour, lw=1.1, ls="--")
    left.set(xlabel="PSNR of an image, dB", ylabel="images", title="How PSNR scatters")
    left.set_ylim(0, 1.4 * max(top, 1))  # room for the legend
    left.legend(fontsize=8, loc="upper left")
    both = np.isfinite(known["model"]) & np.isfinite(known["bicubic"])
    x, y = known["bicubic"][both], known["model"][both]
    ends = [min(x.min(), y.min()), max(x.max(), y.max())] if both.any() else [0, 1]
    right.plot(ends, ends, color=FAINT, lw=1, ls="--", label="equal")
    size = float(np.clip(40 / np.sqrt(max(len(x), 1)), 1.5, 5))
    right.plot(x, y, "o", ms=size, mew=0, alpha=0.6, color=COLOURS[0], label="an image")
    right.set(xlabel="bicubic, dB", ylabel="this model, dB", title="Image by image")
    right.legend(fontsize=8, loc="upper left")
    return figure


@styled
def spectrum_figure(spectra: Mapping[str, Any], scale: int) -> Figure:
    """Ratio of power spectra against the spatial frequency.

    Args:
        spectra: ``frequencies`` in cycles a pixel, the name of the ``reference``, ratios of the
            same length of ``model``, ``bicubic`` and perhaps ``target``, and ``resolved``, up to
            which frequency the reference has power to speak of.
        scale: pixels of the target a pixel of the input, along one side.
    """
    figure = new_figure(9.6, 3.4)
    axes = figure.subplots()
    x, end = np.asarray(spectra["frequencies"]), spectra["resolved"]
    axes.axhline(1, color="#222222", lw=0.9)
    shown = [name for name in ("target", "bicubic", "model") if name in spectra]
    for name in shown:
        label, colour = NAMES[name]
        axes.plot(x, spectra[name], ":" if name == "target" else "-", color=colour, label=label)
    if scale > 1:
        limit = 0.5 / scale
        axes.axvline(limit, color=FAINT, lw=1, ls="--", label="highest frequency of the input")
    if end < x[-1]:
        axes.axvspan(end, 0.5, color="#eceef1", lw=0, zorder=0.5, label="truth far below the noise")
    inside = np.concatenate([np.asarray(spectra[name])[x <= end] for name in shown[-2:]])
    inside = inside[np.isfinite(inside) & (inside > 0)]
    low, high = (inside.min(), inside.max()) if len(inside) else (0.1, 10)
    axes.set(
        xlabel="spatial frequency, cycles a pixel of the target",
        ylabel=f"power over that of the {spectra['reference']}",
        yscale="log",
        xlim=(0, 0.5),
        ylim=(np.clip(low / 1.4, 1e-4, 0.5), np.clip(high * 1.4, 2, 20)),
    )
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.legend(fontsize=8, loc="upper left" if end < x[-1] else "lower left")
    return figure
