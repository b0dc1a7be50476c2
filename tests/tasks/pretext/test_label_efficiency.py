"""The label-efficiency figure and table say what the numbers say."""

import io
import itertools

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.text import Text
from PIL import Image

from lenszoo.errors import LenszooError
from lenszoo.reporting import plots
from lenszoo.tasks.pretext.label_efficiency import (
    _spread,
    efficiency_curves,
    label_efficiency_markdown,
    plot_label_efficiency,
)

ROWS = [
    ("good", 50, 0, 0.80),
    ("good", 50, 1, 0.84),
    ("good", 600, 0, 0.95),
    ("good", 600, 1, 0.97),
    ("poor | $x_", 50, 0, 0.62),
    ("poor | $x_", 600, 0, 0.60),
]


def table(rows=ROWS):
    names = ("candidate", "labels", "seed", "auc")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def pixels(figure):
    return np.asarray(Image.open(io.BytesIO(plots.to_png(figure))).convert("RGB"))


@pytest.mark.parametrize("kind", [dict, pa.table])
def test_curves_are_means_and_sample_deviations(kind):
    good, poor = efficiency_curves(kind(table()))
    assert good.candidate == "good"
    np.testing.assert_array_equal(good.labels, [50, 600])
    np.testing.assert_allclose(good.mean, [0.82, 0.96])
    np.testing.assert_allclose(good.std, [0.04 / 2**0.5, 0.02 / 2**0.5])
    np.testing.assert_allclose(poor.mean, [0.62, 0.60])
    assert np.isnan(poor.std).all()


def test_the_table_in_markdown():
    text = label_efficiency_markdown(table([*ROWS, ("poor | $x_", 2000, 0, 0.7)]))
    assert text.splitlines() == [
        "| AUC with labels | 50 | 600 | 2,000 |",
        "|---|---|---|---|",
        "| good | **0.820 ± 0.028** | **0.960 ± 0.014** |  |",
        "| poor \\| $x_ | 0.620 | 0.600 | **0.700** |",
    ]


def test_the_figure_names_each_line_once_at_its_end():
    figure = plot_label_efficiency(table())
    axes = figure.axes[0]
    assert [note.get_text() for note in axes.texts] == [r"0.600  poor | \$x_", "0.960  good"]
    assert [note.xy for note in axes.texts] == [(600, 0.6), (600, pytest.approx(0.96))]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["50", "600"]
    assert pixels(figure).std() > 5


def test_chance_is_drawn_where_a_curve_comes_near_it():
    near = plot_label_efficiency(table([("a", 50, 0, 0.55), ("a", 100, 0, 0.9)]))
    far = plot_label_efficiency(table([("a", 50, 0, 0.95), ("a", 100, 0, 0.99)]))
    chance = ["0.500  chance" in [note.get_text() for note in f.axes[0].texts] for f in (near, far)]
    assert chance == [True, False]
    assert far.axes[0].get_ylim()[0] > 0.9


@pytest.mark.parametrize("n", [1, 9, 20])
def test_names_do_not_lie_over_one_another_or_over_the_axes(n):
    rows = [(f"backbone {k}", count, 0, 0.9) for k in range(n) for count in (50, 2000)]
    figure = plot_label_efficiency(table(rows))
    plots.to_png(figure)  # lays it out
    renderer = figure.canvas.get_renderer()
    axes = figure.axes[0]
    # of the text alone, without the line that leads to it
    boxes = [Text.get_window_extent(note, renderer) for note in axes.texts]
    assert len(boxes) == n
    boxes.sort(key=lambda box: box.y0)
    assert all(above.y0 >= below.y1 - 1 for below, above in itertools.pairwise(boxes))
    inside = axes.get_window_extent(renderer)
    assert all(box.x0 >= inside.x1 for box in boxes)
    assert all(box.x1 <= figure.bbox.x1 for box in boxes)
    assert all(box.y0 >= 0 and box.y1 <= figure.bbox.y1 for box in boxes)


def test_heights_move_as_little_as_needed():
    assert _spread([0.1, 0.5, 0.9], 0.1, 0, 1) == [0.1, 0.5, 0.9]
    np.testing.assert_allclose(_spread([0.5, 0.5, 0.5], 0.1, 0, 1), [0.4, 0.5, 0.6])
    np.testing.assert_allclose(_spread([0.2, 1.0, 1.0], 0.1, 0, 1), [0.2, 0.9, 1.0])
    np.testing.assert_allclose(_spread([0.0, 0.0, 0.15], 0.1, 0, 1), [0.0, 0.1, 0.2])
    rng = np.random.default_rng(0)
    for _ in range(50):
        places = _spread(sorted(rng.random(8)), 0.1, 0.0, 1.0)
        assert np.diff(places).min() > 0.1 - 1e-9
        assert places[0] > -1e-9
        assert places[-1] < 1 + 1e-9


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"candidate": ["a"], "labels": [5], "auc": [0.5]}, "no column 'seed'"),
        (table([("a", 50, 0, np.nan)]), "not finite"),
        ({name: [] for name in ("candidate", "labels", "seed", "auc")}, "no rows"),
        (table([*ROWS, ROWS[2]]), "good with 600 labels and seed 0 twice"),
    ],
)
def test_a_table_that_tells_nothing_is_refused(given, message):
    for show in (plot_label_efficiency, label_efficiency_markdown):
        with pytest.raises(LenszooError, match=message):
            show(given)
