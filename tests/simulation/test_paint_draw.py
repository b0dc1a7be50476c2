import numpy as np
import pytest
from keras import ops
from lenstronomy.LensModel.lens_model import LensModel
from paintings import SMALL, drawn

from lenszoo.simulation import paint
from lenszoo.simulation.paint_draw import Lens, image_positions
from lenszoo.simulation.trace import source_plane

TRUE = ("einstein_radius", "lens_e1", "lens_e2", "gamma1", "gamma2")


class TestLensEquation:
    def test_image_positions_solve_it(self, lenses):
        truth = lenses.truth
        for i in range(len(lenses)):
            arrays = {k: np.float32([[truth[k][i]]]) for k in TRUE}
            nothing = np.zeros((1, 0), np.float32)
            arrays |= dict.fromkeys(("point_x", "point_y", "point_theta_e2"), nothing)
            x = np.float32([truth["image_x"][i] - truth["lens_x"][i]])
            y = np.float32([truth["image_y"][i] - truth["lens_y"][i]])
            bx, by = (ops.convert_to_numpy(b)[0] for b in source_plane(x, y, arrays))
            np.testing.assert_allclose(bx, truth["source_x"][i], atol=2e-5)
            np.testing.assert_allclose(by, truth["source_y"][i], atol=2e-5)

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

    def test_a_sphere_that_deflects_nothing_changes_nothing(self):
        x, y = np.random.default_rng(0).uniform(-3, 3, (2, 50))
        bare, with_none = (Lens(1.5, 0.2, 0.1, 0.02, 0.01, c) for c in ((), ((1.0, 1.0, 0.0),)))
        np.testing.assert_array_equal(bare.deflection(x, y), with_none.deflection(x, y))


class TestFloors:
    @pytest.mark.parametrize(
        ("change", "floor"),
        [
            ({"magnification": 500.0}, "magnification"),
            ({"arc_signal_to_noise": 1e6}, "arc_signal_to_noise"),
            ({"arc_contrast": 1e5}, "arc_contrast"),
            ({"image_separation_fwhm": 9.0}, "image_separation"),
            ({"law": "natural", "einstein_radius_arcsec": (4.0, 4.5)}, "einstein_radius"),
        ],
    )
    def test_failing_floor_is_named(self, galaxies, change, floor):
        law = SMALL.model_copy(update={"tries": 8} | change)
        done = paint(galaxies, 4, seed=1, law=law)
        assert len(done) == 0 and done.images.shape == (0, 64, 64, 3)
        assert done.failures == dict.fromkeys(range(4), floor)

    def test_finished_lenses_pass_the_floors(self, galaxies, lenses):
        truth = lenses.truth
        assert (truth["arc_signal_to_noise"] > 0.9 * SMALL.arc_signal_to_noise).all()
        assert (truth["magnification"] > 0.95 * SMALL.magnification).all()
        low, high = SMALL.einstein_radius_arcsec
        assert ((truth["einstein_radius"] >= low) & (truth["einstein_radius"] <= high)).all()
        seeing = np.median([band.psf_fwhm_arcsec for band in galaxies.survey.bands])
        assert (truth["image_separation"] >= SMALL.image_separation_fwhm * seeing).all()

    def test_natural_law_follows_the_dispersion(self, galaxies):
        from lenszoo.simulation.paint_mass import einstein_radius

        law = SMALL.model_copy(update={"law": "natural"})
        truth = paint(galaxies, seed=2, law=law).truth
        expected = [
            einstein_radius(sigma, z, zs)
            for sigma, z, zs in zip(
                truth["velocity_dispersion"], truth["z_lens"], truth["z_source"], strict=True
            )
        ]
        np.testing.assert_allclose(truth["einstein_radius"], expected, rtol=1e-6)
        rows = [int(name) for name in truth["id"]]
        np.testing.assert_allclose(
            truth["velocity_dispersion"], galaxies.velocity_dispersion[rows], rtol=1e-6
        )


def test_mass_follows_light(galaxies):
    """Position angles of mass scatter about those of the light by 10 degrees."""
    paintings = drawn(galaxies, SMALL, 7, 300)
    light = galaxies.shape[[p.row for p in paintings]]
    flat = np.hypot(*light.T) > 0.08
    mass = np.array([(p.lens.e1, p.lens.e2) for p in paintings])
    turn = np.angle(mass @ [1, 1j] / (light @ [1, 1j]))[flat & (np.hypot(*mass.T) > 0.05)]
    assert len(turn) > 50
    assert np.degrees(np.std(turn) / 2) == pytest.approx(10.0, abs=2.5)
