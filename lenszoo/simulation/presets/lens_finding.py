"""Skies for lens finding: central lenses, and galaxies that resemble them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as field_of
from typing import Any

import numpy as np

from lenszoo.simulation import colours, composite
from lenszoo.simulation.components import Component, banks
from lenszoo.simulation.lens_systems import Galaxy, LensLaw, LensSystem, draw_system
from lenszoo.simulation.non_lenses import KINDS, SLOTS, elliptical, field, group
from lenszoo.simulation.preset import Preset
from lenszoo.simulation.psf import MOFFAT_2_5, MOFFAT_3_5, PSF
from lenszoo.simulation.quasars import quasar_images
from lenszoo.simulation.random import noise_key
from lenszoo.simulation.scene import Scene
from lenszoo.simulation.survey import ZERO_POINT, Band, Survey, magnitude

# Depths: KiDS DR4, 5 sigma in 2 arcsec, and its r-band seeing (Kuijken et al. 2019,
# arXiv:1902.11265); seeing in u, g and i about that of KiDS DR3 (de Jong et al. 2017,
# arXiv:1703.02991). Sky: g, r, i of DES in Collett (2015, arXiv:1507.02657), u of a dark night.
KIDS = Survey(
    bands=(
        Band("u", 1.00, 24.23, 5, 2.0, 22.5),
        Band("g", 0.86, 25.12, 5, 2.0, 21.7),
        Band("r", 0.70, 25.02, 5, 2.0, 20.7),
        Band("i", 0.80, 23.68, 5, 2.0, 20.1),
    ),
    pixels=64,
    pixel_scale=0.2,
    psf=MOFFAT_3_5,
    seeing_scatter=0.08,
)
# Seeing of DES DR2 in g, r, i (Abbott et al. 2021, arXiv:2101.05765), broader wings, and noise of
# 0.4 mag less depth than KiDS: no one survey's, but another telescope's and a shorter exposure's.
SHALLOW = replace(
    KIDS,
    bands=tuple(
        replace(band, psf_fwhm=fwhm, depth=band.depth - 0.4)
        for band, fwhm in zip(KIDS.bands, (1.20, 1.11, 0.95, 0.88), strict=True)
    ),
    psf=MOFFAT_2_5,
    seeing_scatter=0.12,
)
# Width and depth (10 sigma in 1.3 arcsec) of the stacks of the Euclid Quick Release (McCracken et
# al. 2025, arXiv:2503.15303); the sky is lenstronomy 1.14.2's (arXiv:2405.13496). The wings are
# ours: some light of a diffraction-limited PSF lies far out.
EUCLID = Survey(
    bands=(Band("VIS", 0.16, 25.6, 10, 1.3, 22.3),),
    pixels=101,
    pixel_scale=0.1,
    psf=PSF(wings=0.15, ratio=3.0),
    seeing_scatter=0.02,
)
# One of the four exposures, and a PSF as wide as 0.2 arcsec
EUCLID_SINGLE = replace(
    EUCLID,
    bands=(Band("VIS", 0.20, 25.6 - 0.75, 10, 1.3, 22.3),),
    psf=PSF(wings=0.25, ratio=3.0),
    seeing_scatter=0.05,
)
_MOST_MEMBERS = 7  # of a group, beside the lens
# fractions of the kinds of non-lenses
MIXTURE = {
    "elliptical": 0.18,
    "spiral": 0.24,
    "ring": 0.11,
    "merger": 0.13,
    "companion": 0.22,
    "edge_on": 0.08,
    "star": 0.04,
}


@dataclass(frozen=True)
class LensFindingSky:
    """A survey, the lenses that can be found in it, and the kinds of non-lenses by fraction.

    Attributes:
        survey: the camera.
        law: of the lenses.
        mixture: share of each kind of non-lens.
        groups: share of lenses with fainter early types around them, at large Einstein radii.
        varied: share of non-lenses whose central galaxy is nearer or a disc, and so bluer: lenses
            are massive early types, and what is taken for them often is not.
        crowded: options of :func:`lenszoo.simulation.non_lenses.field`.
        slots: components of each profile.
        filters: turns fluxes in the bands of the colours into those of the camera.
        quasars: share of lenses whose source is a quasar, see :mod:`lenszoo.simulation.quasars`.
        depths: scatter of ln(noise) of each band from image to image.
        scatter: of ln(flux) in each band of each component, beside that of its colour.
        offset: largest distance of the scene's middle from the cutout's [arcsec]: catalogues give
            the position of one image, of the lens, or between them.
    """

    survey: Survey
    law: LensLaw
    mixture: Mapping[str, float]
    groups: float = 0.0
    varied: float = 0.0
    crowded: Mapping[str, Any] = field_of(default_factory=dict)
    slots: Mapping[str, int] = field_of(default_factory=lambda: SLOTS)
    filters: Callable[[np.ndarray], np.ndarray] | None = None
    quasars: float = 0.0
    depths: float = 0.0
    scatter: float = 0.0
    offset: float = 0.0

    def draw(self, rng: np.random.Generator, name: str, strength: float = 1.0) -> Scene:
        """Draw a scene; both classes draw a lens system first, from one law."""
        survey = self.survey
        system = draw_system(rng, self.law, survey)
        if self.offset:
            dx, dy = rng.uniform(-self.offset, self.offset, 2) * rng.random()
            system = replace(system, x=system.x + dx, y=system.y + dy)
        fwhm = survey.psf_fwhm * math.exp(rng.normal(0.0, 1.0) * survey.seeing_scatter)
        around = field(rng, survey, **self.crowded)
        if self.groups and rng.random() < self.groups * min(1.0, 0.4 + system.einstein_radius / 4):
            around += group(rng, system, survey, _MOST_MEMBERS)
        keys = np.stack([noise_key(rng) for _ in survey.bands])
        noise = np.exp(rng.normal(0.0, self.depths, len(survey.bands))) if self.depths else None
        is_lens = name == "lens"
        if is_lens:
            kind = "lens"
            middle = elliptical(rng, system, survey)
            stars = []
            if self.quasars and rng.random() < self.quasars:
                stars = quasar_images(rng, system, survey)
            if stars:
                kind, system = "quasar", _host(rng, system)
            middle += stars + _source(rng, system)
        else:
            kind = str(rng.choice(list(self.mixture), p=list(self.mixture.values())))
            if self.varied and rng.random() < self.varied:
                system = _bluer(rng, system, survey)
            middle = KINDS[kind](rng, system, survey)
        if self.filters is not None:
            middle, around = (
                [replace(c, flux=self.filters(c.flux)) for c in part] for part in (middle, around)
            )
        if self.scatter:
            middle, around = (_scattered(rng, part, self.scatter) for part in (middle, around))
        return Scene(
            values={
                "kind": kind,
                **_central(middle, system, survey),
                **_only(is_lens, system.truth(survey.names)),
                **{f"psf_fwhm_{n}": float(w) for n, w in zip(survey.names, fwhm, strict=True)},
            },
            keys=keys,
            arrays={
                **banks(middle + around, self.slots, len(survey.bands)),
                **_deflector(is_lens, system),
                "psf_fwhm": fwhm.astype(np.float32),
                **({} if noise is None else {"noise_factor": noise.astype(np.float32)}),
            },
        )


def _bluer(rng: np.random.Generator, s: LensSystem, survey: Survey) -> LensSystem:
    """Give the central galaxy the colours of a nearer one, of a disc in two thirds of the cases."""
    z = rng.uniform(0.05, 0.5)
    draw = colours.disc if rng.random() < 0.67 else colours.early_type
    unit = colours.fluxes(25.0, draw(rng, z), survey.names)
    flux = unit * (s.lens.flux.sum() / unit.sum())
    return replace(s, z_lens=z, lens=replace(s.lens, flux=flux))


def _host(rng: np.random.Generator, s: LensSystem) -> LensSystem:
    """Make the source the host galaxy of a quasar: fainter than a source that must be seen."""
    factor = rng.uniform(0.05, 0.7)
    source = replace(s.source, flux=s.source.flux * factor)
    return replace(s, source=source, arc_flux=s.arc_flux * factor)


def _scattered(
    rng: np.random.Generator, components: list[Component], scatter: float
) -> list[Component]:
    return [
        replace(c, flux=c.flux * np.exp(rng.normal(0.0, scatter, len(c.flux)))) for c in components
    ]


def _source(rng: np.random.Generator, s: LensSystem) -> list[Component]:
    """Draw the source; half of them have one or two bright clumps."""
    n = int(rng.choice(3, p=(0.5, 0.3, 0.2)))
    shares = rng.uniform(0.08, 0.25, n)
    clumps = [
        Galaxy(s.source.flux * share, s.source.r_eff * rng.uniform(0.12, 0.25), 1.0, 0.0, 0.0)
        for share in shares
    ]
    body = replace(s.source, flux=s.source.flux * (1 - shares.sum()))
    components = [body.component(s.source_x, s.source_y, _SOURCE_CORE, "source")]
    for clump in clumps:
        dx, dy = rng.normal(0.0, 0.6, 2) * s.source.r_eff
        components.append(clump.component(s.source_x + dx, s.source_y + dy, _SOURCE_CORE, "source"))
    return components


_SOURCE_CORE = 0.02  # [arcsec]; magnified, it is as wide as a sample


def _central(middle: list[Component], s: LensSystem, survey: Survey) -> dict[str, float]:
    """Magnitudes [mag] of the unlensed light centred on the lens galaxy; NaN without any."""
    own = [c.flux for c in middle if c.profile != "source" and (c.x, c.y) == (s.x, s.y)]
    own = own or [np.full(len(survey.bands), np.nan)]
    values = zip(survey.names, magnitude(np.sum(own, axis=0)), strict=True)
    return {f"central_magnitude_{name}": float(value) for name, value in values}


def _only(is_lens: bool, truth: Mapping[str, float]) -> dict[str, float]:
    return {name: value if is_lens else math.nan for name, value in truth.items()}


def _deflector(is_lens: bool, system: LensSystem) -> dict[str, np.ndarray]:
    values = system.deflector()
    massless = {"einstein_radius": 0.0, "gamma1": 0.0, "gamma2": 0.0}
    return {
        name: np.array([value], np.float32)
        for name, value in (values if is_lens else {**values, **massless}).items()
    }


def sky_preset(name: str, summary: str, sky: LensFindingSky) -> Preset:
    """Make a preset of a sky of lenses and other galaxies."""
    survey = sky.survey
    return Preset(
        name=name,
        summary=summary,
        classes=("nonlens", "lens"),
        instrument=survey,
        draw=sky.draw,
        observe=survey.observe,
        lens="sie",
        points={"nonlens": 0, "lens": 0},
        minmax=False,
        bands=survey.names,
        zero_point=ZERO_POINT,
        brightness=composite.brightness,
        blur=composite.blur,
        expose=composite.expose,
        measured=composite.MEASURED,
        reference="Metcalf et al. 2019, arXiv:1802.03609; Collett 2015, arXiv:1507.02657",
        notes=(
            "Half of the scenes are lenses; the real sky has about one in a thousand.",
            "Every scene draws a lens system; non-lenses put other light in the place of its arcs.",
            "Noise is white; there are no bad pixels, saturated stars or residual background.",
            "Lenses have Einstein radii drawn from a broad law, not the rarer wide ones of nature.",
        ),
    )


_EASY = LensLaw((1.0, 3.0), signal_to_noise=40.0, contrast=0.12)
_HARD = LensLaw((0.5, 2.0), signal_to_noise=20.0, contrast=0.06)


def _preset(name: str, summary: str, survey: Survey, law: LensLaw) -> Preset:
    return sky_preset(name, summary, LensFindingSky(survey, law, MIXTURE))


PRESETS = (
    _preset(
        "lens_finding_easy",
        "Lenses and galaxies that resemble them, u g r i as in KiDS: wide, bright arcs",
        KIDS,
        _EASY,
    ),
    _preset(
        "lens_finding_hard",
        "The same through worse seeing and more noise: faint arcs, small radii",
        SHALLOW,
        _HARD,
    ),
    _preset(
        "lens_finding_easy_vis",
        "Lenses and galaxies that resemble them in Euclid's VIS: wide, bright arcs",
        EUCLID,
        _EASY,
    ),
    _preset(
        "lens_finding_hard_vis",
        "The same in one exposure, the PSF wider: faint arcs, small radii",
        EUCLID_SINGLE,
        _HARD,
    ),
)
