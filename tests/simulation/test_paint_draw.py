import numpy as np
import pytest
from keras import ops
from paintings import SMALL, drawn

from lenszoo.simulation import paint
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
        others = {"tries": 8, "magnification": 0.0}
        law = SMALL.model_copy(update=others | change)
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
