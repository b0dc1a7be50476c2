"""Super-resolution report: networks whose score is known beforehand, and its words."""

import json
from pathlib import Path

import golden_files
import numpy as np
import pytest
import tinyreports
from tinyreports import NOISE, words

from lenszoo.errors import LenszooError
from lenszoo.evaluation import super_resolution_report
from lenszoo.metrics import image_quality as iq
from lenszoo.metrics.interpolation import bicubic


def test_its_words_are_those_of_the_golden_file(report):
    golden_files.compare("report.txt", words(report), Path(__file__).parent / "golden")


def test_metrics_are_means_over_the_images(report, pairs):
    low, target, truth = pairs
    predicted, got = 0.5 * truth + 0.5 * bicubic(low, 2), report.metrics
    assert got["psnr"] == pytest.approx(iq.psnr(target, predicted, data_range=1).mean())
    assert got["ssim"] == pytest.approx(iq.ssim(target, predicted, data_range=1).mean())
    assert got["mse"] == pytest.approx(iq.mse(target, predicted).mean())
    plain = bicubic(low, 2)
    assert got["bicubic"]["psnr"] == pytest.approx(iq.psnr(target, plain, data_range=1).mean())
    assert got["truth"]["psnr"] == pytest.approx(iq.psnr(truth, predicted, data_range=1).mean())
    base = got["truth"]["bicubic"]["ssim"]
    assert base == pytest.approx(iq.ssim(truth, plain, data_range=1).mean())
    flux = np.abs(iq.flux_error(predicted, truth))
    assert got["flux_error"] == pytest.approx(np.median(flux))
    ring = iq.flux_error(predicted, truth, aperture=iq.bright_pixels(truth))
    assert got["ring_flux_bias"] == pytest.approx(np.median(ring))
    assert (got["n"], got["scale"], got["bands"], got["data_range"]) == (24, 2, 1, 1.0)


def test_the_noise_floor_is_the_noise(report):
    floor = report.metrics["floor"]
    assert floor["psnr"] == pytest.approx(-20 * np.log10(NOISE), abs=0.1)
    assert floor["chi_square"] == pytest.approx(1, abs=0.02)
    assert report.metrics["chi_square"] > 1.02
    assert 0 < report.metrics["share_of_way"] < 1
    assert report.metrics["psnr"] < floor["psnr"]


def test_a_perfect_network_goes_all_the_way_and_bicubic_none(pairs):
    low, target, truth = pairs
    perfect = super_resolution_report(low, target, truth, truth=truth).metrics
    assert perfect["share_of_way"] == 1
    assert perfect["psnr"] == perfect["floor"]["psnr"]
    assert perfect["flux_error"] == 0
    assert perfect["truth"]["psnr"] is None  # infinite
    assert perfect["truth"]["ssim"] == pytest.approx(1)
    assert perfect["intervals"]["truth"]["psnr"] is None
    assert perfect["intervals"]["share_of_way"] == [1, 1]
    assert set(perfect["power_spectrum_ratio"]["model"]) == {1.0}
    plain = super_resolution_report(low, target, bicubic(low, 2), truth=truth)
    assert plain.metrics["share_of_way"] == 0
    assert plain.metrics["intervals"]["gain"] == [0, 0]
    assert plain.metrics["psnr"] == plain.metrics["bicubic"]["psnr"]
    assert "not clearly apart from bicubic" in plain.summary


def test_intervals_hold_the_values(report):
    bounds, got = report.metrics["intervals"], report.metrics
    for values, limits in (
        (got, bounds),
        (got["bicubic"], bounds["bicubic"]),
        (got["floor"], bounds["floor"]),
        (got["truth"], bounds["truth"]),
        (got["truth"]["bicubic"], bounds["truth"]["bicubic"]),
    ):
        for key in ("psnr", "ssim", "mse"):
            low, high = limits[key]
            assert low < values[key] < high
    low, high = bounds["share_of_way"]
    assert low < got["share_of_way"] < high
    # pairs are resampled together, so the gain is known better than either score
    gain = np.ptp(bounds["gain"])
    assert bounds["gain"][0] < got["psnr"] - got["bicubic"]["psnr"] < bounds["gain"][1]
    again = np.ptp(bounds["psnr"]) + np.ptp(bounds["bicubic"]["psnr"])
    assert gain < again


def test_the_range_shifts_psnr(pairs):
    low, target, truth = pairs
    one, ten = (
        super_resolution_report(low, target, truth, truth=truth, data_range=r) for r in (1, 10.0)
    )
    assert ten.metrics["psnr"] - one.metrics["psnr"] == pytest.approx(20)
    assert "data range of 10" in ten.summary


def test_saved_report(report, tmp_path, check_self_contained):
    page = report.save(tmp_path).read_text()
    names = {"examples", "psnr", "power_spectrum", "history"}
    assert {path.stem for path in tmp_path.glob("*.png")} == names
    parsed = check_self_contained(page)
    assert [tag for tag, _ in parsed.tags].count("img") == len(names)
    assert "One &amp; &lt;two&gt;" in page
    content = json.loads((tmp_path / "report.json").read_text())  # strict: no NaN
    assert content["metrics"] == report.metrics
    assert content["kind"] == "super_resolution"
    assert content["provenance"]["weights"] == "srcnn.x"
    assert len(content["details"]["psnr"]["model"]) == 24
    assert content["details"]["history"]["val_psnr"] == [30, 33]


@pytest.mark.parametrize(("bands", "scale", "known"), [(3, 4, False), (2, 1, True), (1, 2, False)])
def test_bands_scales_and_unknown_truth(bands, scale, known):
    low, target, truth = tinyreports.pairs(3, 24, scale, bands)
    report = super_resolution_report(
        low, target, truth, truth=truth if known else None, zero=-0.1, data_range=2
    )
    got, notes = report.metrics, " ".join(report.notes)
    assert (got["scale"], got["bands"]) == (scale, bands)
    assert ("first of" in notes) == (bands > 1)
    assert "pixels of -0.1 as no flux" in notes
    assert (got["floor"] is None) == (got["truth"] is None) == (not known)
    assert (got["share_of_way"] is None) == ("noise floor is unknown" in notes) == (not known)
    assert got["chi_square"] is None and "No residual chi-square" in notes
    assert got["power_spectrum_ratio"]["reference"] == ("truth" if known else "target")
    for figure in report.figures:
        assert len(figure.png) > 5000


def test_a_single_pair_has_no_intervals():
    low, target, truth = tinyreports.pairs(1)
    report = super_resolution_report(low, target, truth)
    assert report.metrics["intervals"] is None
    assert "1 image" in report.summary
    assert [len(figure.png) > 5000 for figure in report.figures] == [True] * 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": np.s_[:, :-1]}, "no whole multiple|of one shape"),
        ({"target": np.s_[:5]}, "of one shape|no whole multiple"),
        ({"predicted": np.s_[:, ::2]}, "The predicted images have shape"),
        ({"truth": np.s_[:3]}, "The truth images have shape"),
        ({"low": np.s_[:, :15]}, "no whole multiple"),
        ({"low": np.s_[..., 0]}, r"low-resolution images have shape .* pass numbers of shape"),
        ({"ids": ["a"]}, "1 ids but 24 targets"),
        ({"data_range": 0}, "data_range must be"),
        ({"variance": np.zeros(1)}, "must be positive"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(pairs, change, message):
    given = dict(zip(("low", "target", "truth"), pairs, strict=True))
    given["predicted"] = given["truth"]
    for key, value in change.items():
        given[key] = given[key][value] if key in given else value
    with pytest.raises(LenszooError, match=message) as caught:
        super_resolution_report(**given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["low", "target", "predicted", "truth"])
def test_broken_pixels_are_named(pairs, name):
    given = dict(zip(("low", "target", "truth"), pairs, strict=True))
    given["predicted"] = given["truth"]
    given[name] = given[name].copy()
    given[name][7, 3, 3] = np.nan
    with pytest.raises(LenszooError, match=r"Row 7 of the .* holds NaN"):
        super_resolution_report(**given)


def test_a_memory_map_will_do(pairs, tmp_path):
    mapped = []
    for i, image in enumerate(pairs):
        np.save(tmp_path / f"{i}.npy", image)
        mapped.append(np.load(tmp_path / f"{i}.npy", mmap_mode="r"))
    low, target, truth = pairs
    expected = super_resolution_report(low, target, truth, truth=truth)
    found = super_resolution_report(mapped[0], mapped[1], mapped[2], truth=mapped[2])
    assert found.metrics == expected.metrics
