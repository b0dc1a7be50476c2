import numpy as np
import pytest

from lenszoo.simulation import get_survey
from lenszoo.simulation.paint_mass import MassPriors, einstein_radius, velocity_dispersion


@pytest.fixture(scope="module")
def priors():
    return MassPriors(get_survey("des_grizY"))


def test_einstein_radius_is_astropys():
    from astropy import constants, units
    from astropy.cosmology import FlatLambdaCDM

    cosmology = FlatLambdaCDM(H0=70, Om0=0.3)
    ratio = 1 - cosmology.comoving_distance(0.5) / cosmology.comoving_distance(2.0)
    speed = (250 * units.km / units.s / constants.c).to_value("")
    angle = (4 * np.pi * speed**2 * ratio.to_value("") * units.rad).to_value("arcsec")
    assert einstein_radius(250.0, 0.5, 2.0) == pytest.approx(angle, rel=1e-3)
    assert velocity_dispersion(angle, 0.5, 2.0) == pytest.approx(250.0, rel=1e-3)


def test_catalogue_decides(priors):
    drawn = priors.prior(0.4, 231.0, np.full(5, np.nan)).draw(np.random.default_rng(0))
    assert drawn == (0.4, 231.0)


def test_faber_jackson(priors):
    """At the mean luminosity of Bernardi et al. (2003) the dispersion is about 160 km/s."""
    rng = np.random.default_rng(0)
    dispersions = []
    for r in (18.0, 19.0, 20.0):
        magnitude = np.array([np.nan, r, np.nan, np.nan, np.nan])
        prior = priors.prior(0.3, np.nan, magnitude)
        drawn = np.array([prior.draw(rng) for _ in range(400)])
        assert (drawn[:, 0] == 0.3).all()
        dispersions.append(np.log10(drawn[:, 1]).mean())
        assert np.log10(drawn[:, 1]).std() == pytest.approx(0.07, abs=0.015)
        # L grows as sigma^3.91
        expected = 2.20 - 0.4 / 3.91 * (np.interp(0.3, *_absolute(prior)) + 21.15)
        assert dispersions[-1] == pytest.approx(expected, abs=0.02)
    assert np.diff(dispersions) == pytest.approx([-0.4 / 3.91] * 2, abs=0.02)


def _absolute(prior):
    from lenszoo.simulation.paint_mass import _Z

    return _Z, prior.absolute


def test_a_galaxy_of_one_luminosity_has_one_dispersion_at_any_redshift(priors):
    from lenszoo.simulation.cosmology import comoving_distance

    dispersions = []
    for z in (0.01, 0.02, 0.0499, 0.05, 0.1):
        modulus = 5 * np.log10((1 + z) * comoving_distance(z) * 1e5)
        magnitude = np.array([np.nan, -22.0 + modulus, np.nan, np.nan, np.nan])
        rng = np.random.default_rng(0)
        dispersions.append(priors.prior(z, np.nan, magnitude).draw(rng)[1])
    assert np.ptp(dispersions) < 0.03 * np.mean(dispersions)
    at = [priors.prior(z, np.nan, np.full(5, 21.0)).draw(np.random.default_rng(0))[1]
          for z in (1.1999, 1.2001)]  # fmt: skip
    assert at[0] == pytest.approx(at[1], rel=1e-3)


def test_redshift_from_colours(priors):
    from lenszoo.simulation.paint_templates import magnitudes

    bands = [band.wavelength_nm for band in get_survey("des_grizY").bands]
    rng = np.random.default_rng(0)
    for z, r in ((0.25, 18.5), (0.5, 20.3)):
        track = magnitudes(bands, z, 0.0)
        prior = priors.prior(np.nan, np.nan, track - track[1] + r)
        drawn = np.array([prior.draw(rng)[0] for _ in range(300)])
        assert np.median(drawn) == pytest.approx(z, abs=0.06)
        assert drawn.std() < 0.1
    # one band tells little: fainter galaxies are farther away
    nothing = np.full(5, np.nan)
    medians = []
    for r in (18.0, 20.0):
        nothing[1] = r
        prior = priors.prior(np.nan, np.nan, nothing)
        medians.append(np.median([prior.draw(rng)[0] for _ in range(300)]))
    assert medians[0] < medians[1]


@pytest.mark.parametrize(
    ("absolute", "least", "most"), [(-21.15, -0.1, 0.0), (-22.6, -0.16, -0.04)]
)
def test_redshifts_from_colours_are_low_by_no_more_than_documented(absolute, least, most):
    """Of galaxies with the colours of Eisenstein et al. (2001), which age."""
    from lenszoo.simulation import colours
    from lenszoo.simulation.cosmology import comoving_distance
    from lenszoo.simulation.paint_mass import _Z

    priors = MassPriors(get_survey("kids_ugri").with_bands(("g", "r", "i")))
    for z in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7):
        g_r, r_i = (np.interp(z, colours._TRACK[:, 0], colours._TRACK[:, k]) for k in (2, 3))
        modulus = 5 * np.log10((1 + z) * comoving_distance(z) * 1e5)
        r = absolute + modulus + colours.k_correction(z)
        prior = priors.prior(np.nan, np.nan, np.array([r + g_r, r, r - r_i]))
        assert least < (prior.weight * _Z).sum() - z < most
