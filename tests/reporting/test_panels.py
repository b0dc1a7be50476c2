"""Panels: tables of scores, ROC curves, confusion, reliability, history and galleries."""

import numpy as np
import pytest

from lenszoo.metrics.calibration import calibration_bins
from lenszoo.reporting import panels
from lenszoo.reporting.panels import Column, Curve, Row
from lenszoo.reporting.plots import Line, Plot

STRAIGHT = np.array([0.0, 0.01, 1.0])
HISTORY = [
    {"epoch": "1", "loss": "1.0", "val_auc": "0.5", "note": "warm"},
    {"epoch": "2", "loss": "0.6", "val_auc": "", "note": "-"},
]


def curves(n):
    return [Curve(f"class {i}", STRAIGHT, STRAIGHT, i / 100) for i in range(n)]


def test_a_table_of_scores_has_intervals_below_and_blanks_where_none_is():
    columns = [Column("auc", "AUC"), Column("flux", "flux error", ".1%", ".0%")]
    rows = [
        Row("model", {"auc": 0.9, "flux": None}, {"auc": [0.8, 0.95], "flux": None}),
        Row("baseline", {"auc": float("nan")}),
    ]
    table = panels.scores_table("Scores", columns, rows, "A note.")
    assert table.columns == ["", "AUC", "flux error"]
    assert table.rows == [
        ["model", "0.9000", "n/a"],
        ["  95 % interval", "0.800 to 0.950", ""],
        ["baseline", "n/a", ""],
    ]


def test_cards_have_their_interval_below():
    column = Column("", "", ".1%", ".1%")
    card = panels.score_card("Accuracy", 0.9, [0.85, 0.94], column)
    assert (card.value, card.detail) == ("90.0 %", "95 %: 85.0 to 94.0 %")
    assert panels.score_card("Accuracy", 0.9, None, column).detail == "no interval"


def test_plots_are_told_in_words():
    lines = [Line("b", [1, 2], [0.5, 0.25], 0, "marked"), Line("", [0], [0])]
    panel = panels.plot_panel("p", "Title", [Plot("x", "y", lines)], "caption")
    assert panel.alt == "Title. By x: b 1: 0.5, 2: 0.25."


def test_the_roc_legend_is_short_and_names_the_hardest():
    figure = panels.roc_panel(curves(50), curves(50)).draw()
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[0] == "0.0000 class 0"
    assert len(texts) == 12 + 2  # and the baseline and chance
    assert "class 12" not in " ".join(texts)


def test_baselines_have_the_colour_of_their_curve_or_a_name():
    figure = panels.roc_panel(curves(2), [*curves(1), Curve("other", STRAIGHT, STRAIGHT, 0.6)])
    lines = figure.draw().axes[0].lines
    assert lines[2].get_color() == lines[0].get_color()
    assert lines[3].get_color() not in {line.get_color() for line in lines[:2]}
    assert "0.6000 other" in figure.alt


def test_the_logarithmic_axis_begins_at_the_lowest_rate():
    log = panels.roc_panel([Curve("a", np.array([0, 0.004, 1]), STRAIGHT, 0.5)]).draw().axes[1]
    assert log.get_xlim() == (0.001, 1)
    assert log.lines[0].get_xdata().min() == 0.001


def test_curves_in_json_are_short_and_keep_their_ends():
    x = np.linspace(0, 1, 5001)
    thin = Curve("a", x, x**0.5, 0.7).thinned()
    assert len(thin["fpr"]) <= 200
    assert (thin["fpr"][0], thin["fpr"][-1], thin["tpr"][-1]) == (0, 1, 1)


def test_the_confusion_matrix_shows_counts_and_shares():
    panel = panels.confusion_panel([[3, 1], [0, 0]], ["a", r"$\frac{$"])
    texts = [text.get_text() for text in panel.draw().axes[0].texts]
    assert texts == ["3\n75.0 %", "1\n25.0 %", "0\n0.0 %", "0\n0.0 %"]
    assert "a 3 of 4" in panel.alt
    assert len(panel.png) > 5000


def test_reliability_shows_bins_of_five_and_more():
    bins = calibration_bins([1, 1, 0] * 2 + [0] * 4, [5.0, 5.1, 5.2] * 2 + [0.1] * 4)
    panel = panels.reliability_panel(bins, "Shares.", bins)
    axes = panel.draw().axes[0]
    assert len(axes.containers) == 2  # the model and before
    np.testing.assert_allclose(axes.containers[0].lines[0].get_ydata(), [2 / 3])
    assert panel.caption == "Shares. Bins of fewer than 5 have no point."
    full = calibration_bins([1, 1, 0] * 2, [5.0, 5.1, 5.2] * 2)
    assert panels.reliability_panel(full, "Shares.").caption == "Shares."
    few = calibration_bins([1, 0], [5.0, 5.1])  # no bin is full
    assert panels.reliability_panel(few, "").draw().axes


def test_history_as_rows_or_columns():
    assert panels.read_history(HISTORY)["loss"] == [1.0, 0.6]
    assert np.isnan(panels.read_history(HISTORY)["val_auc"][1])
    columns = {"loss": np.array([1.0, 2.0]), "name": "ab"}
    assert panels.read_history(columns) == {"loss": [1.0, 2.0]}
    assert panels.read_history(None) == panels.read_history([]) == {}


def test_history_is_sorted_into_plots():
    history = {
        "epoch": [1, 2],
        "loss": [1.0, 0.5],
        "val_log_loss": [np.nan, 0.6],
        "val_auc": [0.5, 0.9],
        "val_psnr": [30, 31],
        "learning_rate": [1e-3, 0.0],
        "seconds": [3, 3],
    }
    plots = {
        plot.title: [line.label for line in plot.lines] for plot in panels.history_plots(history)
    }
    assert plots == {
        "Loss": ["loss", "val_log_loss"],
        "PSNR, dB": ["val_psnr"],
        "Score": ["val_auc"],
        "Learning rate": ["learning_rate"],
    }
    (panel,) = panels.history_panels(history)
    assert panel.draw().axes[0].lines[1].get_xdata().tolist() == [2.0]
    assert len(panel.png) > 5000
    assert panels.history_panels({"seconds": [3, 3]}) == []


def test_a_gallery_is_told_and_shown():
    image = np.eye(8)[..., None]
    lines = [["no", "id 1"], ["vort", "id 2"]]
    panel = panels.gallery_panel(
        "g", "Mistakes", "c", [image] * 2, lines, evidence=[np.eye(8), np.zeros((8, 8))]
    )
    assert panel.alt == "Mistakes: no id 1; vort id 2."
    figure = panel.draw()
    assert [text.get_text() for text in figure.texts] == ["no", "id 1", "vort", "id 2"]
    assert [len(axes.collections) for axes in figure.axes] == [1, 0]  # contours


@pytest.mark.parametrize("bands", [1, 2])
def test_bands_are_averaged_in_galleries(bands):
    image = np.random.default_rng(0).random((8, 8, bands))
    figure = panels.gallery_panel("g", "t", "c", [image], [["a"]]).draw()
    assert figure.axes[0].images[0].get_array().shape == (8, 8)
