import numpy as np
import pytest
from paintings import SMALL

from lenszoo.simulation import get_preset, paint, sample, simulate_galaxies
from lenszoo.simulation.random import scene_generator


@pytest.fixture(scope="session")
def sky():
    """900 images of the common-test sky."""
    return sample("common_test_sim", 900, seed=11)


@pytest.fixture(scope="session")
def drawn():
    """Truth of 500 scenes of lens_finding_easy, without pixels."""
    preset = get_preset("lens_finding_easy")
    scenes = [preset.draw(scene_generator(3, i), preset.classes[i % 2], 1.0) for i in range(500)]
    return {k: np.array([s.values[k] for s in scenes]) for k in scenes[0].values}


@pytest.fixture(scope="session")
def galaxies():
    return simulate_galaxies("cfhtls_gri", 12, seed=3)


@pytest.fixture(scope="session")
def lenses(galaxies):
    return paint(galaxies, 24, seed=5, law=SMALL)


@pytest.fixture(scope="session")
def simulated():
    """Three galaxies to paint on, in the bands of the Legacy Surveys."""
    return simulate_galaxies("legacy_grz", 3, seed=2)


@pytest.fixture
def parts(simulated):
    """Cutouts and columns of the three galaxies, free to be spoilt."""
    columns = {
        "redshift": simulated.redshift.copy(),
        "velocity_dispersion": simulated.velocity_dispersion.copy(),
        "mag_r": simulated.magnitude[:, 1].copy(),
    }
    return simulated.images.copy(), columns
