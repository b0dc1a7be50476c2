"""Scale of the images that a lens finder learns on, and how it differs from that of its weights."""

from dataclasses import asdict
from typing import Any

import numpy as np

from lenszoo.data import Cutouts
from lenszoo.data.input_scale import LEARNS, compare_scale, judge, measure_scale
from lenszoo.data.layouts import find_layout
from lenszoo.data.photometry import ZERO_POINT
from lenszoo.layers.stretch import OF_EACH_IMAGE
from lenszoo.pretrained.source import resolve
from lenszoo.tasks.find_lenses.recipe import LensData
from lenszoo.tasks.sources import TrainingData

SCALE_OF = 256  # images that noise, sky and peak are measured on


def input_scale(source: TrainingData, data: LensData) -> dict[str, Any] | None:
    """Measure noise, sky level and peak of the training images; None where there are none."""
    if source.image_shape is None:
        return None
    layout = find_layout(data.layout) if data.layout else None
    converted = data.zero_point is not None or (layout and layout.zero_point is not None)
    images = some_images(source.first())
    in_magnitudes = data.preset is not None or data.galaxies is not None or converted
    zero_point = ZERO_POINT if in_magnitudes else source.describe.get("zero_point")
    scale = measure_scale(images, zero_point)
    return None if scale is None else asdict(scale)


def check_inputs(weights: str, cutouts: Cutouts) -> None:
    """Warn, in a line, of images whose noise or sky is not that of the weights' own training."""
    source = resolve(weights)
    trained, config = source.inputs, source.config
    if trained is None or config is None or cutouts.images is None:
        return
    if config.options.get("stretch") in OF_EACH_IMAGE:
        return
    difference = compare_scale(some_images(cutouts), trained)
    judge(difference, "The training images", weights, refuse=False, consequence=LEARNS)


def some_images(cutouts: Cutouts) -> np.ndarray:
    """Return images evenly over all, (m, H, W, bands)."""
    rows = np.linspace(0, len(cutouts) - 1, min(len(cutouts), SCALE_OF)).astype(int)
    return np.asarray(cutouts.images[rows])
