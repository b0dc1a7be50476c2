"""Inputs that the weights of a search learned on, for results that do not tell."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

from lenszoo.errors import LenszooError

log = logging.getLogger("lenszoo")

SIZE = (64, 64)
"""Height and width of cutouts where nothing tells them."""


class Trained(NamedTuple):
    """Inputs of a training.

    Attributes:
        size: height and width.
        reads_headers: whether zero points are read from headers.
    """

    size: tuple[int, int]
    reads_headers: bool


def trained_inputs(weights: Sequence[str]) -> Trained:
    """Return what the first of some weights learned on; 64 pixels, with a warning, if unknown."""
    from lenszoo.pretrained.manifest import get_entry

    shape: Sequence[int | None] | None
    try:
        entry = get_entry(weights[0])
        shape, inputs = entry.input_shape, entry.inputs
    except LenszooError:
        from lenszoo.pretrained.source import resolve  # imports Keras

        try:
            source = resolve(weights[0])
        except LenszooError as error:
            log.warning("%s Cutouts of %d pixels are shown.", error, SIZE[0])
            return Trained(SIZE, True)
        inputs = source.inputs
        shape = None if source.config is None else source.config.input_shape
    if shape is None:
        log.warning("%s: says no size; cutouts of %d pixels are shown.", weights[0], SIZE[0])
    height, width = (shape or SIZE)[:2]
    reads_headers = inputs is not None and inputs.zero_point is not None
    return Trained((height or SIZE[0], width or SIZE[1]), reads_headers)
