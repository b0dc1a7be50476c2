import logging
from dataclasses import replace

import numpy as np
from astropy.io import fits
from tinyupscaler import tiny_upscaler

from lenszoo.inference.upscaling import open_upscaler, upscale
from lenszoo.trained_scale import InputScale


def _header(scale):
    head = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"})
    head.update({"CD1_1": -scale / 3600, "CD2_2": scale / 3600, "CD1_2": 0.0, "CD2_1": 0.0})
    return head


def test_another_pixel_scale_and_noise_are_told_of_once(tmp_path, caplog):
    upscaler = replace(
        open_upscaler(tiny_upscaler()),
        pixel_scale=0.1,
        inputs=InputScale((0.002,), (0.0,), (1.0,)),
    )
    head = _header(0.03)
    image = np.random.default_rng(0).normal(0.0, 0.05, (40, 40)).astype(np.float32)
    image[20, 20] = 1.0
    for name in "ab":
        fits.writeto(tmp_path / f"{name}.fits", image, head)
    paths = [tmp_path / f"{name}.fits" for name in "ab"]
    with caplog.at_level(logging.WARNING, "lenszoo"):
        upscale(upscaler, paths, tmp_path / "out")
    scale, noise = [record.getMessage() for record in caplog.records]
    assert "a.fits: 0.03 arcsec a pixel, but tiny learned at 0.1" in scale
    assert "but tiny learned at 0.002: do not trust the details" in noise


def test_every_file_is_looked_at_in_the_hdu_that_is_upscaled(tmp_path, caplog):
    upscaler = replace(open_upscaler(tiny_upscaler()), pixel_scale=0.1)
    image, paths = np.random.default_rng(0).random((20, 20), np.float32), []
    for k, scale in enumerate((0.1, 0.2, 0.2, 0.4)):
        science = fits.ImageHDU(image, _header(scale), name="A")
        other = fits.ImageHDU(image, _header(0.1), name="B")
        paths.append(tmp_path / f"{k}.fits")
        fits.HDUList([fits.PrimaryHDU(), science, other]).writeto(paths[-1])
    with caplog.at_level(logging.WARNING, "lenszoo"):
        upscale(upscaler, paths, tmp_path / "out", hdu="A")
    lines = [record.getMessage() for record in caplog.records if record.name == "lenszoo"]
    assert [line.partition(" arcsec")[0].rpartition("/")[2] for line in lines] == [
        "1.fits[A]: 0.2",
        "3.fits[A]: 0.4",
    ]
