import logging

import numpy as np
import pytest
from cutshort import train_whole_and_cut

from lenszoo import evaluate
from lenszoo.data import degrade, make_pairs, normalise
from lenszoo.errors import LenszooError
from lenszoo.metrics import image_quality
from lenszoo.metrics.interpolation import bicubic
from lenszoo.pretrained.loading import build_model, load_model
from lenszoo.simulation import sample
from lenszoo.tasks.super_resolve.data import open_pairs
from lenszoo.tasks.super_resolve.task import SuperResolveTask
from lenszoo.training import Recipe, train

pytestmark = pytest.mark.usefixtures("blank_figures")

SRCNN = {"model": "srcnn", "options": {"width": 8}}
SRGAN = {
    "model": "srgan",
    "options": {"width": 8, "discriminator_width": 4},
    "adversarial": {"average": 0.5},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Fine images of 40 pixels, and coarse ones beside them."""
    root = tmp_path_factory.mktemp("pairs")
    fine = sample("common_test_sim", 12, seed=1).images[:, 55:95, 55:95]
    for name, images in (("high", fine), ("low", degrade(fine, 2))):
        (root / name).mkdir()
        for i, image in enumerate(images):
            np.save(root / name / f"{i}.npy", image[..., 0])
    return root


def fields(folder, network=SRCNN, **changes):
    data = {"high": str(folder / "high"), "low": str(folder / "low"), "patch": 12, "patches": 2}
    return {
        "task": "super_resolve",
        "epochs": 2,
        "batch_size": 8,
        "optimizer": {"learning_rate": 3e-3},
        "data": data,
        "seed": 5,
        **network,
        **changes,
    }


def test_a_run_learns_reports_and_loads(folder, tmp_path):
    result = train(fields(folder, epochs=20, loss={"mae": 0.8, "ssim": 0.2}), tmp_path / "run")
    scores = [row["val_psnr"] for row in result.history]
    assert scores[-1] > scores[0] + 3
    assert result.metrics["psnr"] == pytest.approx(max(scores), abs=0.01)
    assert result.metrics["n"] == 2
    model = load_model(tmp_path / "run")
    assert model(np.zeros((1, 7, 9, 1), np.float32)).shape == (1, 14, 18, 1)
    assert (tmp_path / "run" / "report.html").exists()


@pytest.mark.slow
def test_a_run_that_was_cut_ends_the_same(folder, tmp_path):
    """With an adversary, whose discriminator and average have to go on as well."""
    train_whole_and_cut(SuperResolveTask, Recipe(**fields(folder, SRGAN)), tmp_path)


def test_pairs_made_of_fine_images(folder):
    data = {"high": str(folder / "high"), "degrade": {"factor": 4, "psf_fwhm": 3.0}, "patch": 5}
    source = open_pairs(Recipe(**fields(folder) | {"data": data}))
    assert source.scale == 4
    low, high = source.epoch(0)[0]
    assert (low.shape[1:], high.shape[1:]) == ((5, 5, 1), (20, 20, 1))
    model = SuperResolveTask(Recipe(**fields(folder) | {"data": data})).build()
    assert model.output_shape == (None, None, None, 1)
    assert model(low).shape == high.shape


def test_fine_images_are_degraded_as_in_training_when_they_are_scored(folder, tmp_path, caplog):
    how = {"factor": 2, "psf_fwhm": 3.0, "noise": 0.01}
    data = {"high": str(folder / "high"), "degrade": how, "patch": 12, "patches": 2}
    train(fields(folder, epochs=1, data=data), tmp_path / "run")
    with caplog.at_level(logging.INFO, "lenszoo"):
        report = evaluate(tmp_path / "run", folder / "high", seed=7)
    told = "means of 2 x 2 pixels, blurred first (FWHM of 3 fine pixels), noise of 0.01 added"
    assert f"made as in training: {told}." in caplog.text
    assert told in report.provenance["data"]
    pairs = make_pairs(folder / "high", **how, seed=7)
    low, high = normalise(pairs.images, pairs.targets)
    psnr = image_quality.psnr(high, bicubic(low, 2), data_range=1).mean()
    assert report.metrics["bicubic"]["psnr"] == pytest.approx(psnr, abs=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "simple_cnn", "options": {}}, "simple_cnn makes no images"),
        ({"options": {"scale": 4}}, "options.scale 4 is not that of the pairs, 2"),
        ({"input_shape": (12, 12, 1)}, r"\(12, 12, 1\) is not that of the images, \(20, 20, 1\)"),
        ({"loss": "psnr"}, "psnr"),
        ({"data": {"preset": "common_test_sim"}}, "is no sky of pairs; these are: sr_75_150"),
    ],
)
def test_bad_recipes_are_one_line(folder, tmp_path, change, message):
    with pytest.raises(LenszooError, match=message) as caught:
        train(fields(folder) | change, tmp_path / "run")
    assert "\n" not in str(caught.value)


def test_a_srgan_starts_from_its_generators_weights(folder, tmp_path):
    network = {"model": "srresnet_1", "options": {"width": 8}}
    train(fields(folder, network, epochs=1), tmp_path / "mse")
    start = load_model(tmp_path / "mse")
    recipe = fields(folder, SRGAN, weights=str(tmp_path / "mse"), epochs=1)
    model = SuperResolveTask(Recipe(**recipe)).build()
    images = np.random.default_rng(0).random((2, 9, 9, 1), dtype=np.float32)
    np.testing.assert_allclose(model(images), start(images), atol=1e-6)
    assert build_model("srgan", **SRGAN["options"]).generator.count_params() == start.count_params()
