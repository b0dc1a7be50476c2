import numpy as np
import pytest

from lenszoo.simulation import (
    get_survey,
    simulate_galaxies,
)

SURVEY = "legacy_grz"


@pytest.fixture(scope="module")
def simulated():
    return simulate_galaxies(SURVEY, 3, seed=2)


def test_measured(simulated):
    assert len(simulated) == 3
    expected = [band.sky_rms(0.262) for band in get_survey(SURVEY).bands]
    np.testing.assert_allclose(np.median(simulated.rms, axis=0), expected, rtol=0.2)
    assert np.median(np.abs(simulated.centre)) < 0.05
    assert simulated.take([2, 0]).ids == ("2", "0")


def test_same_galaxies_again(simulated):
    again = simulate_galaxies(SURVEY, 2, seed=2)
    np.testing.assert_array_equal(again.images, simulated.images[:2])
