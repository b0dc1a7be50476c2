"""Members of an ensemble, which is a plain Keras model of a name."""

import keras

NAME = "ensemble"
"""Name of a model that :func:`lenszoo.pretrained.ensembles.ensemble` made."""


def members(model: keras.Model) -> list[keras.Model]:
    """Return the members of an ensemble; none of any other model."""
    if model.name != NAME:
        return []
    return [layer for layer in model.layers if isinstance(layer, keras.Model)]
