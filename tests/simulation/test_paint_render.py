import numpy as np
import pytest
from keras import ops
from lenstronomy.LensModel.lens_model import LensModel
from lenstronomy.LightModel.light_model import LightModel
from paintings import SMALL, drawn

from lenszoo.simulation.paint_render import (
    Grid,
    _arrays,
    mesh,
    sersic_with_clumps,
    source_fluxes,
    traced,
)


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
