import numpy as np
import pytest
from keras import ops

from lenszoo.simulation import PaintLaw, paint, simulate_galaxies
from lenszoo.simulation.paint_companions import find_companions
from lenszoo.simulation.paint_draw import Painter
from lenszoo.simulation.paint_galaxies import make_galaxies
from lenszoo.simulation.paint_mass import einstein_radius, scaled_dispersion
from lenszoo.simulation.paint_render import Grid, _arrays, mesh, traced
from lenszoo.simulation.random import scene_generator

SURVEY = "cfhtls_gri"


@pytest.fixture(scope="module")
def groups():
    """Galaxies with a companion of their colour, 3" to the right, a third as bright.

    A blue neighbour as bright as that stands 4" above.
    """
    alone = simulate_galaxies(SURVEY, 4, seed=6)
    scale = alone.survey.pixel_scale_arcsec
    y, x = (np.mgrid[:64, :64] - 31.5) * scale
    images = alone.images.copy()
    total = np.maximum(images[:, 24:40, 24:40].sum((1, 2)), 0.0)
    for i in range(len(images)):
        own = np.exp(-0.5 * (np.hypot(x, y) / 0.5) ** 2)
        red, blue = (
            np.exp(-0.5 * (np.hypot(x - a, y - b) / 0.5) ** 2) for a, b in ((3.0, 0.0), (0.0, 4.0))
        )
        own, red, blue = (part[..., None] / part.sum() for part in (own, red, blue))
        images[i] = np.random.default_rng(i).normal(0.0, alone.rms[i], images[i].shape)
        images[i] += total[i] * (own + 0.33 * red) + total[i].mean() * 0.33 * blue
    columns = {"redshift": alone.redshift, "velocity_dispersion": alone.velocity_dispersion}
    return make_galaxies(SURVEY, images, columns)


def test_neighbours_of_the_galaxys_colour_are_companions(groups):
    for companions in find_companions(groups, 4):
        assert companions.shape == (1, 3)
        np.testing.assert_allclose(companions[0], (3.0, 0.0, 0.33), atol=0.15)
    assert all(part.shape == (0, 3) for part in find_companions(groups, 0))


def test_companions_lens_by_their_brightness(groups):
    law = PaintLaw(einstein_radius_arcsec=(0.8, 2.0), companions=2)
    lenses = paint(groups, 4, seed=3, law=law)
    truth = lenses.truth
    assert len(lenses) and (truth["companions"] == 1).all()
    for i, row in enumerate(lenses.rows):
        flux = find_companions(groups, 2)[row][0, 2]
        sigma = scaled_dispersion(groups.velocity_dispersion[row], flux)
        expected = einstein_radius(sigma, truth["z_lens"][i], truth["z_source"][i])
        assert truth["companions_einstein_radius"][i] == pytest.approx(expected)
    alone = paint(groups, 4, seed=3, law=law.model_copy(update={"companions": 0}))
    assert not alone.truth["companions"].any()
    assert not np.array_equal(alone.arcs[0], lenses.arcs[0])


def test_rays_are_deflected_by_companions(groups):
    painter = Painter(groups, PaintLaw(companions=3), None)
    drawn = [painter.draw(scene_generator(3, i), i) for i in range(4)]
    paintings = [p for p in drawn if not isinstance(p, str)]
    assert paintings
    axis = Grid.of(groups.survey).samples()
    y, x = np.meshgrid(axis, axis, indexing="ij")
    arrays = _arrays(paintings, groups.survey, None, 1)
    assert arrays["companions"].shape == (len(paintings), 4, 3)
    tensors = {name: ops.convert_to_tensor(value) for name, value in arrays.items()}
    u, v = (ops.convert_to_numpy(part) for part in traced(tensors, *mesh(axis)))
    for i, p in enumerate(paintings):
        ax, ay = p.lens.deflection(x - p.x, y - p.y)
        np.testing.assert_allclose(u[i].reshape(x.shape), x - p.x - ax - p.source_x, atol=1e-4)
        np.testing.assert_allclose(v[i].reshape(x.shape), y - p.y - ay - p.source_y, atol=1e-4)


def test_images_of_a_group_solve_the_lens_equation(groups):
    law = PaintLaw(einstein_radius_arcsec=(0.8, 2.0), companions=2)
    painter = Painter(groups, law, None)
    p = next(
        p for i in range(20) if not isinstance(p := painter.draw(scene_generator(9, i), i % 4), str)
    )
    assert p.lens.companions and len(p.images) >= 2
    ax, ay = p.lens.deflection(*p.images.T)
    np.testing.assert_allclose(p.images[:, 0] - ax, p.source_x, atol=1e-7)
    np.testing.assert_allclose(p.images[:, 1] - ay, p.source_y, atol=1e-7)
