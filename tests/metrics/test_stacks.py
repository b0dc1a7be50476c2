import numpy as np
import pytest
from oneline import one_line

from lenszoo.errors import LenszooError
from lenszoo.metrics import image_quality as iq
from lenszoo.metrics import stacks
from lenszoo.metrics.interpolation import bicubic


def draw(shape=(5, 40, 33, 2), seed=0, noise=0.1, dtype=np.float32):
    rng = np.random.default_rng(seed)
    target = rng.random(shape) ** 3
    return target.astype(dtype), (target + rng.normal(0, noise, shape)).astype(dtype)


def test_chunks_change_nothing(monkeypatch, tmp_path):
    target, image = draw((7, 20, 20, 1))
    np.save(tmp_path / "target.npy", target)
    mapped = np.load(tmp_path / "target.npy", mmap_mode="r")
    variance = np.full(target.shape, 0.01)
    inside = iq.bright_pixels(target)

    def everything(goal):
        return [
            iq.mse(goal, image),
            iq.ssim(goal, image, data_range=1),
            iq.flux_error(image, goal, aperture=inside),
            iq.residual_chi_square(image, goal, variance),
            iq.power_spectrum(goal)[1],
            bicubic(goal, 2),
            iq.bright_pixels(goal),
        ]

    whole = everything(target)
    monkeypatch.setattr(stacks, "CHUNK_PIXELS", 900)
    for a, b in zip(whole, everything(mapped), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)


def test_the_first_broken_image_is_named(monkeypatch):
    monkeypatch.setattr(stacks, "CHUNK_PIXELS", 1)
    target, image = draw((5, 12, 12, 1))
    image[3, 2, 2] = np.nan
    image[4] = np.inf
    for metric in (
        lambda: iq.mse(target, image),
        lambda: iq.psnr(target, image, data_range=1),
        lambda: iq.ssim(target, image, data_range=1),
        lambda: iq.flux_error(image, target),
        lambda: iq.residual_chi_square(image, target, 1.0),
        lambda: iq.power_spectrum(image),
    ):
        with pytest.raises(LenszooError, match=r"Row 3 of the images holds NaN"):
            metric()


def test_shapes_must_agree():
    target, image = draw((5, 12, 12, 1))
    for metric in (iq.mse, iq.flux_error, iq.power_spectrum_ratio):
        with pytest.raises(LenszooError, match=r"have shape .*one shape|of one shape"):
            metric(target, image[:1])  # would broadcast
    one_line(
        "pass numbers of shape (n, height, width, bands)",
        lambda: iq.mse(target[..., 0], image[..., 0]),
    )
    one_line("at least 11 x 11", lambda: iq.ssim(target[:, :10], image[:, :10], data_range=1))
    one_line("4 pixels a side", lambda: iq.power_spectrum(target[:, :3]))
