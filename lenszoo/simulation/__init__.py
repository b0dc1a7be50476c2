"""Simulated lens images: draw -> trace -> shine -> observe."""

from lenszoo.simulation.cutouts import sample_cutouts
from lenszoo.simulation.perturbed import perturbed, varied
from lenszoo.simulation.presets import get_preset, list_presets
from lenszoo.simulation.sample import SPLIT_START, Sample, sample, sample_scenes
from lenszoo.simulation.stream import SimulatedDataset, stream
from lenszoo.simulation.write import DatasetSummary, write_dataset

__all__ = [
    "SPLIT_START",
    "DatasetSummary",
    "Sample",
    "SimulatedDataset",
    "get_preset",
    "list_presets",
    "perturbed",
    "sample",
    "sample_cutouts",
    "sample_scenes",
    "stream",
    "varied",
    "write_dataset",
]
