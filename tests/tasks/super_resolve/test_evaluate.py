"""``evaluate`` of a super-resolution network: on a sky, on pairs in folders, on fine images."""

import numpy as np
import pytest

from lenszoo import build_model, evaluate
from lenszoo.errors import LenszooError
from lenszoo.simulation import sample
from lenszoo.tasks.super_resolve.task import SuperResolveTask

pytestmark = pytest.mark.usefixtures("blank_figures")


@pytest.fixture(scope="module")
def model():
    return build_model("srcnn", input_shape=(None, None, 1), width=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folders of four coarse images of 20 pixels and fine ones of 40."""
    root, rng = tmp_path_factory.mktemp("pairs"), np.random.default_rng(0)
    for name, side in (("low", 20), ("high", 40)):
        (root / name).mkdir()
        for k in range(4):
            np.save(root / name / f"{k}.npy", rng.random((1, side, side)))
    return root


def test_a_sky_is_scored_as_in_a_release(model):
    report = evaluate(model, preset="sr_75_150", images=3, seed=5)
    pairs = SuperResolveTask.sample(model, "sr_75_150", 3, 5)
    assert report.metrics["psnr"] == pytest.approx(SuperResolveTask.figure(model, pairs), rel=1e-5)
    assert report.metrics["floor"]["psnr"] > report.metrics["bicubic"]["psnr"]
    assert report.provenance["preset"] == "sr_75_150" and report.title == "srcnn on 3 pairs"
    drawn = evaluate(model, sample("sr_75_150", 3, 5))
    assert drawn.metrics["n"] == 3


def test_folders_of_pairs_and_of_fine_images(model, folder):
    pairs = evaluate(model, folder)
    assert pairs.metrics["n"] == 4 and pairs.metrics["scale"] == 2
    fine = evaluate(model, folder / "high")
    # coarse images that belong to the fine ones
    assert fine.metrics["bicubic"]["psnr"] > pairs.metrics["bicubic"]["psnr"]
    assert "means of 2 x 2 pixels" in str(fine.provenance["data"])


def test_what_does_not_fit_is_one_line(model, folder):
    four = build_model("srcnn", input_shape=(None, None, 1), width=4, scale=4)
    for network, data, options, told in (
        (four, folder, {}, "makes 4 times the pixels"),
        (model, folder, {"tta": True}, "tta= does not apply"),
        (model, sample("common_test_sim", 3), {}, "sky of pairs"),
        (model, folder / "nowhere", {}, "nowhere"),
        (model, (np.zeros((2, 8, 8, 1)), np.zeros((2, 16, 16, 1))), {}, "not scored on a tuple"),
    ):
        with pytest.raises(LenszooError, match=told) as error:
            evaluate(network, data, **options)
        assert "\n" not in str(error.value)
