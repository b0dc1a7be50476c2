"""What is refused as galaxies to paint on."""

import numpy as np
import pytest
from oneline import one_line

from lenszoo.simulation import get_survey, make_galaxies

SURVEY = "legacy_grz"


def refused(message, images, columns, survey=SURVEY, **options):
    return one_line(message, lambda: make_galaxies(survey, images, columns, **options))


class TestRefused:
    def test_all_nan(self, parts):
        images, columns = parts
        images[1, ..., 2] = np.nan
        refused("the cutout of id '1' is all NaN in band z", images, columns)

    def test_no_redshift_and_no_magnitude(self, parts):
        images, columns = parts
        columns["redshift"][2] = columns["mag_r"][2] = np.nan
        refused("id '2' has no redshift and no magnitude", images, columns)
        del columns["velocity_dispersion"]
        columns["redshift"][2] = 0.4
        refused("id '2' has no velocity_dispersion and no magnitude", images, columns)

    def test_other_size(self, parts):
        images, columns = parts
        refused(
            "cutouts of 60 x 60 pixels, survey legacy_grz has 64", images[:, 2:-2, 2:-2], columns
        )
        refused("has 3 bands (g, r, z)", images[..., :2], columns)

    def test_other_unit(self, parts):
        images, columns = parts
        refused("another unit of flux", 50 * images, columns)

    def test_twins(self, parts):
        images, columns = parts
        twin = images.copy()
        twin[2] = twin[0]
        refused("ids '0' and '2' have the same cutout", twin, columns)
        columns |= {"ra": np.array([10.0, 20.0, 10.0001]), "dec": np.array([0.0, 5.0, 0.0001])}
        refused("ids '0' and '2' lie within 1\"", images, columns)
        refused("occurs more than once", images, columns, ids=["a", "b", "a"])
        refused("rename it", images, columns, ids=["a", "a_lens1", "b"])

    def test_psf_column(self, parts):
        images, columns = parts
        survey = get_survey(SURVEY)
        fields = survey.model_dump()
        for band in fields["bands"]:
            band |= {"psf_fwhm_arcsec": None, "psf_fwhm_column": f"fwhm_{band['name']}"}
        own = type(survey).model_validate(fields)
        refused("no column 'fwhm_g'", images, columns, own)
        columns |= {f"fwhm_{name}": np.array([1.1, 1.2, 1.3]) for name in "grz"}
        galaxies = make_galaxies(own, images, columns)
        np.testing.assert_array_equal(galaxies.psf_fwhm[:, 1], (1.1, 1.2, 1.3))
        columns["fwhm_z"][1] = 0.0
        refused("id '1' has 0.0 in column 'fwhm_z'", images, columns, own)

    def test_rms_map(self, parts):
        images, columns = parts
        fields = get_survey(SURVEY).model_dump() | {"noise": "rms_map", "rms_map": "{id}_rms.npy"}
        own = type(get_survey(SURVEY)).model_validate(fields)
        refused("weighs by maps of the noise", images, columns, own)
        maps = np.full(images.shape, 0.01)
        assert make_galaxies(own, images, columns, rms_map=maps).rms.shape == images.shape
        refused("maps of the variance or of weights", images, columns, own, rms_map=1e4 * maps)
        refused("maps of the variance or of weights", images, columns, own, rms_map=maps**2)

    def test_border_without_noise(self, parts):
        images, columns = parts
        images[1, :8, :, 1] = images[1, -8:, :, 1] = 0.0
        images[1, :, :8, 1] = images[1, :, -8:, 1] = 0.0
        refused("the border of the cutout of id '1' has no noise in band r", images, columns)
        of_sky = get_survey(SURVEY).model_copy(update={"noise": "sky"})
        assert len(make_galaxies(of_sky, images, columns)) == 3

    def test_border_without_a_finite_pixel(self, parts):
        images, columns = parts
        rim = np.ones(images.shape[1:3], bool)
        rim[8:-8, 8:-8] = False
        images[2, rim, 0] = np.nan
        assert len(make_galaxies(SURVEY, images, columns)) == 3  # other bands have noise
        images[2, rim] = np.nan
        refused("the border of the cutout of id '2' has no finite pixel", images, columns)

    @pytest.mark.parametrize(
        ("values", "message"),
        [([0.4, 0.5], "has shape (2,), but there are 3 cutouts"), (["a"] * 3, "holds no numbers")],
    )
    def test_columns_that_are_none(self, parts, values, message):
        images, columns = parts
        columns["redshift"] = values
        refused(f"column 'redshift' {message}", images, columns)
