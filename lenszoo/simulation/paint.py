"""Paint lensed sources on cutouts of a survey's own galaxies.

The cutout's light, neighbours, noise and artefacts stay as they are; only the arcs are simulated.
Painting ``i`` of a seed depends on the survey, the galaxies, the law, the seed and ``i`` alone: it
is painted on galaxy ``i`` modulo their number, so that any number of paintings goes round them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lenszoo.simulation.paint_draw import Painter, Painting
from lenszoo.simulation.paint_galaxies import Galaxies, arc_signal_to_noise
from lenszoo.simulation.paint_law import PaintLaw, check_index
from lenszoo.simulation.paint_lens import largest_separation
from lenszoo.simulation.paint_render import render_paintings, source_fluxes
from lenszoo.simulation.paint_stamps import Stamps
from lenszoo.simulation.random import scene_generator
from lenszoo.simulation.surveys import ImagingSurvey


@dataclass(frozen=True, eq=False)
class Paintings:
    """Galaxies with painted lenses.

    Attributes:
        images: (m, H, W, bands) float32, cutout and arcs, in the cutouts' unit of flux.
        arcs: the arcs alone, without noise, same shape.
        index: number of each painting, (m,) int64.
        rows: position of its galaxy, (m,) int64.
        truth: arrays (m,) by name: ``id`` of the galaxy, what was drawn and what the arcs measure.
            ``image_x`` and ``image_y``, the images of the source's centre from the middle of the
            cutout [arcsec], are object arrays of arrays.
        failures: number of each painting that was given up, and the floor at which most of its
            tries failed.

    Example:
        >>> from lenszoo.simulation import paint, simulate_galaxies
        >>> lenses = paint(simulate_galaxies("des_grizY", 2, seed=1), seed=2)
        >>> lenses.images.shape == lenses.arcs.shape
        True
    """

    images: np.ndarray
    arcs: np.ndarray
    index: np.ndarray
    rows: np.ndarray
    truth: dict[str, np.ndarray]
    failures: dict[int, str]

    def __len__(self) -> int:
        return len(self.index)


def paint(
    galaxies: Galaxies,
    n: int | None = None,
    *,
    seed: int = 0,
    start: int = 0,
    law: PaintLaw | None = None,
    stamps: Stamps | None = None,
) -> Paintings:
    """Paint lenses on galaxies.

    For each galaxy a lens is drawn from its redshift and velocity dispersion, or by the
    Faber-Jackson relation from its magnitude (slope of Bernardi et al. 2003, astro-ph/0301624): an
    isothermal ellipsoid along its light, with shear. A source behind it (a Sersic disc with
    star-forming clumps, coloured by templates at its redshift, or a stamp of a real galaxy) is
    traced on sub-pixels, blurred by each band's PSF, given photon noise, and added. Lenses that
    miss a floor of the law are drawn anew, up to ``law.tries`` times.

    Args:
        galaxies: from :func:`lenszoo.simulation.read_galaxies` or ``make_galaxies``.
        n: paintings, by default one a galaxy.
        seed: of the paintings.
        start: number of the first.
        law: Einstein radii, sources and floors.
        stamps: galaxies that serve as sources, from :func:`lenszoo.simulation.read_stamps`.

    Raises:
        LenszooError: a negative seed or start, or n below 1.

    Example:
        >>> from lenszoo.simulation import paint, simulate_galaxies
        >>> galaxies = simulate_galaxies("des_grizY", 4, seed=1)
        >>> lenses = paint(galaxies, seed=2)
        >>> lenses.images.shape[1:], len(lenses) + len(lenses.failures)
        ((64, 64, 5), 4)
    """
    n = len(galaxies) if n is None else n
    check_index(seed, start, n)
    return paint_some(Painter(galaxies, law or PaintLaw(), stamps), range(start, start + n), seed)


def paint_some(painter: Painter, indices: Sequence[int], seed: int) -> Paintings:
    """Paint the lenses of these numbers; see :func:`paint`."""
    galaxies = painter.galaxies
    paintings: list[Painting] = []
    numbers: list[int] = []
    failures: dict[int, str] = {}
    for i in indices:
        drawn = painter.draw(scene_generator(seed, i), i % len(galaxies))
        if isinstance(drawn, str):
            failures[i] = drawn
        else:
            paintings.append(drawn)
            numbers.append(i)
    rows = np.array([p.row for p in paintings], np.int64)
    rendered = render_paintings(
        paintings, galaxies.survey, galaxies.psfs, galaxies.psf_fwhm[rows], painter.stamps,
        painter.sources.reference,
    )  # fmt: skip
    arcs = rendered["arcs"]
    truth = _truth(painter, paintings, rows, arcs, rendered["magnification"])
    index = np.array(numbers, np.int64)
    return Paintings(galaxies.images[rows] + rendered["noisy"], arcs, index, rows, truth, failures)


def failure_text(floor: str, law: PaintLaw) -> str:
    """A sentence on the floor at which paintings of a galaxy fail."""
    low, high = law.einstein_radius_arcsec
    return {
        "einstein_radius": f'no Einstein radius within {low:g} to {high:g}"',
        "image_separation": f"images nearer than {law.image_separation_fwhm:g} times the seeing",
        "magnification": f"magnification below {law.magnification:g}",
        "arc_signal_to_noise": f"arcs below a signal-to-noise of {law.arc_signal_to_noise:g}",
        "arc_contrast": f"arcs fainter than {law.arc_contrast:g} times the galaxy's light",
    }[floor]


def _truth(
    painter: Painter,
    paintings: Sequence[Painting],
    rows: np.ndarray,
    arcs: np.ndarray,
    magnification: np.ndarray,
) -> dict[str, np.ndarray]:
    galaxies = painter.galaxies
    survey = galaxies.survey
    columns: dict[str, list] = {"id": [], **{name: [] for name in _names(survey)}}
    for p in paintings:
        s = p.source
        light = source_fluxes(p, survey, painter.stamps is not None).sum(1)
        values = {
            "id": galaxies.ids[p.row],
            "z_lens": p.z_lens,
            "velocity_dispersion": p.dispersion,
            "einstein_radius": p.lens.einstein_radius,
            "lens_x": p.x,
            "lens_y": p.y,
            "lens_e1": p.lens.e1,
            "lens_e2": p.lens.e2,
            "gamma1": p.lens.gamma1,
            "gamma2": p.lens.gamma2,
            "companions": len(p.lens.companions),
            "companions_einstein_radius": sum(radius for _, _, radius in p.lens.companions),
            "z_source": s.redshift,
            "source_x": p.source_x,
            "source_y": p.source_y,
            "source_r_eff": s.r_eff,
            "source_index": s.index,
            "source_e1": s.e1,
            "source_e2": s.e2,
            "source_stamp": s.stamp,
            "images": len(p.images),
            "image_separation": largest_separation(p.images),
            "tries": p.tries,
        }
        for band, own in zip(survey.bands, light, strict=True):
            values[f"source_magnitude_{band.name}"] = band.zero_point_mag - 2.5 * math.log10(own)
        for name, value in values.items():
            columns[name].append(value)
    # of no lenses, too, names are words and numbers whole
    truth: dict[str, np.ndarray] = {
        name: np.array(values, _TYPES.get(name, np.float64)) for name, values in columns.items()
    }
    truth["magnification"] = magnification
    truth["arc_signal_to_noise"] = _signal_to_noise(galaxies, rows, arcs)
    for axis, name in enumerate(("image_x", "image_y")):
        truth[name] = np.empty(len(paintings), object)
        for row, p in enumerate(paintings):
            truth[name][row] = p.images[:, axis] + (p.x, p.y)[axis]
    return truth


_WHOLE = ("companions", "source_stamp", "images", "tries")
_TYPES: dict[str, type] = {"id": np.str_, **dict.fromkeys(_WHOLE, np.int64)}


def _names(survey: ImagingSurvey) -> tuple[str, ...]:
    return (
        "z_lens", "velocity_dispersion", "einstein_radius", "lens_x", "lens_y", "lens_e1",
        "lens_e2", "gamma1", "gamma2", "companions", "companions_einstein_radius", "z_source",
        "source_x", "source_y", "source_r_eff", "source_index", "source_e1", "source_e2",
        "source_stamp", "images", "image_separation", "tries",
        *(f"source_magnitude_{band}" for band in survey.names),
    )  # fmt: skip


def _signal_to_noise(galaxies: Galaxies, rows: np.ndarray, arcs: np.ndarray) -> np.ndarray:
    """Signal-to-noise of the arcs of each painting, (m,)."""
    gain = galaxies.survey.gain
    result = np.empty(len(rows))
    for i, row in enumerate(rows):
        own = arcs[i].transpose(2, 0, 1).astype(np.float64)
        result[i] = arc_signal_to_noise(own, galaxies.light_and_weight(row)[1], gain)
    return result
