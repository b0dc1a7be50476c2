import numpy as np

from lenszoo.evaluation import super_resolution_report
from lenszoo.metrics.interpolation import bicubic


def test_scores_below_bicubic_and_above_the_floor_are_said(pairs):
    low, target, truth = pairs
    worse = super_resolution_report(low, target, bicubic(low, 2) + 0.1, truth=truth)
    assert "dB below bicubic interpolation" in worse.summary and "%" not in worse.summary
    assert worse.metrics["share_of_way"] < 0
    above = super_resolution_report(low, target, 0.5 * (truth + target), truth=truth)
    assert "above the noise floor" in above.summary
    assert any("which no network can" in note for note in above.notes)
    equal = super_resolution_report(low, target, target, truth=truth)
    assert "infinite" in equal.summary and equal.metrics["psnr"] is None


def test_psnr_and_ssim_have_panels_of_their_own(report):
    assert [axes.get_title(loc="left") for axes in report.figures[-1].draw().axes] == [
        "Loss",
        "PSNR, dB",
        "Score",
    ]


def test_the_lowest_come_first(report):
    psnr = report.details["psnr"]["model"]
    lines = str(report).split("Lowest PSNR")[1].splitlines()[2:7]
    expected = [f"a/<{i}>.npy" for i in np.argsort(psnr)[:5]]
    assert [line.split()[0] for line in lines] == expected


def test_gallery_spans_lowest_to_highest(report):
    drawn = report.figures[0].draw()
    texts = [text.get_text() for text in drawn.texts]
    for title in ("low", "bicubic", "model", "target", "truth"):
        assert title in texts
    psnr = np.sort(report.details["psnr"]["model"])
    lines = [text for text in texts if text.endswith(" dB")]  # of bicubic, model and truth
    assert lines[1::3] == [f"{psnr[rank]:.2f} dB" for rank in (0, 6, 12, 17, 23)]
    residuals = [axes.images[0] for axes in drawn.axes if axes.images][-2:]
    assert {image.get_clim() for image in residuals} == {residuals[0].get_clim()}
    assert residuals[0].norm.vmin == -residuals[0].norm.vmax
