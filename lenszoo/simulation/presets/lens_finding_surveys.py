"""Skies for lens finding in one survey: its bands, depth and seeing, and lenses as wide as groups.

Real cutouts of massive galaxies are crowded, their centres compact; these skies are alike.
"""

from dataclasses import replace

import numpy as np

from lenszoo.simulation.lens_systems import LensLaw
from lenszoo.simulation.non_lenses import SLOTS
from lenszoo.simulation.preset import Preset
from lenszoo.simulation.presets.lens_finding import EUCLID, LensFindingSky, sky_preset
from lenszoo.simulation.psf import MOFFAT_3_5
from lenszoo.simulation.survey import Band, Survey

# Noise and seeing of the CFHT Legacy Survey's wide fields, measured on cutouts of Space Warps; sky
# of MegaCam's general information
CFHTLS = Survey(
    bands=(
        Band("g", 0.80, 26.20, 5, 2.0, 21.5),
        Band("r", 0.74, 25.44, 5, 2.0, 20.9),
        Band("i", 0.68, 25.05, 5, 2.0, 20.3),
    ),
    pixels=64,
    pixel_scale=0.2,
    psf=MOFFAT_3_5,
    seeing_scatter=0.1,
)
# Seeing and sky as in the survey ps1_grizy; depth of point sources in the stacks (Chambers et al.
# 2016, arXiv:1612.05560), an aperture of the noise-equivalent area of that seeing; the correlation
# is that of the sky in real stacks
PS1 = Survey(
    bands=(
        Band("g", 1.47, 23.3, 5, 2.2, 21.92),
        Band("r", 1.31, 23.2, 5, 2.2, 20.83),
        Band("i", 1.19, 23.1, 5, 2.2, 19.79),
        Band("z", 1.14, 22.3, 5, 2.2, 19.24),
        Band("y", 1.09, 21.4, 5, 2.2, 18.24),
    ),
    pixels=64,
    pixel_scale=0.25,
    psf=MOFFAT_3_5,
    seeing_scatter=0.12,
    correlation=0.21,
)
# Depth of the coadds in an aperture of 1.95 arcsec, seeing and sky (Abbott et al. 2018,
# arXiv:1801.03181)
DES = Survey(
    bands=(
        Band("g", 1.12, 24.33, 10, 1.95, 22.01),
        Band("r", 0.96, 24.08, 10, 1.95, 21.15),
        Band("i", 0.88, 23.44, 10, 1.95, 19.89),
        Band("z", 0.84, 22.69, 10, 1.95, 18.72),
    ),
    pixels=64,
    pixel_scale=0.263,
    psf=MOFFAT_3_5,
    seeing_scatter=0.08,
    correlation=0.18,
)
# The camera of lens_finding_easy_vis in cutouts as wide as those of the survey euclid_vis
EUCLID_VIS = replace(EUCLID, pixels=100)
_MEGACAM = np.array([[0.847, 0.153, 0.0], [0.0, 0.976, 0.024], [0.0, 0.085, 0.915]])


def megacam(flux: np.ndarray) -> np.ndarray:
    """Turn fluxes in g, r and i of SDSS into those of MegaCam.

    Colour terms of the SNLS group, with the first i filter, as MegaPipe lists them (Gwyn 2008,
    arXiv:0710.0370): g' = g - 0.153 (g - r) and so on.
    """
    return np.exp(_MEGACAM @ np.log(flux))


_MIXTURE = {
    "elliptical": 0.20,
    "spiral": 0.22,
    "ring": 0.10,
    "merger": 0.18,
    "companion": 0.24,
    "edge_on": 0.04,
    "star": 0.02,
}
# beside lensed quasars, pairs of stars and of quasars
_MIXTURE_OF_POINTS = {
    "elliptical": 0.20,
    "spiral": 0.18,
    "ring": 0.07,
    "merger": 0.16,
    "companion": 0.20,
    "edge_on": 0.04,
    "star": 0.05,
    "pair": 0.10,
}
WIDE_SLOTS = {**SLOTS, "sersic": 26}
_POINT_SLOTS = {**SLOTS, "sersic": 20, "star": 4}
_CROWDED = {"crowding": 1.4, "red": 0.35, "most": 12}
_LESS_CROWDED = _CROWDED | {"most": 8}
# Centres as bright, red and compact as those of the candidates of Space Warps
_CFHTLS_LAW = LensLaw(
    (0.7, 4.5),
    signal_to_noise=30.0,
    contrast=0.06,
    offset=0.7,
    radius_shape=(1.0, 1.3),
    lens_redshift=(0.15, 0.90),
    largest_dispersion=900.0,
    galaxy_dispersion=330.0,
    brightness=(0.5, 2.0),
    compactness=(0.3, 0.8),
)
_DES_LAW = LensLaw(
    (0.8, 5.0),
    signal_to_noise=25.0,
    contrast=0.06,
    offset=0.8,
    radius_shape=(1.0, 1.5),
    lens_redshift=(0.12, 0.85),
    largest_dispersion=1000.0,
    galaxy_dispersion=330.0,
    brightness=(0.4, 2.0),
    compactness=(0.3, 0.9),
)
_PS1_LAW = LensLaw(
    (0.8, 5.5),
    signal_to_noise=20.0,
    contrast=0.06,
    offset=0.8,
    radius_shape=(1.0, 1.5),
    lens_redshift=(0.08, 0.80),
    largest_dispersion=1100.0,
    galaxy_dispersion=330.0,
    brightness=(0.3, 2.0),
    compactness=(0.3, 1.0),
    source_magnitude=(19.0, 27.0),
)
# Einstein radii of galaxies and small groups, narrow ones first: VIS resolves them
_EUCLID_LAW = LensLaw(
    (0.4, 4.0),
    signal_to_noise=20.0,
    contrast=0.03,
    offset=0.8,
    radius_shape=(1.0, 2.2),
    lens_redshift=(0.10, 1.0),
    largest_dispersion=900.0,
    galaxy_dispersion=330.0,
    brightness=(0.4, 2.0),
    compactness=(0.4, 1.0),
    source_magnitude=(20.5, 27.0),
)

PRESETS: tuple[Preset, ...] = (
    sky_preset(
        "lens_finding_cfhtls",
        "Galaxies and groups as lenses, g r i as in the CFHT Legacy Survey: radii to 4.5 arcsec",
        LensFindingSky(
            CFHTLS, _CFHTLS_LAW, _MIXTURE, groups=0.5, varied=0.6, crowded=_CROWDED,
            slots=WIDE_SLOTS, filters=megacam,
        ),
    ),
    sky_preset(
        "lens_finding_ps1",
        "Galaxies, groups and quasars lensed, g r i z y as in Pan-STARRS1: radii to 5.5 arcsec",
        LensFindingSky(
            PS1, _PS1_LAW, _MIXTURE_OF_POINTS, groups=0.5, varied=0.5, crowded=_LESS_CROWDED,
            slots=_POINT_SLOTS, quasars=0.45, depths=0.25, scatter=0.05, offset=1.0,
        ),
    ),
    sky_preset(
        "lens_finding_des",
        "Galaxies and groups as lenses, g r i z as in the Dark Energy Survey: radii to 5 arcsec",
        LensFindingSky(
            DES, _DES_LAW, _MIXTURE, groups=0.5, varied=0.6, crowded=_LESS_CROWDED,
            slots=_POINT_SLOTS, depths=0.15, scatter=0.05,
        ),
    ),
    sky_preset(
        "lens_finding_euclid",
        "Galaxies and groups as lenses in Euclid's VIS: radii from 0.4 to 4 arcsec",
        LensFindingSky(
            EUCLID_VIS, _EUCLID_LAW, _MIXTURE, groups=0.5, varied=0.6, crowded=_LESS_CROWDED,
            slots=WIDE_SLOTS, depths=0.1, offset=0.2,
        ),
    ),
)  # fmt: skip
