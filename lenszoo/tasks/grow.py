"""A large network that begins as a small one, and learns on from there."""

from collections.abc import Sequence

import keras
import numpy as np

from lenszoo.errors import LenszooError
from lenszoo.models.build import model_config
from lenszoo.models.esrn import RESIDUAL
from lenszoo.pretrained.loading import load_sources
from lenszoo.pretrained.source import resolve
from lenszoo.tasks.grow_channels import channel_sources
from lenszoo.tasks.grow_depth import silence
from lenszoo.tasks.grow_width import check_width, spread

# by family: the layer after its blocks, each of which, silent, still multiplies by 1 + RESIDUAL
GAINS = {"esrn": "trunk"}
# options that say how many layers, channels or heads a network has
_SIZES = {
    "alpha", "blocks", "channels", "depth", "depths", "dim", "dims", "expansion", "growth",
    "heads", "mlp_dim", "width",
}  # fmt: skip
_IN_TRAINING = {"branch_dropout", "drop_path", "dropout", "transformer_dropout"}  # nothing after it


def grow_from(
    weights: str, large: keras.Model, seed: int, classes: Sequence[str] | None = None
) -> None:
    """Fill a network so that it answers as published or earlier weights do, see :func:`grow`.

    Args:
        weights: name or path of a smaller network.
        large: the network to fill.
        seed: of the random numbers.
        classes: of a classifier, the names of its classes, in order.

    Raises:
        LenszooError: as :func:`grow`; or the weights cannot be loaded or are of other classes.
    """
    source = resolve(weights)
    if source.classes and classes is not None and not source.has_classes(classes):
        raise LenszooError(
            f"{weights} tells {', '.join(source.classes)} apart, the images are of "
            f"{', '.join(classes)}: choose weights of these classes, in this order."
        )
    grow(load_sources([source], one=True), large, seed)


def grow(small: keras.Model, large: keras.Model, seed: int = 0) -> None:
    """Fill a network so that it answers as a smaller one does, up to rounding.

    In width (Net2WiderNet, Chen, Goodfellow & Shlens 2016, arXiv:1511.05641) every channel, token
    element or attention head is repeated, and a kernel that reads the copies shares itself out
    among them. The shares differ, by random numbers as large as they are that add up to nothing,
    so that no two copies learn the same. Layer normalisation sees the same mean and variance.

    In depth, residual blocks that the small network lacks keep their random start, and the last
    layer of each of their branches begins as zero (Goyal et al. 2017, arXiv:1706.02677): the block
    passes on what comes in. Those of ESRN, whose inner way around is inside the outer branch, pass
    on 1.2 times as much, and the layer after them answers so much less.

    Args:
        small: a network with weights, of layers as :func:`lenszoo.tasks.grow_width.spread` knows.
        large: one for the same bands and classes that has all its layers, by name, each of as many
            channels or a multiple, and perhaps more residual blocks. Its weights are replaced.
        seed: of the random numbers.

    Raises:
        LenszooError: the networks differ in more than width and residual blocks, or in layers of a
            kind that cannot be widened so. The large network is then as it was.
    """
    rng = np.random.default_rng(seed)
    old, new = _with_weights(small), _with_weights(large)
    _check_options(small, large)
    same_layers = old.keys() <= new.keys()
    ends = [(model.input_shape[-1], model.output_shape[-1]) for model in (small, large)]
    if not same_layers or ends[0] != ends[1]:
        difference = "bands or classes" if same_layers else "layers"
        raise LenszooError(
            f"{large.name} cannot begin as {small.name}: they are of other {difference}; choose "
            "networks that differ in width and residual blocks alone."
        )
    filled = silence(large, {layer.name for layer in small.layers})
    narrow = {name: layer.get_weights() for name, layer in old.items()}
    sources = channel_sources(large, narrow)
    for name, layer in new.items():
        if name not in narrow:
            continue
        parts = narrow[name]
        shapes = [tuple(weight.shape) for weight in layer.weights]
        if shapes != [part.shape for part in parts]:
            check_width(large, layer, [part.shape for part in parts], sources[name])
            parts = spread(layer, parts, sources[name], rng)
        if name == GAINS.get(large.name.partition("_")[0]):
            parts = [parts[0] / (1 + RESIDUAL) ** _more_blocks(small, large), *parts[1:]]
        filled.append((layer, parts))
    for layer, parts in filled:
        layer.set_weights(parts)


def _more_blocks(small: keras.Model, large: keras.Model) -> int:
    before, after = (model_config(model)["options"]["blocks"] for model in (small, large))
    return int(after - before)


def _check_options(small: keras.Model, large: keras.Model) -> None:
    """Raise LenszooError where an option differs that is no size, and changes what is answered."""
    before, after = (model_config(model)["options"] for model in (small, large))
    for option, value in after.items():
        other = before.get(option, value)
        if value != other and option not in _SIZES | _IN_TRAINING:
            raise LenszooError(
                f"{large.name} cannot begin as {small.name}: options.{option} is {value!r} here "
                f"and {other!r} there; set it to {other!r}."
            )


def _with_weights(model: keras.Model) -> dict[str, keras.layers.Layer]:
    # only the layers between input and output: a model in training may hold a teacher too
    layers = keras.Model(model.input, model.output).layers
    return {layer.name: layer for layer in layers if layer.weights}
