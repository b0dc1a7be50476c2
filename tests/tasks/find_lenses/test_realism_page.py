"""Page of realism: the most telling pictures are those of the extreme scores; it is drawn."""

import numpy as np
import pytest

from lenszoo.tasks.find_lenses.realism_page import realism_report

VALUES = {
    "probe_auc": 0.8, "probe_interval": [0.7, 0.9], "statistics_auc": 0.6,
    "statistics_interval": [0.5, 0.7], "frechet": 3.0, "frechet_interval": [2.0, 4.0],
    "frechet_floor": 1.0, "frechet_floor_interval": [0.8, 1.2], "frechet_images": 10,
    "frechet_dimensions": 2, "folds": 5, "real": 60, "painted": 60,
}  # fmt: skip


def page(bands, values=VALUES, n=12):
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 2
    return realism_report(
        values,
        ids=[f"object{k}" for k in range(n)],
        images=rng.normal(size=(n, 8, 8, bands)),
        labels=labels,
        scores=np.arange(n) - n / 2,
        bands=None,
        title="A title",
        notes=["A note."],
        provenance={},
    )


@pytest.mark.parametrize("bands", [1, 2, 3, 5])
def test_images_of_any_bands_are_drawn(bands):
    report = page(bands)
    for figure in report.figures:
        drawing = figure.draw()
        drawing.set_dpi(30)
        drawing.canvas.draw()
    assert report.notes == ["A note."]


def test_the_most_telling_are_those_of_extreme_scores():
    words = page(1).figures[0].alt
    assert "real, told best: object0, object2, object4" in words
    assert "painted, told best: object11, object9, object7" in words
    assert "real, told worst: object10" in words
    assert "painted, told worst: object1, object3" in words


def test_reservations():
    easy = VALUES | {"statistics_auc": 0.9, "real": 20}
    notes = " ".join(page(1, easy).notes)
    assert "as well as the embeddings do" in notes and "20 images of a kind are few" in notes
