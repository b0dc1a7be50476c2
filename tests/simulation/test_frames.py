"""Frames of real sky: quiet places, flux scale, and scenes without the sky's noise."""

from dataclasses import replace

import numpy as np
import pytest

from lenszoo.errors import LenszooError
from lenszoo.simulation import get_preset
from lenszoo.simulation.composite import survey
from lenszoo.simulation.frames import photon_noise, read_frames
from lenszoo.simulation.sample import sample_scenes


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    """A field of 100 pixels with noise of 1, and a star in its upper right quarter."""
    root = tmp_path_factory.mktemp("field")
    rng = np.random.default_rng(0)
    for band in "gr":
        image = rng.normal(5.0, 1.0, (100, 100)).astype(np.float32)
        image[25:28, 70:73] += 500.0
        np.save(root / f"field_{band}.npy", image)
    return root


def test_cutouts_have_quiet_middles_and_the_zero_point_of_the_skies(field):
    frames = read_frames(field / "field_{band}.npy", "gr", 32, 0.2, 30.0)
    cut = frames.cut(np.random.default_rng(1), 200)
    assert cut.shape == (200, 32, 32, 2)
    noise = 1.4826 * np.median(np.abs(cut))
    assert noise == pytest.approx(10 ** (0.4 * (25.0 - 30.0)), rel=0.05)
    assert abs(np.median(cut)) < 0.1 * noise
    assert cut[:, 12:20, 12:20, 1].max() < 10 * noise < cut.max()
    # the same places from the same numbers
    np.testing.assert_array_equal(cut, frames.cut(np.random.default_rng(1), 200))


def test_frames_at_fault_are_refused(field, tmp_path):
    with pytest.raises(LenszooError, match="name the band"):
        read_frames(field / "field_g.npy", "gr", 32, 0.2, 30.0)
    with pytest.raises(LenszooError, match="at least 128 pixels"):
        read_frames(field / "field_{band}.npy", "gr", 128, 0.2, 30.0)
    flat = np.zeros((64, 64), np.float32)
    flat[0] = 1.0
    np.save(tmp_path / "flat_g.npy", flat)
    with pytest.raises(LenszooError, match="without noise"):
        read_frames(tmp_path / "flat_{band}.npy", "g", 32, 0.2, 30.0)
    flat[3, 3] = np.nan
    np.save(tmp_path / "flat_g.npy", flat)
    with pytest.raises(LenszooError, match="no finite numbers"):
        read_frames(tmp_path / "flat_{band}.npy", "g", 32, 0.2, 30.0)


def test_scenes_for_frames_have_no_noise_of_the_sky():
    preset = get_preset("lens_finding_cfhtls")
    painted = sample_scenes(replace(preset, observe=photon_noise(survey(preset))), range(4), 3)
    whole = sample_scenes(preset, range(4), 3)
    corner = np.s_[:, :4, :4, 0]
    difference = whole.images[corner] - painted.images[corner]
    assert difference.std() == pytest.approx(survey(preset).noise[0], rel=0.3)
    assert painted.images.min() > -1e-3
