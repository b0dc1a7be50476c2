import numpy as np
import pytest
from oneline import one_line

from lenszoo.simulation import get_survey, paint, read_galaxies

SURVEY = "legacy_grz"


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

    @pytest.mark.parametrize("stray", [{"bands": ("r",)}, {"zero_point": 27.0}])
    def test_bands_and_zero_points_are_those_of_the_survey(self, catalogue, stray):
        (name,) = stray
        one_line(f"leave {name}= out", lambda: read_galaxies(SURVEY, catalogue, **stray))

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
            header = wcs.to_header() if name == "c" else None  # not the first alone is looked at
            fits.PrimaryHDU(cube, header).writeto(catalogue.parent / f"{name}.fits")
        one_line(
            "the cutout of id 'c' has pixels of 0.4\", survey legacy_grz of 0.262\"",
            lambda: read_galaxies(SURVEY, catalogue),
        )

    def test_cutouts_that_are_missing(self, catalogue, simulated):
        (catalogue.parent / "b.npy").unlink()
        one_line("id 'b' has no image", lambda: read_galaxies(SURVEY, catalogue))
        rest = read_galaxies(SURVEY, catalogue, on_missing="skip")
        assert rest.ids == ("a", "c")
        np.testing.assert_array_equal(rest.images, simulated.images[[0, 2]])
        np.testing.assert_allclose(rest.redshift, simulated.redshift[[0, 2]], rtol=1e-5)

    def test_kinds(self, catalogue):
        rows = catalogue.read_text().splitlines()
        kinds = ("kind", "", "Lenses", "ring")
        rows = [f"{row},{kind}" for row, kind in zip(rows, kinds, strict=True)]
        catalogue.write_text("\n".join(rows) + "\n")
        galaxies = read_galaxies(SURVEY, catalogue, kind="kind")
        assert galaxies.kinds.tolist() == ["host", "lens", "ring"]
        (catalogue.parent / "a.npy").unlink()
        rest = read_galaxies(SURVEY, catalogue, kind="kind", on_missing="skip")
        assert rest.kinds.tolist() == ["lens", "ring"]

    def test_missing_band_of_the_survey(self, catalogue):
        one_line("but bands= names 4", lambda: read_galaxies("kids_ugri", catalogue))


@pytest.mark.parametrize(("point", "refused"), [(22.5, False), (24.0, True)])
def test_zero_point_of_headers(simulated, tmp_path, point, refused):
    from astropy.io import fits

    for name, image in zip(simulated.ids, simulated.images, strict=True):
        header = fits.Header({"MAGZERO": point if name == simulated.ids[-1] else 22.5})
        fits.writeto(tmp_path / f"{name}.fits", np.moveaxis(image, -1, 0), header)
    rows = "".join(f"{name},0.4,200\n" for name in simulated.ids)
    (tmp_path / "all.csv").write_text(f"id,redshift,velocity_dispersion\n{rows}")
    assert simulated.survey.bands[0].zero_point_mag == 22.5

    def read():
        return read_galaxies("legacy_grz", tmp_path / "all.csv")

    if refused:
        one_line("the header of the cutout of id '2' gives zero point 24 in band g", read)
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
