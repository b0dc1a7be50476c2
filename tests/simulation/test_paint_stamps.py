import numpy as np
import pytest
from oneline import one_line

from lenszoo.simulation import make_stamps, read_stamps
from lenszoo.simulation.paint_stamps import SIDE


def galaxy(size=101, scale=6.0, sky=0.0, x0=0.0, noise=0.01, seed=0):
    """An exponential galaxy with noise, (H, W)."""
    y, x = np.mgrid[:size, :size] - size // 2
    light = np.exp(-np.hypot(x - x0, y) / scale)
    return light + sky + np.random.default_rng(seed).normal(0.0, noise, light.shape)


def test_stamps_are_cut_out():
    stamps = make_stamps([galaxy(), galaxy(scale=4.0, x0=5.0)])
    assert stamps.images.shape == (2, SIDE, SIDE)
    np.testing.assert_allclose(stamps.images.sum((1, 2)), 1.0, rtol=1e-5)
    # an exponential's half-light radius is 1.68 scale lengths
    assert stamps.radius == pytest.approx([1.68 * 6, 1.68 * 4], rel=0.05)
    assert (stamps.images[:, :8] == 0).all()
    place = np.arange(SIDE) - (SIDE - 1) / 2
    assert abs(stamps.images[1].sum(0) @ place) < 0.1


def test_neighbours_are_left_out():
    image = galaxy(scale=3.0) + np.roll(galaxy(scale=1.0, noise=0.0), 35, axis=1)
    alone, pair = make_stamps([galaxy(scale=3.0), image]).images
    assert np.abs(alone - pair).sum() < 0.05


def test_bad_stamps(tmp_path):
    line = one_line("still has its sky, 0.3 a pixel", lambda: make_stamps([galaxy(sky=0.3)], ["s"]))
    assert line.startswith("s: ")
    hole = galaxy()
    hole[3, 3] = np.nan
    one_line("NaN", lambda: make_stamps([hole]))
    one_line("no galaxy in the middle", lambda: make_stamps([galaxy(x0=40.0, scale=2.0)]))
    one_line("no such folder", lambda: read_stamps(tmp_path / "none"))
    one_line("no images", lambda: read_stamps(tmp_path))
    np.save(tmp_path / "one.npy", np.stack([galaxy()] * 2, axis=-1))
    one_line("2 bands", lambda: read_stamps(tmp_path))


@pytest.mark.parametrize("unit", [1e-18, 1.0, 1e20])
def test_any_unit_will_do(unit):
    expected, stamps = make_stamps([galaxy()]), make_stamps([unit * galaxy()])
    np.testing.assert_allclose(stamps.images, expected.images, atol=1e-6)


def test_noise_is_no_galaxy():
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(0.0, 1.0, (41, 41))
        one_line("galaxy", lambda: make_stamps([noise]))  # noqa: B023
    one_line("9 pixels or more", lambda: make_stamps([np.ones((4, 4))]))
    one_line("a stamp is (H, W)", lambda: make_stamps([np.ones(30)]))


def test_folder(tmp_path):
    np.save(tmp_path / "a.npy", galaxy())
    np.save(tmp_path / "b.npy", galaxy(scale=4.0))
    assert read_stamps(tmp_path).names == ("a.npy", "b.npy")
