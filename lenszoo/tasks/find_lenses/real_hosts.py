"""Real galaxies beside a simulated sky: hosts of painted lenses, and non-lenses as they are."""

from dataclasses import dataclass

import numpy as np

from lenszoo.data import Dataset
from lenszoo.errors import LenszooError
from lenszoo.simulation import PaintLaw, get_survey, read_galaxies, read_stamps
from lenszoo.simulation.paint_galaxies import Galaxies
from lenszoo.simulation.paint_split import split_sides
from lenszoo.simulation.paint_stamps import Stamps
from lenszoo.simulation.preset import Preset
from lenszoo.tasks.find_lenses.painted import PaintedSide
from lenszoo.tasks.find_lenses.recipe import Negatives, RealSky

HELD_OUT = 0.3  # share of the galaxies that no training sees


@dataclass(frozen=True, eq=False)
class RealHosts:
    """Galaxies of one side of the split.

    Attributes:
        side: paints lenses on them.
        others: the galaxies as they are, in the unit of the sky.
    """

    side: PaintedSide
    others: Dataset

    def paint(self, n: int, start: int, seed: int) -> tuple[np.ndarray, list[str]]:
        """Paint n lenses from number ``start`` on; return them and the ids of their galaxies."""
        images, paintings = self.side.paint(range(start, start + n), seed)
        ids = self.side.painter.galaxies.ids
        return images.astype(np.float32), [ids[painting.row] for painting in paintings]


def open_hosts(real: RealSky, preset: Preset) -> tuple[RealHosts, RealHosts]:
    """Read the galaxies of a recipe that lenses are painted on: training ones and held-out ones.

    Args:
        real: with ``survey`` and ``catalogue``.
        preset: the sky beside them, whose bands and size the cutouts have.

    Raises:
        LenszooError: whatever is wrong with the files, in one line; a survey of other pixels than
            the sky's.
    """
    assert real.survey is not None and real.catalogue is not None
    size = preset.image_shape[0]
    survey = get_survey(real.survey).with_bands(preset.bands).sized(size)
    if abs(survey.pixel_scale_arcsec / preset.pixel_scale - 1) > 0.01:
        raise LenszooError(
            f'data.real.survey: {survey.name} has pixels of {survey.pixel_scale_arcsec:g}", '
            f'{preset.name} of {preset.pixel_scale:g}".'
        )
    galaxies = read_galaxies(
        survey, real.catalogue, images=real.folder, pattern=real.pattern, sky=real.sky
    )
    stamps = None if real.stamps is None else read_stamps(real.stamps)
    law = real.law or PaintLaw()

    def open_side(part: Galaxies, own: Stamps | None) -> RealHosts:
        side = PaintedSide(part, law, own, Negatives(), str(real.catalogue))
        return RealHosts(side, Dataset(part.ids, part.images * side.factor, bands=preset.bands))

    train, held = (open_side(*side) for side in split_sides(galaxies, stamps, HELD_OUT))
    return train, held
