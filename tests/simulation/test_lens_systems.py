import numpy as np
import pytest
from scipy import stats

from lenszoo.simulation.lens_systems import magnification


def test_magnification_estimate_tends_to_that_of_a_point():
    assert magnification(0.5, 2.0, 1e-4) == pytest.approx(2 * 2.0 / 0.5, rel=1e-3)
    assert magnification(0.0, 2.0, 0.3) == pytest.approx(2 * 2.0 * 0.94 / (0.3 * 0.6), rel=0.4)


def test_central_galaxies_of_both_classes_follow_one_law(drawn):
    alike = np.isin(drawn["kind"], ["elliptical", "companion"])
    lens = drawn["kind"] == "lens"
    for band in "ugri":
        column = drawn[f"central_magnitude_{band}"]
        assert stats.ks_2samp(column[lens], column[alike]).pvalue > 1e-3


def test_sources_are_bluer_than_lenses_but_not_all(drawn):
    lens = drawn["kind"] == "lens"
    colour = {
        k: (drawn[f"{k}_magnitude_g"] - drawn[f"{k}_magnitude_i"])[lens] for k in ("lens", "source")
    }
    assert np.median(colour["lens"]) > np.median(colour["source"]) + 0.8
    assert colour["source"].max() > np.quantile(colour["lens"], 0.05)
