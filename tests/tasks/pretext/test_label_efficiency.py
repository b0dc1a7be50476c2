"""The label-efficiency figure and table say what the numbers say."""

import numpy as np
import pyarrow as pa
import pytest

from lenszoo.errors import LenszooError
from lenszoo.reporting.plots import to_png
from lenszoo.tasks.pretext.label_efficiency import (
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


def test_the_legend_names_each_line_with_its_last_auc():
    figure = plot_label_efficiency(table())
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["0.960 good", r"0.600 poor | \$x_"]
    axes = figure.axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["50", "600"]
    assert len(to_png(figure)) > 5000


def test_chance_is_drawn_where_a_curve_comes_near_it():
    near = plot_label_efficiency(table([("a", 50, 0, 0.55), ("a", 100, 0, 0.9)]))
    far = plot_label_efficiency(table([("a", 50, 0, 0.95), ("a", 100, 0, 0.99)]))
    chance = ["0.500 chance" in [t.get_text() for t in f.legends[0].texts] for f in (near, far)]
    assert chance == [True, False]
    assert far.axes[0].get_ylim()[0] > 0.9


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
