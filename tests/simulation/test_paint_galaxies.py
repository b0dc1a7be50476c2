import numpy as np
import pytest
from oneline import one_line

from lenszoo.simulation import (
    get_survey,
    make_galaxies,
    paint,
    read_galaxies,
    simulate_galaxies,
)

SURVEY = "legacy_grz"


@pytest.fixture(scope="module")
def simulated():
    return simulate_galaxies(SURVEY, 3, seed=2)


@pytest.fixture
def parts(simulated):
    """Cutouts and columns of three galaxies, free to be spoilt."""
    columns = {
        "redshift": simulated.redshift.copy(),
        "velocity_dispersion": simulated.velocity_dispersion.copy(),
        "mag_r": simulated.magnitude[:, 1].copy(),
    }
    return simulated.images.copy(), columns


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


class TestRead:
    @pytest.fixture
    def catalogue(self, tmp_path, simulated):
        for name, image in zip("abc", simulated.images, strict=True):
            np.save(tmp_path / f"{name}.npy", image)
        rows = [
            f"{name},{z},{m}"
            for name, z, m in zip("abc", simulated.redshift, simulated.magnitude[:, 1], strict=True)
        ]
        path = tmp_path / "galaxies.csv"
        path.write_text("\n".join(["id,redshift,mag_r", *rows]) + "\n")
        return path

    def test_catalogue(self, catalogue, simulated):
        galaxies = read_galaxies(SURVEY, catalogue)
        assert galaxies.ids == ("a", "b", "c")
        np.testing.assert_array_equal(galaxies.images, simulated.images)
        np.testing.assert_allclose(galaxies.redshift, simulated.redshift, rtol=1e-5)
        assert np.isnan(galaxies.velocity_dispersion).all()

    def test_masks_and_maps_of_the_noise(self, catalogue, simulated, tmp_path):
        fields = get_survey(SURVEY).model_dump()
        fields |= {"noise": "rms_map", "rms_map": "{id}_rms.npy", "mask_value": 100.0}
        own = type(get_survey(SURVEY)).model_validate(fields)
        image = simulated.images[0].copy()
        image[:4, :4] = 100.0
        np.save(catalogue.parent / "a.npy", image)
        for k, name in enumerate("abc"):
            noise = np.full(image.shape, 0.01 * (k + 1), np.float32)
            noise[0, 0] = 0.0  # without a weight
            np.save(catalogue.parent / f"{name}_rms.npy", noise)
        galaxies = read_galaxies(own, catalogue, pattern="{id}.npy")
        assert np.isnan(galaxies.images[0, :4, :4]).all()
        np.testing.assert_allclose(galaxies.rms[:, 5, 5, 0], (0.01, 0.02, 0.03))
        assert np.isnan(galaxies.rms[:, 0, 0]).all()
        lenses = paint(galaxies, seed=1)
        assert len(lenses) == 3 and np.isnan(lenses.images[0, :4, :4]).all()
        assert np.isfinite(lenses.truth["arc_signal_to_noise"]).all()

    def test_noise_of_the_sky(self, catalogue):
        own = get_survey(SURVEY).model_copy(update={"noise": "sky"})
        galaxies = read_galaxies(own, catalogue)
        expected = [band.sky_rms(0.262) for band in own.bands]
        np.testing.assert_allclose(galaxies.rms, np.tile(expected, (3, 1)))

    def test_one_cutout_of_another_size(self, catalogue):
        np.save(catalogue.parent / "b.npy", np.zeros((60, 60, 3)))
        one_line("the cutout of id 'b' has shape", lambda: read_galaxies(SURVEY, catalogue))

    def test_other_pixel_scale(self, catalogue, simulated):
        from astropy.io import fits
        from astropy.wcs import WCS

        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
        wcs.wcs.cdelt = [-0.4 / 3600, 0.4 / 3600]
        for name, image in zip("abc", simulated.images, strict=True):
            (catalogue.parent / f"{name}.npy").unlink()
            cube = np.moveaxis(image, -1, 0)
            fits.PrimaryHDU(cube, wcs.to_header()).writeto(catalogue.parent / f"{name}.fits")
        one_line(
            'the cutouts have pixels of 0.4", survey legacy_grz of 0.262"',
            lambda: read_galaxies(SURVEY, catalogue),
        )

    def test_missing_band_of_the_survey(self, catalogue):
        one_line("but bands= names 4", lambda: read_galaxies("kids_ugri", catalogue))


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


@pytest.mark.parametrize(("point", "refused"), [(22.5, False), (24.0, True)])
def test_zero_point_of_headers(simulated, tmp_path, point, refused):
    from astropy.io import fits

    header = fits.Header({"MAGZERO": point})
    for name, image in zip(simulated.ids, simulated.images, strict=True):
        fits.writeto(tmp_path / f"{name}.fits", np.moveaxis(image, -1, 0), header)
    rows = "".join(f"{name},0.4,200\n" for name in simulated.ids)
    (tmp_path / "all.csv").write_text(f"id,redshift,velocity_dispersion\n{rows}")
    assert simulated.survey.bands[0].zero_point_mag == 22.5

    def read():
        return read_galaxies("legacy_grz", tmp_path / "all.csv")

    if refused:
        one_line("the headers of the cutouts give zero point 24 in band g", read)
    else:
        assert len(read()) == len(simulated)


class TestCells:
    @pytest.fixture
    def read(self, simulated, tmp_path):
        for name, image in zip("abc", simulated.images, strict=True):
            np.save(tmp_path / f"{name}.npy", image)

        def read_rows(header, *rows):
            (tmp_path / "all.csv").write_text("\n".join([header, *rows]) + "\n")
            return read_galaxies(SURVEY, tmp_path / "all.csv")

        return read_rows

    @pytest.mark.parametrize("column", ["redshift", "velocity_dispersion", "mag_r"])
    def test_text_in_a_cell_drops_no_column(self, read, column):
        header, row = "id,redshift,velocity_dispersion,mag_r", {"redshift": "0.4"}
        row |= {"velocity_dispersion": "220", "mag_r": "20.1"}
        good = ",".join(row.values())
        bad = ",".join((row | {column: "0.35?"}).values())
        message = f"has '0.35?' in column {column!r}, not a number"
        one_line(message, lambda: read(header, f"a,{good}", f"b,{bad}", f"c,{good}"))

    def test_one_object_under_two_ids(self, read):
        rows = ("a,0.4,20,10.0,5.0", "b,0.4,20,11.0,5.0", "c,0.4,20,10.0001,5.0")
        one_line("ids 'a' and 'c' lie within", lambda: read("id,redshift,mag_r,ra,dec", *rows))

    @pytest.mark.parametrize(
        ("cells", "column"),
        [("99,200,20", "redshift"), ("0.4,9999,20", "velocity"),
         (",,99", "mag_r"), (",,-99", "mag_r")],
    )  # fmt: skip
    def test_sentinels(self, read, cells, column):
        header = "id,redshift,velocity_dispersion,mag_r"
        rows = ("a,0.4,200,20", "b,0.5,200,20.5", f"c,{cells}")
        line = one_line("leave the cell empty", lambda: read(header, *rows))
        assert "id 'c' has" in line and f"in column '{column}" in line
        assert np.isnan(read(header, *rows[:2], "c,-1,0,20").redshift[2])
