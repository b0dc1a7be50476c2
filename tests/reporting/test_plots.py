"""Plots draw their lines, keep legends off the curves and leave matplotlib's style alone."""

import io
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from PIL import Image

from lenszoo.reporting import plots
from lenszoo.reporting.plots import Line, Plot

X = np.linspace(0, 1, 5)
STYLES = ["line", "thin", "thick", "dashed", "dotted", "steps", "marked", "dots", "points"]


def pixels(figure):
    return np.asarray(Image.open(io.BytesIO(plots.to_png(figure))).convert("RGB"))


def test_importing_the_package_loads_no_backend_and_no_matplotlib():
    code = (
        "import sys, lenszoo.evaluation as e; "
        "print(e.classification_report([0, 1], [0.0, 1.0], ['a', 'b'])); "
        "heavy = {'keras', 'tensorflow', 'jax', 'torch', 'matplotlib'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_readers_style_is_neither_used_nor_changed():
    def picture():
        return plots.to_png(plots.draw([Plot("x", "y", [Line("a", X, X)])]))

    expected = picture()
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30, "savefig.dpi": 20}):
        before = dict(matplotlib.rcParams)
        assert picture() == expected
        assert dict(matplotlib.rcParams) == before
    if "matplotlib.pyplot" in sys.modules:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == []


@pytest.mark.parametrize("bounds", [None, np.stack([X - 0.1, X + 0.2], axis=1)])
@pytest.mark.parametrize("style", STYLES)
def test_every_style_draws_its_points_and_bounds(style, bounds):
    axes = plots.draw([Plot("x", "y", [Line("a", X, X**2, 2, style, bounds)])]).axes[0]
    line = axes.lines[0]
    np.testing.assert_array_equal(line.get_xydata(), np.stack([X, X**2], axis=1))
    assert line.get_color() == plots.COLOURS[2]
    # a curve of counts at falling thresholds, or rising rates, holds until the next point
    assert line.get_drawstyle() == ("steps-post" if style == "steps" else "default")
    assert len(axes.collections) == (bounds is not None)


def test_bounds_across_are_horizontal():
    bounds = np.stack([X - 0.1, X + 0.2], axis=1)
    lines = [Line("", X, np.arange(5), 0, "dots", bounds, across=True)]
    axes = plots.draw([Plot("x", "", lines, rows=list("abcde"))]).axes[0]
    start, end = axes.collections[0].get_segments()[1]
    np.testing.assert_allclose((start, end), [(X[1] - 0.1, 1), (X[1] + 0.2, 1)])
    assert [tick.get_text() for tick in axes.get_yticklabels()] == list("abcde")


def test_histograms_count_every_value():
    line = plots.histogram("a", [-5, 0.1, 0.2, 0.9, 7], [0, 0.5, 1], 1)
    assert line.y.tolist() == [3, 2]
    assert plots.draw([Plot("x", "n", [line], y_scale="counts")]).axes[0].patches


@pytest.mark.parametrize("n", [1, 3, 14])
@pytest.mark.parametrize("alike", [True, False])
@pytest.mark.parametrize("count", [1, 2])
def test_legends_cover_no_curve_and_are_inside_the_figure(n, alike, count):
    shown = [
        Plot(
            "false-positive rate",
            "y",
            [Line(f"0.9  {'a' if alike else k} {i}", X, X, i) for i in range(n)],
        )
        for k in range(count)
    ]
    figure = plots.draw(shown)
    plots.to_png(figure)  # lays it out
    own = [axes.get_legend() for axes in figure.axes if axes.get_legend()]
    legends = own or figure.legends
    assert len(legends) == (1 if alike or count == 1 else 2)
    for legend in legends:
        box = legend.get_window_extent()
        assert len(legend.get_texts()) == n
        assert not any(box.overlaps(axes.get_window_extent()) for axes in figure.axes)
        assert box.y0 >= 0 and box.x1 <= figure.bbox.x1
    assert figure.axes[0].get_window_extent().height > 200


def test_a_legend_has_the_order_of_its_lines():
    bounds = np.stack([X, X], axis=1)
    lines = [
        Line("b", X, X, 0, "marked", bounds),
        Line("a", X, X),
        Line("c", X, X, 1, "line", bounds),
    ]
    legend = plots.draw([Plot("x", "y", lines)]).legends[0]
    assert [text.get_text() for text in legend.get_texts()] == ["b", "a", "c"]


@pytest.mark.parametrize("name", [r"$\frac{$", "_hidden", "x" * 500, "\x07", "^{"])
def test_no_name_breaks_a_plot(name):
    figure = plots.draw([Plot("x", "y", [Line(name, X, X)], title=name)])
    assert pixels(figure).std() > 5
    assert len(figure.legends[0].get_texts()) == 1
