"""Masked numbers, of NumPy and of astropy, and what takes them."""

import numpy as np
import pytest
from astropy.table import Table, join
from astropy.units import Quantity
from astropy.utils.masked import Masked

from lenszoo.data import measure_sky
from lenszoo.errors import LenszooError
from lenszoo.masked import unmasked
from lenszoo.metrics.classification import roc_auc
from lenszoo.metrics.image_quality import mse
from lenszoo.metrics.lens_yield import completeness_by
from lenszoo.simulation import make_galaxies, simulate_galaxies


def test_masked_numbers_are_nan():
    mask = [False, True, False]
    for values in (
        np.ma.array([1, 2, 3], mask=mask),
        np.ma.array([1.0, 2.0, 3.0], mask=mask),
        Masked(np.array([1.0, 2.0, 3.0]), mask=mask),
        Masked(Quantity([1.0, 2.0, 3.0], "deg"), mask=mask),
    ):
        np.testing.assert_array_equal(unmasked(values), [1.0, np.nan, 3.0])
    assert unmasked(np.ma.array([1, 2], np.uint8, mask=[0, 1])).dtype == np.float32
    plain = np.arange(3)
    assert unmasked(plain) is plain and unmasked([1, 2]) == [1, 2] and unmasked(None) is None


def test_a_join_gives_no_galaxy_the_redshift_of_another():
    galaxies = simulate_galaxies("des_grizY", 3, seed=5)
    left = Table({"id": ["a", "b", "c"], "mag_r": [19.0, 19.5, 20.0]})
    right = Table({"id": ["a", "c"], "redshift": [0.31, 0.62]})
    table = join(left, right, "id", join_type="left")
    columns = {name: table[name] for name in ("redshift", "mag_r")}
    read = make_galaxies("des_grizY", galaxies.images, columns, ids=list(table["id"]))
    np.testing.assert_array_equal(read.redshift, [0.31, np.nan, 0.62])
    pixels = np.ma.masked_where(np.arange(galaxies.images.size) == 7, galaxies.images.ravel())
    read = make_galaxies("des_grizY", pixels.reshape(galaxies.images.shape), columns)
    assert np.isnan(read.images.ravel()[7]) and np.isnan(read.images).sum() == 1


def test_no_score_is_of_what_lies_beneath_a_mask():
    images = np.ma.array(np.random.default_rng(0).normal(size=(2, 16, 16, 1)), mask=False)
    images[0, 0, 0, 0] = np.ma.masked
    images.data[0, 0, 0, 0] = 1e6
    with pytest.raises(LenszooError, match="holds NaN or inf"):
        mse(np.zeros(images.shape), images)
    np.testing.assert_allclose(measure_sky(images, "median").level, 0, atol=0.2)
    scores = np.ma.array([0.1, 0.9, 1e20, 0.3], mask=[False, False, True, False])
    with pytest.raises(LenszooError, match="1 of 4 samples have logits that are not finite"):
        roc_auc([0, 1, 0, 1], scores)
    assert completeness_by(scores, [True] * 4).centres.max() < 1
