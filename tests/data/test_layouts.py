"""Layouts of surveys: the Bologna challenge, with bands in files of their own."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from oneline import one_line

from lenszoo.data import read_catalogue

SIDE, BANDS = 24, ("U", "G", "R", "I")


def _fails(message: str, path: Path, **options) -> str:
    return one_line(message, lambda: read_catalogue(path, **options))


@pytest.fixture
def bologna(tmp_path) -> Callable[..., Path]:
    """Return a maker of ground frames in the challenge's layout: flux 1e-12, masks of 100."""

    def make(lack: tuple[str, ...] = ()) -> Path:
        rng = np.random.default_rng(2)
        rows = "ID,is_lens,Einstein_area,numb_pix_lensed_image,flux_lensed_image_in_sigma\n"
        for i, lens in ((100002, 1), (100003, 0), (100004, 0)):
            rows += f"{i},{lens},6.04E-10,{51 * lens},{57.6 * lens}\n"
            for number, band in enumerate("RIGU", 1):
                data = rng.normal(0, 1e-12, (SIDE, SIDE)).astype(np.float32)
                data[:2, :5] = 100 if i == 100003 else 0
                folder = tmp_path / ("lens" if lens else "nolens") / f"Band{number}"
                folder.mkdir(parents=True, exist_ok=True)
                name = f"imageSDSS_{band}-{i}.fits"
                if name not in lack:
                    fits.writeto(folder / name, data)
        (tmp_path / "ground.csv").write_text(rows)
        return tmp_path / "ground.csv"

    return make


def test_bologna_ground_frames(bologna, tmp_path):
    cutouts = read_catalogue(bologna(), layout="bologna_ground")
    assert cutouts.ids == ("100002", "100003", "100004")
    assert cutouts.bands == BANDS
    assert cutouts.labels.tolist() == [1, 0, 0]
    assert cutouts.images.shape == (3, SIDE, SIDE, 4)
    assert cutouts.bad_counts.tolist() == [0, 40, 0]
    assert cutouts.images.std() == pytest.approx(1e-2, rel=0.1)  # maggies, now of zero point 25
    masked = cutouts.images[1, 0, 0]
    np.testing.assert_allclose(masked, np.median(cutouts.images[1], (0, 1)), atol=1e-3)
    u_band = fits.getdata(tmp_path / "lens" / "Band4" / "imageSDSS_U-100002.fits")
    np.testing.assert_allclose(cutouts.images[0, ..., 0], u_band * 1e10, rtol=1e-5)
    given = read_catalogue(tmp_path / "ground.csv", layout="bologna_ground", bands=["R"])
    np.testing.assert_array_equal(given.images[..., 0], cutouts.images[..., 2])


def test_a_band_that_is_missing(bologna):
    path = bologna(lack=("imageSDSS_G-100004.fits", "imageSDSS_U-100004.fits"))
    text = _fails("id '100004' has no image in band U, G (1 of 3", path, layout="bologna_ground")
    assert "on_missing='skip'" in text
    skipped = read_catalogue(path, layout="bologna_ground", on_missing="skip")
    assert skipped.ids == ("100002", "100003")
    assert len(skipped.table) == len(skipped.labels) == 2
    blank = read_catalogue(path, layout="bologna_ground", on_missing="blank")
    assert blank.ids == ("100002", "100003", "100004")
    assert blank.bad_counts[2] == 2 * SIDE * SIDE
    assert not blank.images[2, ..., :2].any()
    assert blank.images[2, ..., 2:].any()
    strict = {"layout": "bologna_ground", "on_missing": "blank", "on_bad": "raise"}
    _fails("40 NaN", path, **strict)  # the masked frame comes first


def test_bands_of_different_size_and_a_truncated_file(bologna, tmp_path):
    path = bologna()
    file = tmp_path / "nolens" / "Band1" / "imageSDSS_R-100003.fits"
    whole = file.read_bytes()
    fits.writeto(file, np.zeros((9, 9), np.float32), overwrite=True)
    text = _fails("imageSDSS_R-100003.fits: 9 x 9 pixels", path, layout="bologna_ground")
    assert "imageSDSS_U-100003.fits is 24 x 24" in text
    file.write_bytes(whole[:4000])
    _fails("imageSDSS_R-100003.fits: truncated", path, layout="bologna_ground")
