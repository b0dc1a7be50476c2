"""Skies that weights were trained on, as the cards describe them: images, caveats, papers."""

from typing import NamedTuple

from lenszoo.errors import unknown


class Sky(NamedTuple):
    """A family of simulated skies.

    Attributes:
        what: what the images show.
        caveats: where the simulation is not the sky.
        papers: of the simulation and what it imitates, to be cited.
        scaling: what the training did to an image after the camera.
    """

    what: str
    caveats: tuple[str, ...]
    papers: str
    scaling: str


_MINMAX = (
    "each image scaled by itself, its faintest pixel to 0 and its brightest to 1, linear in flux"
)
_FLUX = (
    "sky-subtracted and linear in flux, AB zero point 25 (flux 1 is 25 mag), with the candidate in "
    "the middle; not scaled image by image"
)
_COMMON = Sky(
    "An isothermal lens with external shear at redshift 0.4 to 0.6 in front of a Sersic galaxy at "
    "0.8 to 1.2, seen at 0.05 arcsec a pixel: without substructure (`no`), with 25 CDM subhalos "
    "(`sphere`) or with a vortex of an ultra-light axion condensate (`vort`). It is a twin of the "
    "DeepLense common-test set, its law recovered from the published images.",
    (
        "There is no lens light, no neighbour and no artefact of a detector; noise is Poisson's.",
        "Shear and source angles run over 6.28 degrees, not 2 pi: rings are elongated along x.",
        "Einstein radii are computed with luminosity distances, as DeepLenseSim does.",
    ),
    "Alexander et al. 2020, arXiv:1909.07346",
    _MINMAX,
)
_MODEL_1 = Sky(
    "DeepLenseSim's Model I as coded: one lens of 10^12 solar masses at redshift 0.5, the same in "
    "every image, a source at 1.0 that moves, 150 pixels of 0.05 arcsec: without substructure "
    "(`no`), with 25 CDM subhalos (`sphere`) or with an axion vortex (`vort`).",
    (
        "The main lens never changes, so substructure shifts global statistics: a logistic "
        "regression on those nearly solves the task (the shortcut baseline).",
        "Subhalo masses follow m^-0.9 where m^-1.9 was meant, and there are always 25.",
        "The vortex passes through the centre; its length in the paper's kpc is read as arcsec.",
        "Einstein radii are computed with luminosity distances: 1.281 arcsec, not 1.665.",
        "Poisson noise is added twice, once as a Gaussian. There is no lens light.",
    ),
    "Alexander et al. 2020, arXiv:1909.07346; DeepLenseSim, github.com/mwt5345/DeepLenseSim",
    _MINMAX,
)
_LENSES = Sky(
    "Half of the cutouts are galaxies that lens another one; the others hold what is taken for "
    "lenses: ellipticals, spirals, rings, mergers, bright companions, edge-on discs and stars.",
    (
        "Half of the scenes are lenses; in the sky it is about one in a thousand.",
        "Einstein radii come from a broad law, not that of nature with its rare wide lenses.",
        "Noise is white; there are no bad pixels, saturated stars or residual background.",
    ),
    "Metcalf et al. 2019, arXiv:1802.03609; Collett 2015, arXiv:1507.02657",
    _FLUX,
)


def _seen(sky: Sky, how: str) -> Sky:
    return sky._replace(what=f"{sky.what} {how}")


_MODEL_2_CAVEATS = (
    *_MODEL_1.caveats[:3],
    "The code takes the Einstein radii as for a source at redshift 2.5: they are 0.813 arcsec.",
    "Noise is added once; the public code writes a noise-free image, a slip. There is no lens "
    "light.",
)
_PAIRS = Sky(
    "Pairs of one scene of `common_test_sim` as a coarse and a fine camera see it, 75 pixels of "
    "0.1 arcsec and 150 of 0.05, each with Poisson noise of its own.",
    (
        "Both cameras have the same PSF: what is learnt is finer pixels and less noise, not a "
        "sharper PSF.",
        *_COMMON.caveats[:2],
    ),
    _COMMON.papers,
    "each image scaled by itself, its faintest pixel to 0 and its brightest to 1, the fine image "
    "by the same map",
)

SKIES: dict[str, Sky] = {
    "common_test_sim": _COMMON,
    "common_test_sim_binary": _seen(
        _COMMON, "Here in two classes: the two kinds of substructure are one, `sub`."
    ),
    "common_test_sim_varied": _seen(
        _COMMON,
        "Here each scene is seen by another camera: with 0.5 to 3 times the noise, 0.5 to 2 times "
        "the PSF's width and 0.7 to 1.4 times the pixel scale, up to 5 pixels off centre and at "
        "any angle.",
    )._replace(
        caveats=(
            _COMMON.caveats[0],
            "PSFs are round Gaussians; noise, PSF and pixel scale are drawn one by one, as no "
            "survey's are.",
            _COMMON.caveats[2],
        )
    ),
    "common_test_los": _seen(
        _COMMON,
        "In every class 1,000 dark halos along the line of sight, on seven planes, deflect the "
        "light too.",
    ),
    "deeplense_model_1": _MODEL_1,
    "deeplense_model_2": _MODEL_1._replace(
        what="DeepLenseSim's Model II: the lenses of Model I as Euclid would see them, 64 pixels "
        "of 0.101 arcsec.",
        caveats=_MODEL_2_CAVEATS,
    ),
    "deeplense_model_3": _MODEL_1._replace(
        what="DeepLenseSim's Model III: the lenses of Model I as HST would see them, 64 pixels of "
        "0.08 arcsec.",
        caveats=_MODEL_2_CAVEATS,
    ),
    "sr_75_150": _PAIRS,
    "lens_finding_easy": _seen(
        _LENSES, "Wide, bright arcs in u g r i, at the depths of KiDS and in its seeing."
    ),
    "lens_finding_hard": _seen(
        _LENSES,
        "Faint arcs and small radii in u g r i, 0.4 mag less deep than KiDS and in the seeing of "
        "DES with broader wings.",
    ),
    "lens_finding_cfhtls": _seen(
        _LENSES,
        "Galaxies and groups as lenses in g r i, Einstein radii to 4.5 arcsec, as deep as the "
        "CFHT Legacy Survey and as crowded as its cutouts of massive galaxies.",
    ),
    "lens_finding_ps1": _LENSES._replace(
        what=f"{_LENSES.what} Galaxies, groups and quasars are lensed, in the bands, seeing and "
        "depth of the stacks of Pan-STARRS1, Einstein radii to 5.5 arcsec; the non-lenses include "
        "pairs of stars and of quasars.",
        caveats=(
            *_LENSES.caveats[:2],
            "Noise is that of the sky, correlated between neighbouring pixels; there are no bad "
            "pixels, saturated stars or residual background.",
            "Every galaxy is simulated, and the sky that lenses are painted into; fluxes in z and "
            "y follow from those in r and i.",
        ),
    ),
    "lens_finding_des": _LENSES._replace(
        what=f"{_LENSES.what} Galaxies and groups as lenses in g r i z, in the seeing and depth of "
        "the Dark Energy Survey, Einstein radii to 5 arcsec.",
        caveats=(
            *_LENSES.caveats[:2],
            "Simulated noise is correlated between neighbouring pixels; there are no bad pixels, "
            "saturated stars or residual background.",
            "Fluxes in z follow from those in r and i.",
        ),
    ),
    "lens_finding_euclid": _LENSES._replace(
        what=f"{_LENSES.what} Galaxies and groups as lenses in Euclid's VIS, as deep as the stacks "
        "of its Quick Release and as crowded as cutouts of massive galaxies, Einstein radii from "
        "0.4 to 4 arcsec.",
    ),
    "lens_finding_easy_vis": _seen(
        _LENSES, "Wide, bright arcs in Euclid's VIS, as deep as the stacks of its Quick Release."
    ),
    "lens_finding_hard_vis": _seen(
        _LENSES, "Faint arcs and small radii in one exposure of Euclid's VIS, its PSF widened."
    ),
}


def sky_of(preset: str) -> Sky:
    """What a card says of a preset.

    Raises:
        LenszooError: no card knows that sky.
    """
    if preset not in SKIES:
        raise unknown("sky of a card", preset, SKIES, "Add it to tools/skies.py.")
    return SKIES[preset]
