"""A wide network that begins as a narrow one, and learns on from there."""

from collections.abc import Sequence

import keras
import numpy as np

from lenszoo.errors import LenszooError
from lenszoo.layers import BatchNormalization
from lenszoo.pretrained.ensembles import known_classes, same_classes
from lenszoo.pretrained.loading import load_model
from lenszoo.pretrained.saving import model_config

_KERNELS = (keras.layers.Conv2D, keras.layers.Dense)


def widen_from(weights: str, wide: keras.Model, classes: Sequence[str], seed: int) -> None:
    """Fill a classifier so that it answers as published or earlier weights do, see :func:`widen`.

    Args:
        weights: name or path of a classifier of fewer channels.
        wide: the classifier to fill.
        classes: the names of its classes, in order.
        seed: of the random numbers.

    Raises:
        LenszooError: as :func:`widen`; or the weights cannot be loaded or are of other classes.
    """
    known = known_classes(weights)
    if known is not None and not same_classes(known, classes):
        raise LenszooError(
            f"{weights} tells {', '.join(known)} apart, the images are of {', '.join(classes)}: "
            "choose weights of these classes, in this order."
        )
    widen(load_model(weights), wide, seed)


def widen(narrow: keras.Model, wide: keras.Model, seed: int = 0) -> None:
    """Fill a network so that it answers as one of fewer channels does (Net2WiderNet).

    Chen, Goodfellow & Shlens 2016, arXiv:1511.05641: every channel is repeated, and a weight that
    reads it is shared out among the copies. Here the shares differ, by random numbers as large as
    they are that add up to nothing, so that no two copies learn the same.

    Args:
        narrow: a network of convolutions, BatchNormalization and dense layers, with weights.
        wide: one of the same layers and names for the same bands and classes, each layer of as
            many channels or a multiple. Its weights are replaced.
        seed: of the random numbers.

    Raises:
        LenszooError: the layers differ in more than width, or one is of a kind that cannot be
            widened so. The wide network is then as it was.
    """
    rng = np.random.default_rng(seed)
    old, new = _with_weights(narrow), _with_weights(wide)
    _check_options(narrow, wide)
    names = list(old) == list(new)
    ends = [(m.input_shape[-1], m.output_shape[-1]) for m in (narrow, wide)]
    if not names or ends[0] != ends[1]:
        what = "bands or classes" if names else "layers"
        raise LenszooError(
            f"{wide.name} cannot begin as {narrow.name}: they are of other {what}; choose networks "
            "that differ in width alone."
        )
    flat = any(isinstance(layer, keras.layers.Flatten) for layer in wide.layers)
    filled = []
    for name, layer in new.items():
        parts = old[name].get_weights()
        shapes = [tuple(weight.shape) for weight in layer.weights]
        if shapes != [part.shape for part in parts]:
            _check(layer, [part.shape for part in parts], shapes, flat)
            parts = [_spread(part, shape, rng) for part, shape in zip(parts, shapes, strict=True)]
        filled.append((layer, parts))
    for layer, parts in filled:
        layer.set_weights(parts)


def _check_options(narrow: keras.Model, wide: keras.Model) -> None:
    """Raise LenszooError where an option differs that is no number: those are not of the width."""
    theirs, ours = (model_config(model)["options"] for model in (narrow, wide))
    for option, value in ours.items():
        other = theirs.get(option, value)
        numbers = all(type(x) in (int, float, list) for x in (value, other))
        if value != other and not numbers:
            raise LenszooError(
                f"{wide.name} cannot begin as {narrow.name}: options.{option} is {value!r} here "
                f"and {other!r} there; set it to {other!r}."
            )


def _with_weights(model: keras.Model) -> dict[str, keras.layers.Layer]:
    # only what leads from images to logits: a model in training may hold a teacher too
    layers = keras.Model(model.input, model.output).layers
    return {layer.name: layer for layer in layers if layer.weights}


def _check(
    layer: keras.layers.Layer,
    few: list[tuple[int, ...]],
    many: list[tuple[int, ...]],
    flat: bool,
) -> None:
    """Raise LenszooError unless the layer's weights may be repeated."""
    if flat or not isinstance(layer, (*_KERNELS, BatchNormalization)):
        kind = "Flatten" if flat else type(layer).__name__
        raise LenszooError(f"A network with a layer {kind} cannot begin as a narrower one.")
    fits = len(few) == len(many) and all(
        len(one) == len(other)
        and one[:-2] == other[:-2]
        and not any(n % m for m, n in zip(one[-2:], other[-2:], strict=True))
        for one, other in zip(few, many, strict=True)
    )
    if not fits:
        raise LenszooError(
            f"{layer.name} cannot begin as a narrower layer: its weights are of "
            f"{', '.join(map(str, many))}, no multiples of {', '.join(map(str, few))}."
        )


def _spread(part: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Repeat a vector ``(channels,)``, or a kernel ``(..., in, out)``, to the given shape."""
    part = np.concatenate([part] * (shape[-1] // part.shape[-1]), axis=-1)
    if part.ndim == 1 or part.shape == shape:
        return part
    copies = shape[-2] // part.shape[-2]
    shares = np.stack([part / copies] * copies, axis=-3)
    noise = rng.normal(scale=np.sqrt(np.mean(shares**2)), size=shares.shape)
    return (shares + noise - noise.mean(axis=-3, keepdims=True)).reshape(shape)
