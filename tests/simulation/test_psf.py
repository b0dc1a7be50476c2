import numpy as np
import pytest
from keras import ops

from lenszoo.simulation.presets.lens_finding import EUCLID, KIDS


@pytest.mark.parametrize("survey", [KIDS, EUCLID], ids=["ground", "space"])
def test_a_star_is_as_wide_as_the_psf(survey):
    bands = len(survey.bands)
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-0.5, 0.5, (2, 40, 1)).astype(np.float32) * survey.pixel_scale
    fwhm = np.tile(survey.psf_fwhm.astype(np.float32), (40, 1))
    fluxes = np.ones((40, 1, bands), np.float32)
    images = ops.convert_to_numpy(survey.stars(x, y, fluxes, fwhm))
    np.testing.assert_allclose(images.sum(axis=2), 1.0, atol=0.02)
    axis = survey.axis()
    r = np.hypot(axis[None, None, :] - x[:, :, None], axis[None, :, None] - y[:, :, None])
    for band in range(bands):
        order = np.argsort(r.ravel())
        radius, value = r.ravel()[order], images[:, band].ravel()[order]
        centre = value[radius < 0.05 * survey.psf_fwhm[band]].mean()
        half = np.interp(-0.5 * centre, -value, radius)
        assert 2 * half == pytest.approx(survey.psf_fwhm[band], rel=0.02)
