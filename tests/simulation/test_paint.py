import json
import os
import subprocess
import sys

import numpy as np
import pytest
from keras import ops
from lenstronomy.LensModel.lens_model import LensModel
from lenstronomy.LightModel.light_model import LightModel

from lenszoo.simulation import PaintLaw, make_stamps, paint, simulate_galaxies
from lenszoo.simulation.paint_draw import Painter, image_positions
from lenszoo.simulation.paint_render import (
    Grid,
    _arrays,
    mesh,
    sersic_with_clumps,
    source_fluxes,
    traced,
)
from lenszoo.simulation.paint_source import Source
from lenszoo.simulation.random import scene_generator
from lenszoo.simulation.trace import source_plane

SMALL = PaintLaw(einstein_radius_arcsec=(0.8, 2.4))
TRUE = ("einstein_radius", "lens_e1", "lens_e2", "gamma1", "gamma2")


@pytest.fixture(scope="module")
def galaxies():
    return simulate_galaxies("cfhtls_gri", 12, seed=3)


@pytest.fixture(scope="module")
def lenses(galaxies):
    return paint(galaxies, 24, seed=5, law=SMALL)


def drawn(galaxies, law, seed, n):
    """Paintings as they were drawn, without pixels."""
    painter = Painter(galaxies, law, None)
    every = [painter.draw(scene_generator(seed, i), i % len(galaxies)) for i in range(n)]
    return [p for p in every if not isinstance(p, str)]


def magnifications(p):
    """Magnification of body and clumps of a source, by rays 0.015" apart in float64."""
    half, step = 4.0 * p.lens.einstein_radius, 0.015
    axis = np.arange(-half, half, step)
    x, y = np.meshgrid(axis, axis)
    ax, ay = p.lens.deflection(x, y)
    u, v = x - ax - p.source_x, y - ay - p.source_y
    body = p.source.brightness(u, v).sum() * step**2
    clumps = 0.0
    for cx, cy, sigma, share in p.source.clumps:
        if share:
            light = np.exp(-0.5 * ((u - cx) ** 2 + (v - cy) ** 2) / sigma**2)
            clumps += share * light.sum() * step**2 / (2 * np.pi * sigma**2)
    share = p.source.clumps[:, 3].sum()
    return np.array([body, clumps / share if share else 0.0])


class TestFlux:
    def test_painted_flux_is_magnification_times_source_flux(self, galaxies, lenses):
        for p, arc in zip(drawn(galaxies, SMALL, 5, 24), lenses.arcs, strict=True):
            expected = source_fluxes(p, galaxies.survey, False) @ magnifications(p)
            # 0.5 %, and what the wings of the PSF carry over the edge
            np.testing.assert_allclose(arc.sum((0, 1)), expected, rtol=0.005)

    def test_truth_has_the_magnification(self, galaxies, lenses):
        reference = 1  # r
        flux = 10 ** (0.4 * (30.0 - lenses.truth["source_magnitude_r"]))
        painted = lenses.arcs[..., reference].sum((1, 2))
        np.testing.assert_allclose(painted, lenses.truth["magnification"] * flux, rtol=0.005)

    def test_unlensed_flux_of_the_body_is_one(self):
        none = np.zeros((4, 4))
        none[:, 2] = 1.0
        axis = np.arange(-12, 12, 0.01)
        for index, r_eff in ((0.5, 0.1), (1.0, 0.3), (2.5, 0.2)):
            source = Source(1.0, 2.0, 0.0, r_eff, index, 0.2, 0.1, np.zeros(1), none, np.zeros(1))
            total = source.brightness(axis[None, :], axis[:, None]).sum() * 1e-4
            assert total == pytest.approx(1.0, abs=0.004), (index, r_eff)

    def test_noise_of_the_arcs_is_that_of_their_photons(self, galaxies, lenses):
        gain = galaxies.survey.gain
        noise = lenses.images - galaxies.images[lenses.rows] - lenses.arcs
        bright = lenses.arcs * gain > 20
        pull = (noise * np.sqrt(gain / np.maximum(lenses.arcs, 1e-9)))[bright]
        assert len(pull) > 10_000
        assert pull.std() == pytest.approx(1.0, abs=0.02)
        assert abs(pull.mean()) < 0.02

    def test_nothing_else_changes(self, galaxies, lenses):
        far = lenses.arcs.max(-1) * galaxies.survey.gain.max() < 1e-4
        assert far.sum() > 1000
        hosts = galaxies.images[lenses.rows]
        np.testing.assert_array_equal(lenses.images[far], hosts[far])


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
        from lenszoo.simulation.paint_draw import Lens

        images = image_positions(Lens(1.5, 0.0, 0.0, 0.0, 0.0), 0.3, 0.0)
        # theta = theta_E + beta and theta_E - beta
        np.testing.assert_allclose(sorted(images[:, 0]), (-1.2, 1.8), atol=1e-3)


def test_traced_image_is_lenstronomys(galaxies):
    survey = galaxies.survey
    grid = Grid.of(survey)
    axis = grid.samples()
    y, x = np.meshgrid(axis, axis, indexing="ij")
    paintings = drawn(galaxies, SMALL, 5, 6)
    stacked = _arrays(paintings, survey, None, 1)
    stacked["core"] = np.full_like(stacked["core"], 1e-4)
    arrays = {name: ops.convert_to_tensor(value) for name, value in stacked.items()}
    parts = sersic_with_clumps(arrays, *traced(arrays, *mesh(axis)))
    bodies, spots = (ops.convert_to_numpy(part) for part in parts)
    for p, body, clumps, amplitude in zip(
        paintings, bodies, spots, stacked["amplitude"][:, 0], strict=True
    ):
        s = p.source
        centre = {"center_x": p.x, "center_y": p.y}
        lens = [
            {"theta_E": p.lens.einstein_radius, "e1": p.lens.e1, "e2": p.lens.e2} | centre,
            {"gamma1": p.lens.gamma1, "gamma2": p.lens.gamma2, "ra_0": p.x, "dec_0": p.y},
        ]
        u, v = LensModel(["SIE", "SHEAR"]).ray_shooting(x.ravel(), y.ravel(), lens)
        at = {"center_x": p.x + p.source_x, "center_y": p.y + p.source_y}
        sersic = {
            "amp": amplitude, "R_sersic": s.r_eff, "n_sersic": s.index, "e1": s.e1, "e2": s.e2,
        }  # fmt: skip
        theirs = LightModel(["SERSIC_ELLIPSE"]).surface_brightness(u, v, [sersic | at])
        np.testing.assert_allclose(body, theirs, atol=3e-3 * theirs.max())
        share = s.clumps[:, 3].sum()
        if not share:
            continue
        gaussians = [
            {
                "amp": part / share, "sigma": sigma, "center_x": at["center_x"] + cx,
                "center_y": at["center_y"] + cy,
            }
            for cx, cy, sigma, part in s.clumps if part
        ]  # fmt: skip
        theirs = LightModel(["GAUSSIAN"] * len(gaussians)).surface_brightness(u, v, gaussians)
        np.testing.assert_allclose(clumps, theirs, atol=3e-3 * theirs.max())


class TestSeed:
    def test_painting_depends_on_its_number_alone(self, galaxies, lenses):
        later = paint(galaxies, 5, seed=5, start=13, law=SMALL)
        rows = np.isin(lenses.index, later.index)
        np.testing.assert_array_equal(later.images, lenses.images[rows])
        assert (later.rows == later.index % 12).all()
        other = paint(galaxies, 5, seed=6, start=13, law=SMALL)
        assert (other.truth["einstein_radius"] != later.truth["einstein_radius"]).all()

    def test_jax_paints_the_same(self, lenses, tmp_path):
        pytest.importorskip("jax")
        script = """
import sys, numpy as np, keras
from lenszoo.simulation import PaintLaw, paint, simulate_galaxies
assert keras.config.backend() == "jax"
galaxies = simulate_galaxies("cfhtls_gri", 12, seed=3)
lenses = paint(galaxies, 4, seed=5, law=PaintLaw(einstein_radius_arcsec=(0.8, 2.4)))
truth = {k: v for k, v in lenses.truth.items() if v.dtype.kind == "f"}
np.savez(sys.argv[1], images=lenses.images, arcs=lenses.arcs, **truth)
"""
        path = tmp_path / "jax.npz"
        command = [sys.executable, "-c", script, str(path)]
        environment = os.environ | {"KERAS_BACKEND": "jax"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        theirs = np.load(path)
        ours = lenses.arcs[:4]
        np.testing.assert_allclose(theirs["arcs"], ours, atol=2e-4 * ours.max())
        # photon counts move by one where the arcs are rounded otherwise
        same = np.abs(theirs["images"] - lenses.images[:4]) < 1e-3 * ours.max()
        assert same.mean() > 0.999
        for name in theirs.files:
            if name not in ("images", "arcs", "magnification", "arc_signal_to_noise"):
                tolerance = 1e-3 if name in ("lens_x", "lens_y", "lens_e1", "lens_e2") else 1e-6
                np.testing.assert_allclose(
                    theirs[name], lenses.truth[name][:4], atol=tolerance, err_msg=name
                )


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


def test_truth_is_a_table(lenses):
    lengths = {len(values) for values in lenses.truth.values()}
    assert lengths == {len(lenses)}
    plain = {k: v.tolist() for k, v in lenses.truth.items() if v.dtype != object}
    assert json.dumps(plain)
