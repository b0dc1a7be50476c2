"""The weights that a model in memory was loaded from, for as long as it still has them."""

import weakref
from collections.abc import Sequence

import keras

from lenszoo.pretrained.source import WeightsSource
from lenszoo.pretrained.temperature import weights_checksum

_ORIGINS: weakref.WeakKeyDictionary[keras.Model, tuple[list[WeightsSource], int]] = (
    weakref.WeakKeyDictionary()
)


def remember(model: keras.Model, sources: Sequence[WeightsSource]) -> keras.Model:
    """Note the sources that a model was loaded from, and return the model."""
    _ORIGINS[model] = list(sources), weights_checksum(model)
    return model


def recall(model: keras.Model) -> list[WeightsSource] | None:
    """Return the sources of a model; None where they are unknown or no longer true.

    Once it was trained, or given other weights, they are its own; and a file that was written since
    is another.
    """
    sources, checksum = _ORIGINS.get(model, ([], 0))
    if not sources or checksum != weights_checksum(model):
        return None
    return sources if all(source.unchanged for source in sources) else None
