import numpy as np
import pytest
from astropy import constants, units
from astropy.cosmology import FlatLambdaCDM

from lenszoo.simulation.cosmology import comoving_distance, deflection_ratio, einstein_radius

COSMOLOGY = FlatLambdaCDM(H0=70, Om0=0.3, Ob0=0.05)


@pytest.mark.parametrize("z", [0.0, 0.4, 0.5, 1.0, 2.5])
def test_distances_are_astropys(z):
    assert comoving_distance(z) == pytest.approx(COSMOLOGY.comoving_distance(z).value, rel=1e-7)


@pytest.mark.parametrize(("z_lens", "z_source"), [(0.5, 1.0), (0.4, 1.2), (0.6, 0.8)])
def test_einstein_radius_is_deeplensesims(z_lens, z_source):
    d_l, d_s = (COSMOLOGY.luminosity_distance(z).to(units.m) for z in (z_lens, z_source))
    angle = np.sqrt(
        4 * constants.G * 1e12 * constants.M_sun / constants.c**2 * (d_s - d_l) / (d_l * d_s)
    )
    assert einstein_radius(1e12, z_lens, z_source) == pytest.approx(angle.value * 206265, rel=1e-6)


def test_einstein_radius_grows_with_the_root_of_the_mass():
    assert einstein_radius(1e12, 0.5, 1.0) == pytest.approx(1.281, abs=1e-3)
    assert einstein_radius(4e12, 0.5, 1.0) == pytest.approx(2 * einstein_radius(1e12, 0.5, 1.0))


def test_deflection_ratio_is_that_of_angular_diameter_distances():
    def share(z):
        lens, source = COSMOLOGY.comoving_distance([0.5, z])
        d_ls = (source - lens) / (1 + z)  # between the planes, in a flat universe
        return (d_ls / COSMOLOGY.angular_diameter_distance(z)).value

    assert deflection_ratio(0.5, 1.0, 2.5) == pytest.approx(share(1.0) / share(2.5), rel=1e-7)
    assert deflection_ratio(0.5, 1.3, 1.3) == 1.0
