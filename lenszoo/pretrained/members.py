"""Members of an ensemble, which is a plain Keras model of a name."""

import keras

from lenszoo.layers import Stretch

NAME = "ensemble"
"""Name of a model that :func:`lenszoo.pretrained.ensembles.ensemble` made."""


def members(model: keras.Model) -> list[keras.Model]:
    """Return the members of an ensemble; none of any other model."""
    if model.name != NAME:
        return []
    return [layer for layer in model.layers if isinstance(layer, keras.Model)]


def measures_each_image(model: keras.Model) -> bool:
    """Whether a stretch takes level and scale from each image, whatever its unit and sky.

    Of an ensemble, whether one does in every member.
    """
    return all(
        any(isinstance(layer, Stretch) and layer.of_each_image for layer in network.layers)
        for network in members(model) or [model]
    )
