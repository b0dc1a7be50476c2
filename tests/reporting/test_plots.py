"""The figures draw what they are given and leave no trace in the reader's matplotlib."""

import io
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from PIL import Image

from lenszoo.errors import LenszooError
from lenszoo.metrics.classification import calibration_bins
from lenszoo.reporting import plots

STRAIGHT = np.array([0.0, 0.01, 1.0])


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
    matrix = [[3, 1], [0, 4]]
    expected = plots.to_png(plots.confusion_figure(matrix, ["a", "b"]))
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30, "savefig.dpi": 20}):
        before = dict(matplotlib.rcParams)
        assert plots.to_png(plots.confusion_figure(matrix, ["a", "b"])) == expected
        assert dict(matplotlib.rcParams) == before
    if "matplotlib.pyplot" in sys.modules:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == []


def test_plain_text_is_one_line_without_mathtext():
    assert plots.plain("a\nb\t$x$") == r"a b \$x\$"
    assert plots.plain("\ud800\x00") == "??"
    assert plots.plain("0123456789" * 4, 9) == "0123…6789"


@pytest.mark.parametrize("name", [r"$\frac{$", "_hidden", "x" * 500, "\x07", "^{"])
def test_no_class_name_breaks_a_figure(name):
    figure = plots.confusion_figure([[1, 0], [0, 1]], [name, "b"])
    assert pixels(figure).std() > 5
    legend = plots.roc_figure([plots.Curve(name, STRAIGHT, STRAIGHT, 0.5)]).axes[0].get_legend()
    assert len(legend.get_texts()) == 2  # the class and chance


def test_roc_legend_is_short_and_names_the_hardest():
    curves = [plots.Curve(f"class {i}", STRAIGHT, STRAIGHT, i / 100) for i in range(50)]
    texts = [t.get_text() for t in plots.roc_figure(curves, curves).axes[0].get_legend().texts]
    assert texts[0] == "0.0000  class 0"
    assert len(texts) == 12 + 2
    assert "class 12" not in " ".join(texts)


def test_confusion_matrix_shows_the_counts():
    texts = [t.get_text() for t in plots.confusion_figure([[3, 1], [0, 0]], "ab").axes[0].texts]
    assert texts == ["3\n75.0 %", "1\n25.0 %", "0\n0.0 %", "0\n0.0 %"]


def test_reliability_shows_full_bins_only():
    bins = calibration_bins([1, 1, 0], [5.0, 5.1, 5.2])
    points = plots.reliability_figure(bins).axes[0].containers[0].lines[0]
    np.testing.assert_allclose(points.get_ydata(), [2 / 3])


def test_history_is_sorted_into_panels():
    history = {
        "epoch": [1, 2],
        "loss": [1.0, 0.5],
        "val_loss": [np.nan, 0.6],
        "val_auc": [0.5, 0.9],
        "learning_rate": [1e-3, 0.0],
        "seconds": [3, 3],
    }
    assert plots.group_history(history) == {
        "Loss": ["loss", "val_loss"],
        "Score": ["val_auc"],
        "Learning rate": ["learning_rate"],
    }
    figure = plots.history_figure(history)
    assert figure.axes[0].lines[1].get_xdata().tolist() == [2.0]
    assert pixels(figure).std() > 5
    with pytest.raises(LenszooError, match="only: seconds"):
        plots.history_figure({"seconds": [3, 3]})


def test_stretch_spans_zero_to_one_and_keeps_the_order():
    image = np.random.default_rng(0).gamma(1, 1, (20, 20, 1))
    shown = plots.stretch(image)
    assert shown.shape == (20, 20)
    assert (shown.min(), shown.max()) == (0, 1)
    above = image[..., 0] > np.percentile(image, 1)
    order = np.argsort(image[..., 0][above])
    assert (np.diff(shown[above][order]) >= 0).all()
    np.testing.assert_allclose(plots.stretch(image * 1e4 - 7), shown, atol=1e-9)
    assert (plots.stretch(np.full((4, 4), 3.0)) == 0).all()
    bad = plots.stretch(np.array([[np.nan, 1.0], [2.0, np.inf]]))
    assert np.isnan(bad[0, 0])
    assert bad[1, 0] == 1


def test_gallery_gives_every_caption_room():
    image = np.eye(8)
    captions = [("first", "second", "third")] * 5
    figure = plots.gallery_figure([image] * 5, captions, columns=4)
    assert len(figure.axes) == 5
    assert len(figure.texts) == 15
    figure.canvas.draw()
    boxes = [t.get_window_extent() for t in figure.texts]
    height = figure.bbox.height
    assert all(box.y0 >= 0 and box.y1 <= height for box in boxes)
    for axes in figure.axes:
        assert not any(axes.get_window_extent().overlaps(box) for box in boxes)
