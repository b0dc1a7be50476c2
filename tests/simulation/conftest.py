import pytest

from lenszoo.simulation import sample


@pytest.fixture(scope="session")
def sky():
    """900 images of the common-test sky."""
    return sample("common_test_sim", 900, seed=11)
