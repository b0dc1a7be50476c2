import numpy as np
import pytest
from astropy.io import fits
from tinyupscaler import tiny_upscaler

from lenszoo.inference.upscaling import upscale_array


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "tiny.keras"
    tiny_upscaler().save(path)
    return path


@pytest.fixture
def images(tmp_path):
    (tmp_path / "in").mkdir()
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        fits.writeto(tmp_path / "in" / f"{name}.fits", rng.normal(0, 1, (30, 41)).astype("f4"))
    return tmp_path / "in"


def test_a_folder(lenszoo, weights, images, tmp_path):
    out = tmp_path / "out"
    done = lenszoo("upscale", weights, images, "--out", out)
    assert done.stdout == f"{out}: 2 files upscaled\n" and done.stderr == ""
    image = fits.getdata(images / "b.fits").astype(np.float32)
    expected = upscale_array(weights, image)[..., 0]
    np.testing.assert_allclose(fits.getdata(out / "b.fits"), expected, atol=1e-5)


def test_a_table_of_paths(lenszoo, refused, weights, images, tmp_path):
    table, out = tmp_path / "list.csv", tmp_path / "out"
    table.write_text("id,file\n1,in/b.fits\n", encoding="utf-8")
    command = ("upscale", weights, table, "--out", out)
    assert "columns are: id, file. Name yours with --path-column." in refused(*command)
    lenszoo(*command, "--path-column", "file")
    assert fits.getdata(out / "in" / "b.fits").shape == (60, 82)


def test_options(lenszoo, weights, images, tmp_path):
    file, out = images / "a.fits", tmp_path / "x.fits"
    lenszoo(
        "upscale", weights, file, "--out", out, "--scaling", "-5,5", "--conserve-flux",
        "--flux", "per_pixel", "--tile", 20, "--overlap", 7, "--batch-size", 2, "--scale", 2,
        "--hdu", 0,
    )  # fmt: skip
    image = fits.getdata(file).astype(np.float32)
    expected = upscale_array(
        weights, image, scaling=(-5, 5), conserve_flux=True, flux="per_pixel", tile=20, overlap=7
    )
    np.testing.assert_allclose(fits.getdata(out), expected[..., 0], atol=1e-5)


def test_going_on_and_failing(lenszoo, refused, weights, images, tmp_path):
    (images / "c.fits").write_bytes(b"broken" * 999)
    command = ("upscale", weights, images, "--out", tmp_path / "out")
    assert "c.fits: not a FITS file" in refused(*command)
    assert "a.fits: is there already" in refused(*command)
    done = lenszoo(*command, "--skip-existing", "--on-error", "skip")
    assert done.stdout == (
        f"{tmp_path / 'out'}: 0 files upscaled, 2 were there already, 1 failed\n"
    )
    assert done.stderr.startswith("warning: ") and "c.fits" in done.stderr
    done = lenszoo(*command, "--overwrite", "--on-error", "skip")
    assert ": 2 files upscaled, 1 failed" in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--scale", "4"), "tiny.keras upscales by 2, not by 4"),
        (("--scaling", "log"), "scaling must be 'auto', 'minmax', 'none' or two numbers"),
        (("--scaling", "3"), "scaling must be"),
        (("--scaling", "3,1"), "scaling must be"),
        (("--hdu", "SCI"), "no HDU 'SCI'"),
        (("--tile", "4"), "has no middle"),
    ],
)
def test_bad_options(refused, weights, images, tmp_path, options, message):
    assert message in refused("upscale", weights, images, "--out", tmp_path / "out", *options)


def test_bad_files(refused, weights, images, tmp_path):
    command = ("upscale", weights)
    assert "no such file" in refused(*command, tmp_path / "gone.fits", "--out", tmp_path / "out")
    file = images / "a.fits"
    assert "is an input itself" in refused(*command, file, "--out", file, "--overwrite")
    assert "gone.keras" in refused("upscale", "gone.keras", file, "--out", tmp_path / "out")
