import numpy as np
import pytest
from lenstronomy.LensModel.lens_model import LensModel
from paintings import SMALL, drawn
from scipy.optimize import brentq

from lenszoo.simulation.paint_lens import Lens, _from_triangles, image_positions, largest_separation


def random_lenses(n):
    """Lenses with strong shear, and points behind them."""
    rng = np.random.default_rng(3)
    for _ in range(n):
        e, gamma, beta = (
            size * np.exp(1j * rng.uniform(0, 2 * np.pi))
            for size in (rng.uniform(0, 0.4), rng.uniform(0, 0.15), 0.7 * rng.random() ** 0.5)
        )
        radius = rng.uniform(0.3, 4.0)
        yield Lens(radius, e.real, e.imag, gamma.real, gamma.imag), radius * beta


def critical(lens, angle):
    """Point of the critical curve in a direction, and the direction in which images merge there."""

    def jacobian(radius, h=1e-5):
        x, y = radius * np.cos(angle), radius * np.sin(angle)
        x, y = x + h * np.array([1, -1, 0, 0]), y + h * np.array([0, 0, 1, -1])
        ax, ay = lens.deflection(x, y)
        source = np.array([x - ax, y - ay]) / (2 * h)
        return np.stack([source[:, 0] - source[:, 1], source[:, 2] - source[:, 3]], axis=1)

    radius = brentq(lambda r: np.linalg.det(jacobian(r)), 0.3, 4.0)
    values, vectors = np.linalg.eigh(jacobian(radius))
    place = radius * np.array([np.cos(angle), np.sin(angle)])
    return place, vectors[:, np.argmin(np.abs(values))]


class TestLensEquation:
    def test_every_image_solves_it(self):
        for lens, beta in random_lenses(300):
            x, y = image_positions(lens, beta.real, beta.imag).T
            ax, ay = lens.deflection(x, y)
            np.testing.assert_allclose(x - ax, beta.real, atol=1e-11)
            np.testing.assert_allclose(y - ay, beta.imag, atol=1e-11)

    def test_directions_find_what_triangles_find(self):
        for lens, beta in random_lenses(300):
            ours = image_positions(lens, beta.real, beta.imag)
            for place in _from_triangles(lens, beta.real, beta.imag):
                assert np.hypot(*(ours - place).T).min() < 1e-7

    def test_image_near_the_singular_centre(self):
        """Triangles of a grid miss the first one; it is 0.17 Einstein radii from the centre."""
        bx, by = 0.75 * np.cos(13.0), 0.75 * np.sin(13.0)
        images = image_positions(Lens(1.0, 0.2, 0.1, 0.03, 0.05), bx, by)
        np.testing.assert_allclose(
            images, [(-0.163271, -0.062981), (1.507471, 0.937410)], atol=1e-6
        )

    @pytest.mark.parametrize("apart", [1e-4, 1e-3, 5e-3])
    def test_two_images_that_are_about_to_merge(self, apart):
        """A point whose image lies beside the critical curve, along which its twin is."""
        lens = Lens(1.0, 0.25, 0.1, 0.04, -0.03)
        for angle in np.linspace(0.1, 2 * np.pi, 40):
            place, along = critical(lens, angle)
            place = place + apart * along
            ax, ay = lens.deflection(*place)
            images = image_positions(lens, place[0] - ax, place[1] - ay)
            assert len(images) >= 2 and np.hypot(*(images - place).T).min() < 1e-7
            for other in images:  # each once
                assert (np.hypot(*(images - other).T) < 1e-6).sum() == 1
            grid = _from_triangles(lens, place[0] - ax, place[1] - ay)
            assert len(grid) == len(images) or apart < 1e-3

    def test_as_many_images_as_lenstronomy_finds(self, galaxies):
        from lenstronomy.LensModel.Solver.lens_equation_solver import LensEquationSolver

        solver = LensEquationSolver(LensModel(["SIE", "SHEAR"]))
        for p in drawn(galaxies, SMALL, 5, 12):
            e = {"center_x": 0.0, "center_y": 0.0}
            main = {"theta_E": p.lens.einstein_radius, "e1": p.lens.e1, "e2": p.lens.e2} | e
            shear = {"gamma1": p.lens.gamma1, "gamma2": p.lens.gamma2}
            x, y = solver.image_position_from_source(
                p.source_x, p.source_y, [main, shear], min_distance=0.02, search_window=12,
                precision_limit=1e-9,
            )  # fmt: skip
            theirs = np.array(sorted(zip(x, y, strict=True)))
            ours = np.array(sorted(map(tuple, p.images)))
            assert len(ours) == len(theirs)
            np.testing.assert_allclose(ours, theirs, atol=1e-4)

    def test_ring_of_a_sphere(self):
        images = image_positions(Lens(1.5, 0.0, 0.0, 0.0, 0.0), 0.3, 0.0)
        # theta = theta_E + beta and theta_E - beta
        np.testing.assert_allclose(sorted(images[:, 0]), (-1.2, 1.8), atol=1e-3)

    @pytest.mark.parametrize("e1", [0.0, 0.1])
    def test_a_point_exactly_behind_the_centre(self, e1):
        images = image_positions(Lens(1.5, e1, 0.0, 0.0, 0.0), 0.0, 0.0)
        assert len(images) <= 4
        np.testing.assert_allclose(np.hypot(*images.T), 1.5, rtol=0.04)


def test_separation_of_images():
    assert largest_separation(np.array([[0.0, 1.0], [3.0, 5.0], [0.5, 1.0]])) == 5.0
    assert largest_separation(np.array([[0.0, 1.0]])) == 0.0
    assert largest_separation(np.zeros((0, 2))) == 0.0


class TestCompanions:
    COMPANIONS = ((1.9, 0.4, 0.35), (-2.3, 1.1, 0.2))

    def test_images_are_those_of_lenstronomy(self):
        from lenstronomy.LensModel.Solver.lens_equation_solver import LensEquationSolver

        lens = Lens(1.6, 0.15, -0.08, 0.03, -0.02, self.COMPANIONS)
        spheres = [{"theta_E": t, "center_x": x, "center_y": y} for x, y, t in self.COMPANIONS]
        main = {"theta_E": 1.6, "e1": 0.15, "e2": -0.08, "center_x": 0.0, "center_y": 0.0}
        setting = [main, {"gamma1": 0.03, "gamma2": -0.02}, *spheres]
        solver = LensEquationSolver(LensModel(["SIE", "SHEAR", "SIS", "SIS"]))
        for bx, by in ((0.1, 0.05), (0.45, -0.2), (0.3, 0.3)):
            x, y = solver.image_position_from_source(
                bx, by, setting, min_distance=0.02, search_window=12, precision_limit=1e-9
            )
            ours = image_positions(lens, bx, by)
            assert len(ours) == len(x) >= 2
            np.testing.assert_allclose(
                ours[np.lexsort(ours.T)], np.array([x, y]).T[np.lexsort([x, y])], atol=1e-4
            )

    # within a cell of the grid beside the singular centre, and beyond three Einstein radii
    @pytest.mark.parametrize("image", [(-0.021, 0.008), (6.4, 0.3), (-3.3, 0.2)])
    def test_images_near_the_centre_and_far_out(self, image):
        lens = Lens(1.0, 0.2, 0.1, 0.03, 0.05, ((4.5, 0.0, 1.5),))
        ax, ay = lens.deflection(*image)
        point = image[0] - ax, image[1] - ay
        images = image_positions(lens, *point)
        assert np.hypot(*(images - image).T).min() < 1e-7

    def test_a_sphere_that_deflects_nothing_changes_nothing(self):
        x, y = np.random.default_rng(0).uniform(-3, 3, (2, 50))
        bare, with_none = (Lens(1.5, 0.2, 0.1, 0.02, 0.01, c) for c in ((), ((1.0, 1.0, 0.0),)))
        np.testing.assert_array_equal(bare.deflection(x, y), with_none.deflection(x, y))
