"""The average of a network over the steps of its training, which is smoother than the network."""

import keras

from lenszoo.pretrained.loading import build_model, model_config


def twin(model: keras.Model) -> keras.Model:
    """Build a model of the zoo again with the same weights, none of which trains."""
    config = model_config(model)
    shape = tuple(config["input_shape"])
    copy = build_model(config["model"], input_shape=shape, **config["options"])
    copy.set_weights(model.get_weights())
    copy.trainable = False
    return copy


def follow(average: keras.Model, now: keras.Model, memory: float, skip: str) -> None:
    """Move an average a little towards a network, its BatchNorm statistics included.

    Args:
        average: what moves.
        now: a model of the same layers.
        memory: share of itself that the average keeps.
        skip: weights of the average with this in their path stay as they are.
    """
    for mean, new in zip(average.weights, now.weights, strict=True):
        if skip not in mean.path:
            mean.assign(memory * mean + (1.0 - memory) * new)
