import math

import numpy as np
import pytest
from keras import ops

from lenszoo.simulation.cosmology import comoving_distance
from lenszoo.simulation.line_of_sight import (
    CHUNK,
    HEAVIEST,
    LineOfSight,
    halo_deflection,
    lightest_mass,
    mean_mass,
    scale_radius,
    source_position,
    squared_einstein_radius,
)
from lenszoo.simulation.trace import sis_deflection

Z_LENS, Z_SOURCE = 0.5, 1.0
FEW = LineOfSight(before=(9, 7), behind=(5,))


def drawn(law=FEW, seed=1):
    arrays, values = law.draw(np.random.default_rng(seed), Z_LENS, Z_SOURCE)
    return {name: array[None] for name, array in arrays.items()}, values


def rays(n=60):
    return np.random.default_rng(3).uniform(-2.0, 2.0, (2, 1, n)).astype(np.float32)


def traced(x, y, arrays, before, theta_e):
    tensors = {name: ops.convert_to_tensor(value) for name, value in arrays.items()}
    done = source_position(
        ops.convert_to_tensor(x),
        ops.convert_to_tensor(y),
        tensors,
        before,
        lambda u, v: sis_deflection(u, v, theta_e),
    )
    return [ops.convert_to_numpy(part)[0] for part in done]


def test_rays_are_those_of_lenstronomys_multi_plane():
    from astropy.cosmology import FlatLambdaCDM
    from lenstronomy.LensModel.lens_model import LensModel

    arrays, _ = drawn()
    for k in range(3):
        arrays[f"halos_{k}"][..., 3] = 0.0  # point masses, which lenstronomy knows
    source = comoving_distance(Z_SOURCE)
    distances = arrays["plane_distance"][0] * source
    grid = np.linspace(0.01, 1.0, 20001)
    redshifts = np.interp(distances, [comoving_distance(z) for z in grid], grid)
    models, planes, setting = ["SIS"], [Z_LENS], [{"theta_E": 1.2}]
    for k, z in enumerate(redshifts[[0, 1, 3]]):
        halos, sheet = arrays[f"halos_{k}"][0], arrays["plane_sheet"][0, k]
        models += ["CONVERGENCE", *["POINT_MASS"] * len(halos)]
        planes += [z] * (1 + len(halos))
        setting.append({"kappa": -sheet})
        setting += [
            {"theta_E": math.sqrt(r2), "center_x": x, "center_y": y} for x, y, r2, _ in halos
        ]
    model = LensModel(
        models, multi_plane=True, z_source=Z_SOURCE, lens_redshift_list=planes,
        cosmo=FlatLambdaCDM(H0=70, Om0=0.3),
    )  # fmt: skip
    x, y = rays()
    for c in setting[:1]:
        c |= {"center_x": 0.0, "center_y": 0.0}
    theirs = model.ray_shooting(x[0].astype(float), y[0].astype(float), setting)
    for ours, expected in zip(traced(x, y, arrays, 2, 1.2), theirs, strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-3)
        assert np.median(np.abs(ours - expected)) < 2e-5


def test_massless_halos_leave_the_lens_alone():
    arrays, _ = drawn()
    for k in range(3):
        arrays[f"halos_{k}"][..., 2] = 0.0
    arrays["plane_sheet"][:] = 0.0
    x, y = rays()
    bx, by = traced(x, y, arrays, 2, 1.2)
    r = np.hypot(x[0], y[0])
    np.testing.assert_allclose(bx, x[0] * (1 - 1.2 / r), atol=1e-5)
    np.testing.assert_allclose(by, y[0] * (1 - 1.2 / r), atol=1e-5)


@pytest.mark.parametrize("n", [1, CHUNK, CHUNK + 3])
def test_deflection_of_plummer_halos(n):
    rng = np.random.default_rng(n)
    halos = np.abs(rng.normal(0.0, 0.5, (2, n, 4))).astype(np.float32)
    x, y = rays(11)
    ax, ay = (
        ops.convert_to_numpy(part)
        for part in halo_deflection(*map(ops.convert_to_tensor, (x, y, halos)))
    )
    dx, dy = (p[..., None] - halos[:, None, :, i] for i, p in enumerate((x, y)))
    scale = halos[:, None, :, 2] / (dx**2 + dy**2 + halos[:, None, :, 3])
    np.testing.assert_allclose(ax, (scale * dx).sum(-1), rtol=2e-5, atol=1e-5)
    np.testing.assert_allclose(ay, (scale * dy).sum(-1), rtol=2e-5, atol=1e-5)


def test_the_sheet_is_the_mean_of_the_halos():
    """Convergence of a field of radius R, on average: sum of theta_E^2 over R^2."""
    own, sheets = [], []
    for seed in range(300):
        arrays, _ = drawn(LineOfSight(before=(60,), behind=(60,)), seed)
        radius = (2.6, 2.6 * 0.5 * 1889 / 2597 + 0.8 * 0.5)  # halfway between lens and source
        own.append([arrays[f"halos_{k}"][0, :, 2].sum() / radius[k] ** 2 for k in range(2)])
        sheets.append(arrays["plane_sheet"][0])
    error = np.std(own, 0) / np.sqrt(len(own))
    assert (error < 0.1 * np.mean(own, 0)).all()
    assert (np.abs(np.mean(own, 0) - np.mean(sheets, 0)) < 3 * error + 1e-3 * np.mean(own, 0)).all()


class TestLaw:
    def test_number_above_the_lightest_is_the_density(self):
        low = lightest_mass(500.0, 0.3)
        mass = np.geomspace(low, HEAVIEST, 20001)
        # dN / dln m = 6.5 (1 + 0.29 z) (m / 1e8)^-0.9 a comoving Mpc^3
        counts = 6.5 * (1 + 0.29 * 0.3) * (mass / 1e8) ** -0.9
        assert np.trapezoid(counts, np.log(mass)) == pytest.approx(500.0, rel=1e-4)
        assert 0.8e6 < low < 1.3e6

    def test_mean_mass(self):
        mass = np.geomspace(1e6, HEAVIEST, 200001)
        weight = mass**-1.9
        expected = np.trapezoid(weight * mass, mass) / np.trapezoid(weight, mass)
        assert mean_mass(1e6) == pytest.approx(expected, rel=1e-3)

    def test_einstein_radius_of_a_point_mass(self):
        from astropy import constants, units
        from astropy.cosmology import FlatLambdaCDM

        cosmology = FlatLambdaCDM(H0=70, Om0=0.3, Tcmb0=0)
        lens, source = (cosmology.angular_diameter_distance(z) for z in (Z_LENS, Z_SOURCE))
        near, far = (cosmology.comoving_distance(z) for z in (Z_LENS, Z_SOURCE))
        between = (far - near) / (1 + Z_SOURCE)
        mass = 1e9 * units.Msun
        squared = 4 * constants.G * mass / constants.c**2 * between / (lens * source)
        expected = squared.to_value(units.dimensionless_unscaled) / (np.pi / 180 / 3600) ** 2
        ours = squared_einstein_radius(
            1e9, comoving_distance(Z_LENS), Z_LENS, comoving_distance(Z_SOURCE)
        )
        assert ours == pytest.approx(expected, rel=1e-3)

    def test_scale_radius_of_a_dwarf(self):
        assert 1e6 * scale_radius(1e8, 0.5) == pytest.approx(530, rel=0.1)  # pc

    def test_planes_lie_in_order_and_halos_in_the_field(self):
        arrays, values = drawn(LineOfSight())
        assert sum(array.shape[1] for name, array in arrays.items() if "halos" in name) == 1000
        distance = arrays["plane_distance"][0]
        assert len(distance) == 8 and (np.diff(distance) > 0).all() and distance[-1] < 1
        for k in range(7):
            halos = arrays[f"halos_{k}"][0]
            assert np.hypot(halos[:, 0], halos[:, 1]).max() <= 2.6
            assert (halos[:, 2:] > 0).all()
        assert 1e6 < values["los_lightest_halo"] < 1e7
        # a share of 0.15 of the matter in the field, see the law: some 10^10 solar masses
        assert 3e9 < values["los_mass"] < 1e11
