"""Simulated lens images: draw -> trace -> shine -> observe."""

from lenszoo.simulation.cutouts import sample_cutouts
from lenszoo.simulation.paint import Paintings, paint
from lenszoo.simulation.paint_catalogue import read_galaxies
from lenszoo.simulation.paint_galaxies import Galaxies, make_galaxies
from lenszoo.simulation.paint_law import PaintLaw
from lenszoo.simulation.paint_simulated import simulate_galaxies
from lenszoo.simulation.paint_stamps import make_stamps, read_stamps
from lenszoo.simulation.paint_write import PaintedSummary, write_paintings
from lenszoo.simulation.perturbed import perturbed, varied
from lenszoo.simulation.presets import get_preset, list_presets
from lenszoo.simulation.sample import SPLIT_START, Sample, sample, sample_scenes
from lenszoo.simulation.stream import SimulatedDataset, stream
from lenszoo.simulation.surveys import ImagingSurvey, get_survey, list_surveys, read_survey
from lenszoo.simulation.write import DatasetSummary, write_dataset

__all__ = [
    "SPLIT_START",
    "DatasetSummary",
    "Galaxies",
    "ImagingSurvey",
    "PaintLaw",
    "PaintedSummary",
    "Paintings",
    "Sample",
    "SimulatedDataset",
    "get_preset",
    "get_survey",
    "list_presets",
    "list_surveys",
    "make_galaxies",
    "make_stamps",
    "paint",
    "perturbed",
    "read_galaxies",
    "read_stamps",
    "read_survey",
    "sample",
    "sample_cutouts",
    "sample_scenes",
    "simulate_galaxies",
    "stream",
    "varied",
    "write_dataset",
    "write_paintings",
]


def __dir__() -> list[str]:
    """Return the public names, which Tab completes, without the modules below."""
    return __all__
