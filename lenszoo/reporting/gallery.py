"""Galleries of images on a dark ground, with lines of text below each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lenszoo.reporting.plots import new_figure, styled
from lenszoo.reporting.text import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GROUND, _INK, _FAINT = "#14161b", "#e8eaee", "#9aa1ad"
_CONTOURS = ("#7fd6ff", "#ffffff")
BRIGHTNESS = ("magma",)
# blue to orange through the dark ground: a residual of 0 is dark
RESIDUAL = ("#b9ecff", "#3d9bd8", "#1d4d75", "#191b20", "#7a3a17", "#e07b32", "#ffe0b8")
_GAP, _LINE, _BAR, _BAR_ROOM = 0.1, 0.18, 0.09, 0.75  # inches


class Tile(NamedTuple):
    """One image of a gallery."""

    image: ArrayLike  # (H, W) values, or (H, W, 3) colours from 0 to 1
    lines: Sequence[str] = ()  # below: the first bold, the last faint
    evidence: ArrayLike | None = None  # (H, W) from 0 to 1: contours at 0.5 and 0.8
    limits: tuple[float, float] = (0.0, 1.0)  # values shown darkest and brightest
    colours: Sequence[str] = BRIGHTNESS  # a colour map of matplotlib, or colours to run through


def stretch(image: ArrayLike, limits: tuple[float, float] | None = None) -> NDArray[np.float64]:
    """One image (H, W) or (H, W, bands) as brightness in [0, 1] for display, shape (H, W).

    Bands are averaged; then asinh between the limits, by default the 1st percentile and the
    maximum, so that faint arcs show and bright ones keep their structure. Pixels that are not
    finite stay NaN.
    """
    flat = np.asarray(image, float)
    if flat.ndim == 3:
        flat = flat.mean(axis=2)
    finite = flat[np.isfinite(flat)]
    low, high = limits or ((np.percentile(finite, 1), finite.max()) if len(finite) else (0.0, 1.0))
    scaled = np.clip((flat - low) / (high - low if high > low else 1), 0, 1)
    return np.arcsinh(scaled / 0.2) / np.arcsinh(5)


@styled
def gallery_figure(
    tiles: Sequence[Tile],
    columns: int = 4,
    side: float = 2.3,
    titles: Sequence[str] = (),
    bars: bool = False,
) -> Figure:
    """Draw images in rows.

    Args:
        tiles: the images, row by row.
        columns: images a row.
        side: of an image, in inches.
        titles: of the columns.
        bars: right of each row a colour bar of its last image.
    """
    columns = max(min(columns, len(tiles)), 1)
    rows, lines = -(-len(tiles) // columns), max((len(tile.lines) for tile in tiles), default=0)
    # Laid out in inches by hand: the automatic layouts do not make room for text below an image.
    cell, head = side + _GAP + _LINE * lines + 0.08, 0.28 if titles else 0.0
    width = columns * (side + _GAP) + _GAP + (_BAR_ROOM if bars else 0)
    height = head + rows * cell + _GAP
    figure = new_figure(width, height, facecolor=GROUND)
    figure.set_layout_engine("none")

    def write(x: float, y: float, text: str, size: float, colour: str, bold: bool) -> None:
        figure.text(
            x / width, y / height, text, ha="center", va="top", fontsize=size, color=colour,
            fontweight="bold" if bold else "normal",
        )  # fmt: skip

    letters = max(int(side * 16), 12)  # of a line, at 9 points
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        left, top = _GAP + column * (side + _GAP), height - head - _GAP - row * cell
        place = (left / width, (top - side) / height, side / width, side / height)
        axes = figure.add_axes(place)
        shown = _draw_tile(axes, tile)
        if row == 0 and titles:
            write(left + side / 2, height - 0.12, titles[column], 8.5, _INK, True)
        for i, line in enumerate(tile.lines):
            faint = i > 0 and i == len(tile.lines) - 1
            below, size = top - side - 0.06 - _LINE * i, (9 if side > 2 else 8) - (i > 0)
            text = plain(line, letters)
            write(left + side / 2, below, text, size, _FAINT if faint else _INK, i == 0)
        if bars and column == columns - 1:
            cax = figure.add_axes(
                (place[0] + (side + _GAP) / width, place[1], _BAR / width, place[3])
            )
            _draw_bar(figure, shown, cax, tile.limits)
    return figure


def _draw_tile(axes: Any, tile: Tile) -> Any:
    from matplotlib import colormaps
    from matplotlib.colors import LinearSegmentedColormap

    if len(tile.colours) == 1:
        colours = colormaps[tile.colours[0]]
    else:
        colours = LinearSegmentedColormap.from_list("tile", list(tile.colours))
    low, high = tile.limits
    shown = axes.imshow(
        np.asarray(tile.image), cmap=colours.with_extremes(bad="#5a6a5a"), vmin=low, vmax=high,
        interpolation="nearest",
    )  # fmt: skip
    axes.axis("off")
    if tile.evidence is not None and np.ptp(tile.evidence) > 0:
        axes.contour(
            np.asarray(tile.evidence), levels=(0.5, 0.8), colors=_CONTOURS, linewidths=(1.0, 1.6)
        )
    return shown


def _draw_bar(figure: Figure, shown: Any, axes: Any, limits: tuple[float, float]) -> None:
    low, high = limits
    bar = figure.colorbar(shown, cax=axes, ticks=[low, (low + high) / 2, high])
    bar.ax.set_yticklabels([f"{value:.2g}" for value in (low, (low + high) / 2, high)])
    bar.ax.tick_params(colors=_INK, labelsize=7.5, length=0, pad=3)
    bar.outline.set_visible(False)
