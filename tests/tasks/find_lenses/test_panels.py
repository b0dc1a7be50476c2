"""Panels of the lens-finding report: purity lines, marks, unknown truth, images of any bands."""

import numpy as np
import pytest
from tinyreports import BANDS, finds, shown


@pytest.mark.parametrize("prevalence", [1e-4, 0.1])
def test_lines_of_equal_purity_have_room_for_their_names(prevalence):
    data = finds()
    report = shown(
        labels=data["labels"], scores=data["scores"]["image only"], prevalence=prevalence
    )
    log = report.figures[-1].draw().axes[1]
    for text in log.texts:
        x, y = text.get_position()
        assert log.get_xlim()[0] < x < 1 < y < log.get_ylim()[1]
    assert bool(log.texts) == (prevalence == 0.1)


def test_unknown_truth_is_left_out():
    given = finds(100)
    truth = given["truth"]
    truth["einstein_radius"][1:41:2] = np.nan
    truth["arc_contrast"][:] = np.nan
    report = shown(labels=given["labels"], scores=given["scores"], truth=truth)
    assert sum(report.details["completeness"]["einstein_radius"]["image only"]["lenses"]) == 30
    assert "arc_contrast" not in report.details["completeness"]
    figure = next(f for f in report.figures if f.name == "completeness")
    assert "20 lenses are left out" in figure.caption


def test_images_of_any_bands_and_bad_pixels():
    given = finds(40)
    for images in (given["images"][..., 0], given["images"][..., :2], given["images"][..., :3]):
        images = images.copy()
        images[:, 2] = np.nan
        report = shown(
            labels=given["labels"], scores=given["scores"], images=images, shortcut=False
        )
        assert any(figure.night for figure in report.figures)


def test_memory_maps_and_float32_are_fine(tmp_path):
    given = finds(40)
    np.save(tmp_path / "images.npy", given["images"])
    images = np.load(tmp_path / "images.npy", mmap_mode="r")
    report = shown(labels=given["labels"], scores=given["scores"], images=images, bands=BANDS)
    captions = [figure.caption for figure in report.figures]
    assert any("Red, green and blue are i, r, g" in caption for caption in captions)
    assert any("where 50 % of the objects are lenses" in caption for caption in captions)
