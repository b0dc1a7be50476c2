import logging
from dataclasses import replace

import numpy as np
from astropy.io import fits
from tinyupscaler import tiny_upscaler

from lenszoo.inference.upscaling import open_upscaler, upscale
from lenszoo.trained_scale import InputScale


def test_another_pixel_scale_and_noise_are_told_of_once(tmp_path, caplog):
    upscaler = replace(
        open_upscaler(tiny_upscaler()),
        pixel_scale=0.1,
        inputs=InputScale((0.002,), (0.0,), (1.0,)),
    )
    head = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"})
    head.update({"CD1_1": -0.03 / 3600, "CD2_2": 0.03 / 3600, "CD1_2": 0.0, "CD2_1": 0.0})
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
