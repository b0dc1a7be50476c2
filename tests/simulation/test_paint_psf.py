import numpy as np
import pytest
from oneline import one_line

from lenszoo.simulation import get_survey, read_survey
from lenszoo.simulation.paint_draw import Painting
from lenszoo.simulation.paint_lens import Lens
from lenszoo.simulation.paint_psf import (
    band_psfs,
    check_psf,
    compressed,
    image_fwhm,
    stacked_matrices,
)
from lenszoo.simulation.paint_render import Grid, render_paintings
from lenszoo.simulation.paint_source import CLUMPS, Source

PIXEL = 0.2
POINT = 0.06  # half of the full width at half maximum of the point-like source [arcsec]
FILE = """
pixel_scale_arcsec = 0.2
cutout_size_pixels = 32
[[bands]]
name = "r"
wavelength_nm = [550, 700]
zero_point_mag = 25.0
gain_electrons_per_flux = 1e8
{psf}
"""


def moffat(fwhm, size=25, beta=3.0, q=0.9):
    """An elliptical Moffat profile in pixels, of sum 1."""
    radius = fwhm / 2 / np.sqrt(2 ** (1 / beta) - 1)
    y, x = np.mgrid[:size, :size] - size // 2
    u, v = 0.8 * x + 0.6 * y, 0.8 * y - 0.6 * x
    image = (1 + (q * u * u + v * v / q) / radius**2) ** -beta
    return image / image.sum()


def star(survey, x=0.0, y=0.0):
    """Paint a point-like source of magnitude 20 without a lens, (H, W)."""
    clumps = np.zeros((CLUMPS, 4))
    clumps[:, 2] = 1.0
    grey = np.zeros(1)
    source = Source(1.0, 2.0, 0.0, POINT, 0.5, 0.0, 0.0, grey, clumps, grey, core=1e-3)
    keys = np.zeros((1, 2), np.uint32)
    lens = Lens(0.0, 0.0, 0.0, 0.0, 0.0)
    painting = Painting(
        0, lens, x, y, 0.5, 200.0, source, 0.0, 0.0, 20.0, np.zeros((0, 2)), 1, keys
    )
    psfs = band_psfs(survey)
    width = np.array([[psf.fwhm for psf in psfs]])
    return render_paintings([painting], survey, psfs, width, None, 0)["arcs"][0, ..., 0]


@pytest.fixture
def survey(tmp_path):
    def write(psf):
        path = tmp_path / "own.toml"
        path.write_text(FILE.format(psf=psf))
        return read_survey(path)

    return write


@pytest.mark.parametrize("profile", ["gaussian", "moffat_3.5", "moffat_2.5"])
@pytest.mark.parametrize("fwhm", [0.6, 0.95])
def test_point_source_has_the_width_of_the_psf(survey, profile, fwhm):
    image = star(survey(f'psf_fwhm_arcsec = {fwhm}\npsf_profile = "{profile}"'), 0.1, 0.1)
    assert image_fwhm(image) * PIXEL == pytest.approx(np.hypot(fwhm, 2 * POINT), rel=0.02)
    inside = {"gaussian": 0.999, "moffat_3.5": 0.98, "moffat_2.5": 0.96}[profile]
    assert inside * 100 < image.sum() < 100.1  # 100 is magnitude 20


def test_point_source_has_the_image_of_the_psf(survey, tmp_path):
    psf = moffat(4.0)
    np.save(tmp_path / "psf.npy", psf)
    own = survey('psf_image = "psf.npy"')
    centred = star(own, 0.5 * PIXEL, 0.5 * PIXEL)  # the middle of pixel 16, 16
    np.testing.assert_allclose(centred[4:29, 4:29], 100 * psf, atol=0.03 * 100 * psf.max())
    assert image_fwhm(centred) == pytest.approx(image_fwhm(psf), rel=0.03)
    # between the pixels it keeps its light and its centre
    shifted = star(own, 0.13, -0.07)
    assert shifted.sum() == pytest.approx(100, rel=0.005)
    place = (np.arange(32) - 15.5) * PIXEL
    centroid = (shifted.sum(0) @ place / shifted.sum(), shifted.sum(1) @ place / shifted.sum())
    np.testing.assert_allclose(centroid, (0.13, -0.07), atol=0.01)


@pytest.mark.parametrize(
    "psf",
    [moffat(2.0 * 2.355, size=9, beta=50.0, q=1.0), np.random.default_rng(0).random((25, 25))],
    ids=["cut_at_its_rim", "of_full_rank"],
)
def test_no_light_of_the_image_is_lost(survey, tmp_path, psf):
    psf = 0.5 * (psf + psf[::-1, ::-1])  # centred
    np.save(tmp_path / "psf.npy", psf / psf.sum())
    own = survey('psf_image = "psf.npy"')
    for x, y in ((0.1, 0.1), (0.03, -0.08)):
        assert star(own, x, y).sum() == pytest.approx(100, rel=0.003)


def test_image_is_rebuilt_from_its_singular_vectors(survey, tmp_path):
    np.save(tmp_path / "psf.npy", moffat(4.0))
    psf = band_psfs(survey('psf_image = "psf.npy"'))[0]
    columns, rows = psf._vectors()
    assert np.abs(columns.T @ rows - psf.image).sum() < 1e-3
    assert psf.terms < 12


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: np.where(p == p.max(), np.nan, p), "1 pixels of the PSF are NaN"),
        (lambda p: 3 * p, "sum to 3, not to 1"),
        (lambda p: np.roll(p, 2, axis=1), "not centred"),
        (lambda p: p[:-1, :-1] / p[:-1, :-1].sum(), "an odd number of pixels"),
        (lambda p: np.pad(p, 20), "larger than the cutouts (32)"),
    ],
)
def test_bad_image(spoil, message):
    line = one_line(message, lambda: check_psf(spoil(moffat(4.0)), "psf.fits", PIXEL, 32))
    assert line.startswith("psf.fits: ")


def test_image_of_another_scale(survey, tmp_path):
    from astropy.io import fits
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cdelt = [-0.05 / 3600, 0.05 / 3600]
    image = moffat(4.0).astype("f4")
    fits.PrimaryHDU(image, wcs.to_header()).writeto(tmp_path / "psf.fits")
    own = survey('psf_image = "psf.fits"')
    one_line('the PSF has pixels of 0.05", the survey of 0.2"', lambda: band_psfs(own))


@pytest.mark.parametrize("name", ["kids_ugri", "euclid_vis"])
def test_compressed_matrices_blur_alike(name):
    survey = get_survey(name)
    grid, psfs = Grid.of(survey), band_psfs(survey)
    widths = np.array([psf.fwhm for psf in psfs])
    rows, columns = stacked_matrices(psfs, grid.pixels(), grid.samples(), widths)
    basis, fewer_rows, fewer_columns = compressed(rows, columns)
    bright = np.random.default_rng(0).random((grid.side, grid.side))
    whole = (rows @ bright @ columns.swapaxes(-1, -2)).sum(1)
    fewer = (fewer_rows @ (basis.T @ bright @ basis) @ fewer_columns.swapaxes(-1, -2)).sum(1)
    assert basis.shape[1] < 0.5 * grid.side
    np.testing.assert_allclose(fewer, whole, rtol=0, atol=2e-6 * whole.max())
