import numpy as np
import pytest
from paintings import SMALL

from lenszoo.simulation import make_stamps, paint
from lenszoo.simulation.paint_source import Source


def test_stamps_as_sources(galaxies):
    y, x = np.mgrid[:91, :91] - 45
    spots = np.exp(-0.5 * ((x - 6) ** 2 + (y + 3) ** 2) / 2.5**2)
    noise = np.random.default_rng(0).normal(0, 1e-3, x.shape)
    stamps = make_stamps([np.exp(-np.hypot(x, 1.7 * y) / 6.0) + 0.7 * spots + noise])
    lenses = paint(galaxies, 8, seed=4, law=SMALL, stamps=stamps)
    assert len(lenses) > 4
    assert (lenses.truth["source_stamp"] == 0).all()
    flux = 10 ** (0.4 * (30.0 - lenses.truth["source_magnitude_g"]))
    painted = lenses.arcs[..., 0].sum((1, 2))
    np.testing.assert_allclose(painted, lenses.truth["magnification"] * flux, rtol=0.01)
    assert (lenses.truth["magnification"] > 0.9 * SMALL.magnification).all()


def test_unlensed_flux_of_the_body_is_one():
    none = np.zeros((4, 4))
    none[:, 2] = 1.0
    axis = np.arange(-12, 12, 0.01)
    for index, r_eff in ((0.5, 0.1), (1.0, 0.3), (2.5, 0.2)):
        source = Source(1.0, 2.0, 0.0, r_eff, index, 0.2, 0.1, np.zeros(1), none, np.zeros(1))
        total = source.brightness(axis[None, :], axis[:, None]).sum() * 1e-4
        assert total == pytest.approx(1.0, abs=0.004), (index, r_eff)
