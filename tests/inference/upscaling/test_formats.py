import gzip
import hashlib

import numpy as np
import pytest
from astropy.io import fits
from tinyupscaler import tiny_upscaler

from lenszoo.data.fits import read_fits
from lenszoo.data.flux_units import read_zero_points
from lenszoo.errors import LenszooError
from lenszoo.inference.upscaling import open_upscaler, upscale, upscale_array


@pytest.fixture(scope="module")
def tiny():
    return open_upscaler(tiny_upscaler())


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(100, 30, shape).astype(np.float32)


def header(**cards):
    made = fits.Header()
    made.update({key.replace("__", "-"): value for key, value in cards.items()})
    return made


def refusal(model, file, out, **options):
    with pytest.raises(LenszooError) as error:
        upscale(model, file, out, **options)
    message = str(error.value)
    assert "\n" not in message and str(file) in message
    assert not out.exists() or not list(out.iterdir())
    return message


class TestWhatIsWritten:
    def test_pixels_header_and_history(self, tiny, tmp_path):
        image = noise(31, 44)
        image[5, 6] = np.nan
        cards = header(OBJECT="COSMOS", EXPTIME=5.5, CRPIX1=3.0, CRPIX2=4.0, CTYPE1="RA---TAN")
        fits.writeto(tmp_path / "a.fits", image, cards, checksum=True)
        (done,) = upscale(tiny, tmp_path / "a.fits", tmp_path / "out", tile=20)
        assert done == (str(tmp_path / "a.fits"), tmp_path / "out" / "a.fits", "written", None)
        with fits.open(done.target) as hdus:
            hdus.verify("exception")
            assert len(hdus) == 1
            data, written = hdus[0].data, hdus[0].header
        assert written["BITPIX"] == -32 and (written["NAXIS1"], written["NAXIS2"]) == (88, 62)
        assert written["OBJECT"] == "COSMOS" and written["CRPIX1"] == 5.5
        assert "CHECKSUM" not in written and "BLANK" not in written
        expected = upscale_array(tiny, image)[..., 0]
        np.testing.assert_allclose(data, expected, atol=1e-3)
        np.testing.assert_array_equal(np.isnan(data), np.isnan(expected))
        history = "".join(written["HISTORY"])
        assert "upscaled by 2 with tiny" in history and "scaling auto" in history

    def test_history_names_the_file_of_weights(self, tmp_path):
        model = tiny_upscaler()
        path = tmp_path / ("long name " * 8 + "ü.keras")
        model.save(path)
        fits.writeto(tmp_path / "a.fits", noise(9, 9))
        upscale(path, tmp_path / "a.fits", tmp_path / "b.fits", conserve_flux=True)
        history = "".join(fits.getheader(tmp_path / "b.fits")["HISTORY"])
        assert hashlib.sha256(path.read_bytes()).hexdigest() in history
        assert "\\xfc.keras" in history and "flux conserved: yes" in history

    def test_scaled_integers(self, tiny, tmp_path):
        """BZERO, BSCALE and BLANK are gone, and the pixels are what they meant."""
        counts = np.random.default_rng(0).integers(0, 65536, (20, 21)).astype(np.uint16)
        fits.writeto(tmp_path / "a.fits", counts)
        assert fits.getheader(tmp_path / "a.fits")["BZERO"] == 32768
        upscale(tiny, tmp_path / "a.fits", tmp_path / "b.fits", conserve_flux=True)
        with fits.open(tmp_path / "b.fits") as hdus:
            assert not {"BZERO", "BSCALE"} & set(hdus[0].header)
            means = hdus[0].data.reshape(20, 2, 21, 2).mean((1, 3), dtype=np.float64)
        np.testing.assert_allclose(means, counts, atol=0.02)

    @pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.uint16, np.int64])
    def test_blank_is_nan(self, tiny, tmp_path, dtype):
        pixels = np.arange(99, dtype=dtype).reshape(9, 11)
        hdu = fits.PrimaryHDU(pixels)
        raw = int(pixels[4, 5]) - (32768 if dtype is np.uint16 else 0)
        hdu.header["BLANK"] = raw
        hdu.writeto(tmp_path / "a.fits")
        upscale(tiny, tmp_path / "a.fits", tmp_path / "b.fits")
        with fits.open(tmp_path / "b.fits") as hdus:
            assert "BLANK" not in hdus[0].header
            bad = np.argwhere(np.isnan(hdus[0].data)).tolist()
        assert bad == [[8, 10], [8, 11], [9, 10], [9, 11]]

    def test_compressed(self, tiny, tmp_path):
        image = noise(40, 50)
        plain = fits.PrimaryHDU(image, header(OBJECT="M31"))
        plain.writeto(tmp_path / "a.fits")
        (tmp_path / "b.fits.gz").write_bytes(gzip.compress((tmp_path / "a.fits").read_bytes()))
        fits.HDUList(
            [fits.PrimaryHDU(), fits.CompImageHDU(image, plain.header, compression_type="GZIP_2",
                                                 quantize_level=0)]
        ).writeto(tmp_path / "c.fits.fz")  # fmt: skip
        done = upscale(
            tiny, [tmp_path / n for n in ("a.fits", "b.fits.gz", "c.fits.fz")], tmp_path / "out"
        )
        assert [d.target.name for d in done] == ["a.fits", "b.fits", "c.fits"]
        images = [read_fits(str(d.target)).pixels for d in done]
        np.testing.assert_array_equal(images[0], images[1])
        np.testing.assert_array_equal(images[0], images[2])
        with fits.open(done[2].target) as hdus:
            assert hdus[1].header["OBJECT"] == "M31"
            assert not [key for key in hdus[1].header if key.startswith("Z")]

    def test_the_image_in_an_extension(self, tiny, tmp_path):
        primary = fits.PrimaryHDU(header=header(TELESCOP="HST", NEXTEND=2))
        table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1, 2])])
        science = fits.ImageHDU(noise(12, 13), header(CTYPE1="RA---TAN", CRPIX1=1.0), name="SCI")
        fits.HDUList([primary, table, science]).writeto(tmp_path / "a.fits")
        upscale(tiny, tmp_path / "a.fits", tmp_path / "b.fits")
        with fits.open(tmp_path / "b.fits") as hdus:
            hdus.verify("exception")
            assert [(h.name, h.shape) for h in hdus] == [("PRIMARY", ()), ("SCI", (24, 26))]
            assert hdus[0].header["TELESCOP"] == "HST" and hdus[0].header["NEXTEND"] == 1
            assert hdus["SCI"].header["CRPIX1"] == 1.5 and "HISTORY" in hdus["SCI"].header

    def test_cubes_are_bands(self, tmp_path):
        cube = noise(3, 20, 22)
        fits.writeto(tmp_path / "a.fits", cube)
        model = tiny_upscaler(bands=3)
        upscale(model, tmp_path / "a.fits", tmp_path / "b.fits")
        written = fits.getdata(tmp_path / "b.fits")
        assert written.shape == (3, 40, 44)
        expected = upscale_array(model, cube.transpose(1, 2, 0)).transpose(2, 0, 1)
        np.testing.assert_allclose(written, expected, atol=1e-3)

    def test_axes_of_length_one_stay(self, tiny, tmp_path):
        fits.writeto(tmp_path / "a.fits", noise(1, 1, 8, 9))
        upscale(tiny, tmp_path / "a.fits", tmp_path / "b.fits")
        assert fits.getdata(tmp_path / "b.fits").shape == (1, 1, 16, 18)

    def test_all_nan_and_one_pixel(self, tiny, tmp_path):
        fits.writeto(tmp_path / "a.fits", np.full((30, 40), np.nan, np.float32))
        fits.writeto(tmp_path / "b.fits", np.full((1, 1), 7.5, np.float32))
        upscale(tiny, [tmp_path / "a.fits", tmp_path / "b.fits"], tmp_path / "out")
        assert np.isnan(fits.getdata(tmp_path / "out" / "a.fits")).all()
        np.testing.assert_array_equal(fits.getdata(tmp_path / "out" / "b.fits"), 7.5)


class TestMagnitudes:
    @pytest.mark.parametrize("flux", ["surface_brightness", "per_pixel"])
    @pytest.mark.parametrize("own", [{"MAGZERO": 28.0}, {"BUNIT": "nJy"}, {}])
    def test_a_source_keeps_its_magnitude(self, tiny, tmp_path, own, flux):
        image = noise(24, 24)
        hdus = [fits.PrimaryHDU(header=header(ZP=27.0)), fits.ImageHDU(image, header(**own))]
        fits.HDUList(hdus).writeto(tmp_path / "a.fits")
        upscale(tiny, tmp_path / "a.fits", tmp_path / "out", flux=flux)

        def magnitude(path):
            (point,) = read_zero_points(path)
            return point - 2.5 * np.log10(fits.getdata(path).sum(dtype=float))

        fine = magnitude(tmp_path / "out" / "a.fits")
        assert fine == pytest.approx(magnitude(tmp_path / "a.fits"), abs=1e-4)

    def test_flux_per_area_is_no_flux_per_pixel(self, tiny, tmp_path):
        fits.writeto(tmp_path / "a.fits", noise(24, 24), header(BUNIT="MJy/sr"))
        message = refusal(tiny, tmp_path / "a.fits", tmp_path / "out", flux="per_pixel")
        assert "MJy/sr, flux per area" in message


class TestSeveralImages:
    @pytest.fixture
    def several(self, tmp_path):
        hdus = [fits.PrimaryHDU()]
        for version in (1, 2):
            for seed, name in enumerate(("SCI", "ERR")):
                image = noise(8, 9, seed=10 * version + seed)
                hdus.append(fits.ImageHDU(image, name=name, ver=version))
        fits.HDUList(hdus).writeto(tmp_path / "a.fits")
        return tmp_path / "a.fits"

    def test_it_asks_which(self, tiny, several, tmp_path):
        message = refusal(tiny, several, tmp_path / "out")
        assert "holds 4 images (1 SCI 8 x 9, 2 ERR 8 x 9, 3 SCI,2 8 x 9, 4 ERR,2" in message
        assert "a.fits[SCI]" in message

    @pytest.mark.parametrize(
        ("bracket", "hdu", "at"),
        [
            ("[3]", None, 3),
            ("[sci,2]", None, 3),
            ("[ERR, 1]", None, 2),
            ("", 4, 4),
            ("", "4", 4),
            ("", "SCI,1", 1),
            ("[2]", "SCI,1", 2),
        ],
    )
    def test_choosing(self, tiny, several, tmp_path, bracket, hdu, at):
        upscale(tiny, f"{several}{bracket}", tmp_path / "out", hdu=hdu, conserve_flux=True)
        written = fits.getdata(tmp_path / "out" / "a.fits", 1)
        means = written.reshape(8, 2, 9, 2).mean((1, 3), dtype=np.float64)
        np.testing.assert_allclose(means, fits.getdata(several, at), rtol=1e-5)

    @pytest.mark.parametrize(
        ("hdu", "message"),
        [
            ("SCI", "2 HDUs are called 'SCI'"),
            ("DQ", "no HDU 'DQ'"),
            (9, "no HDU 9"),
            (0, "HDU 0 holds no image"),
        ],
    )
    def test_bad_choices(self, tiny, several, tmp_path, hdu, message):
        assert message in refusal(tiny, several, tmp_path / "out", hdu=hdu)

    def test_a_primary_image_that_is_not_chosen_leaves_no_header(self, tiny, tmp_path):
        first = fits.PrimaryHDU(noise(5, 5), header(CRPIX1=99.0, OBJECT="other"))
        fits.HDUList([first, fits.ImageHDU(noise(6, 6), name="B")]).writeto(tmp_path / "a.fits")
        upscale(tiny, tmp_path / "a.fits", tmp_path / "b.fits", hdu="B")
        with fits.open(tmp_path / "b.fits") as hdus:
            assert hdus[0].data is None and "OBJECT" not in hdus[0].header
            assert hdus["B"].shape == (12, 12)


class TestDamage:
    def test_cut_short(self, tiny, tmp_path):
        fits.writeto(tmp_path / "whole.fits", noise(100, 100))
        content = (tmp_path / "whole.fits").read_bytes()
        for kept in (0, 100, 2880, 2881, 20000, 2880 + 39999):
            file = tmp_path / f"cut{kept}.fits"
            file.write_bytes(content[:kept])
            message = refusal(tiny, file, tmp_path / "out")
            assert "copy or make it again" in message or "no HDU" in message
        assert "truncated, 17,120 of 40,000 bytes" in refusal(
            tiny, tmp_path / "cut20000.fits", tmp_path / "out"
        )
        packed = tmp_path / "cut.fits.gz"
        packed.write_bytes(gzip.compress(content)[:9000])
        assert "copy or make it again" in refusal(tiny, packed, tmp_path / "out")

    def test_a_header_that_promises_too_much(self, tiny, tmp_path):
        """It costs nothing to forge, and must not cost memory."""
        fits.writeto(tmp_path / "a.fits", noise(10, 10))
        content = (tmp_path / "a.fits").read_bytes()
        for axis in (b"NAXIS1  =                   10", b"NAXIS2  =                   10"):
            assert axis in content
            content = content.replace(axis, axis[:-10] + b"     40000")
        (tmp_path / "b.fits").write_bytes(content)
        assert "truncated" in refusal(tiny, tmp_path / "b.fits", tmp_path / "out")

    @pytest.mark.parametrize(
        ("content", "message"),
        [(b"no FITS at all" * 999, "not a FITS file"), (b"\x89PNG\r\n", "not a FITS file")],
    )
    def test_no_fits(self, tiny, tmp_path, content, message):
        (tmp_path / "a.fits").write_bytes(content)
        assert message in refusal(tiny, tmp_path / "a.fits", tmp_path / "out")

    def test_nothing_to_upscale(self, tiny, tmp_path):
        table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1, 2])])
        fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / "a.fits")
        # a file of tables lists images
        assert "no column 'path'" in refusal(tiny, tmp_path / "a.fits", tmp_path / "out")
        fits.writeto(tmp_path / "b.fits", noise(200, 4, 5))
        assert "shape (200, 4, 5) is not one image" in refusal(
            tiny, tmp_path / "b.fits", tmp_path / "out"
        )
        fits.writeto(tmp_path / "c.fits", noise(3, 8, 8))
        assert "3 bands, but tiny takes 1" in refusal(tiny, tmp_path / "c.fits", tmp_path / "out")

    def test_coordinates_that_cannot_follow(self, tiny, tmp_path):
        fits.writeto(tmp_path / "a.fits", noise(9, 9), header(CPDIS1="LOOKUP"))
        assert "(CPDIS1 = 'LOOKUP')" in refusal(tiny, tmp_path / "a.fits", tmp_path / "out")
