from dataclasses import replace

import numpy as np
import pytest

from lenszoo.simulation import make_galaxies
from lenszoo.simulation.paint_galaxies import arc_signal_to_noise

SURVEY = "legacy_grz"


def test_weight_is_that_of_noise_and_photons(parts):
    images, columns = parts
    images[1, 5, 6, 0] = np.nan
    images[1, 7, 8, 1] = -3.0
    galaxies = make_galaxies(SURVEY, images, columns)
    light, weight = galaxies.light_and_weight(1)
    assert light.shape == weight.shape == (3, *images.shape[1:3])
    assert light[0, 5, 6] == weight[0, 5, 6] == 0.0
    assert light[1, 7, 8] == 0.0
    noise, gain = galaxies.rms[1], galaxies.survey.gain
    assert weight[1, 7, 8] == pytest.approx(noise[1] ** -2)
    middle = images.shape[1] // 2
    own = images[1, middle, middle].astype(np.float64)
    np.testing.assert_allclose(light[:, middle, middle], own)
    np.testing.assert_allclose(weight[:, middle, middle], 1 / (noise**2 + own / gain), rtol=1e-6)


def test_hash_is_that_of_all_that_paintings_depend_on(parts):
    images, columns = parts
    before = make_galaxies(SURVEY, images, columns)
    assert before.sha256() == make_galaxies(SURVEY, images, columns).sha256()
    other = columns | {"velocity_dispersion": columns["velocity_dispersion"] + 1}
    psf = replace(before.psfs[0], image=np.ones((3, 3)) / 9)
    changed = [
        make_galaxies(SURVEY, images, other),
        make_galaxies(SURVEY, images, columns, ids="xyz"),
        replace(before, psf_fwhm=before.psf_fwhm * 1.1),
        replace(before, psfs=(psf, *before.psfs[1:])),
        replace(before, rms=before.rms * 2),
        replace(before, kinds=np.array(["host", "ring", "host"], object)),
    ]
    assert len({before.sha256(), *(galaxies.sha256() for galaxies in changed)}) == 7


def test_photons_of_the_arcs_are_noise_of_their_signal():
    arcs, gain = np.full((1, 4, 4), 40.0), np.array([2.0])
    faint_noise, loud_noise = (np.full((1, 4, 4), rms**-2.0) for rms in (0.01, 1e4))
    # bright arcs: the root of their electrons; faint ones: that of the pixels' noise
    bright = arc_signal_to_noise(arcs, faint_noise, gain)
    assert bright == pytest.approx(np.sqrt(arcs.sum() * 2.0), rel=1e-4)
    assert arc_signal_to_noise(arcs, loud_noise, gain) == pytest.approx(4 * 40 / 1e4, rel=1e-4)
