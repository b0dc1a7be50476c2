"""Families of keras.applications, with the zoo's input scaling and head.

Each factory scales images in [0, 1] as the published weights of its family expect, with one mean
and one deviation for all bands: the graph does not depend on the weights and the bands.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras

from lenszoo.errors import LenszooError, unknown
from lenszoo.layers import BatchNormalization
from lenszoo.models.checks import check_share
from lenszoo.models.heads import classifier_factory, scale

# (mean, std) of pixels in [0, 1], averaged where they differ between red, green and blue
_TORCH = (0.449, 0.226)
_CAFFE = (114.8 / 255, 1 / 255)  # pixels up to 255 less their mean
_SIGNED = (0.5, 0.5)
# EfficientNet divides by 255 in its first layer; its Normalization is the identity until adapted
_TIMES_255 = (0.449, 0.226 / 255)
_MOMENTUM = 0.9  # of running statistics, as in PyTorch and in the other families of the zoo

_HE = "He et al. 2016, arXiv:1512.03385"
_HUANG = "Huang et al. 2017, arXiv:1608.06993"
_TAN = "Tan & Le 2019, arXiv:1905.11946"


@dataclass(frozen=True)
class Application:
    """A network of keras.applications.

    Attributes:
        builder: its function in keras.applications.
        scaling: mean and deviation of the pixels, in [0, 1], that it expects.
        paper: author, year and arXiv number.
        settings: further arguments of the function.
    """

    builder: Callable[..., keras.Model]
    scaling: tuple[float, float]
    paper: str
    settings: dict[str, Any] = field(default_factory=dict)


_apps = keras.applications

# by row of the registry
APPLICATIONS = {
    "resnet50": Application(_apps.ResNet50, _CAFFE, _HE),
    "resnet101": Application(_apps.ResNet101, _CAFFE, _HE),
    "xception": Application(_apps.Xception, _SIGNED, "Chollet 2017, arXiv:1610.02357"),
    "densenet121": Application(_apps.DenseNet121, _TORCH, _HUANG),
    "densenet169": Application(_apps.DenseNet169, _TORCH, _HUANG),
    "densenet201": Application(_apps.DenseNet201, _TORCH, _HUANG),
    "efficientnet_b2": Application(_apps.EfficientNetB2, _TIMES_255, _TAN),
    "efficientnet_b3": Application(_apps.EfficientNetB3, _TIMES_255, _TAN),
    "efficientnet_b4": Application(_apps.EfficientNetB4, _TIMES_255, _TAN),
    "efficientnet_b5": Application(_apps.EfficientNetB5, _TIMES_255, _TAN),
    "mobilenet_v3_small": Application(
        _apps.MobileNetV3Small,
        _SIGNED,
        "Howard et al. 2019, arXiv:1905.02244",
        {"include_preprocessing": False},
    ),
}


def _factory(row: str) -> Callable[..., keras.Model]:
    """Make the factory of a row of the table."""
    net = APPLICATIONS[row]

    def backbone(images: Any, *, alpha: float = 1.0, until: str | None = None) -> Any:
        check_share(alpha=alpha)
        model = net.builder(
            include_top=False,
            weights=None,
            input_tensor=scale(images, *net.scaling),
            **net.settings,
        )
        if alpha < 1:
            model = _narrow(model, alpha)
        _adopt_normalization(model)
        _number_names(model)
        if until is None:
            return model.output
        names = [x.name for x in model.layers if len(x.output.shape) == 4]
        if until not in names:
            raise unknown(f"layer of {row}", str(until), names)
        return model.get_layer(until).output

    backbone.__name__ = backbone.__qualname__ = row
    backbone.__doc__ = f"""Build {net.builder.__name__} of keras.applications ({net.paper}).

    Args:
        alpha: share of the channels that every convolution has, for a narrow network that costs
            the square of it (Howard et al. 2017, arXiv:1704.04861).
        until: name of the last layer, for a shallower network; None for all of it.
    """
    return classifier_factory(backbone)


def _narrow(backbone: keras.Model, alpha: float) -> keras.Model:
    """Build a backbone again, on the same images, with a share of the channels in every layer.

    Raises:
        LenszooError: the share leaves a layer with a part of a channel.
    """

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if "filters" in config:
            config["filters"] = share(config["filters"], layer.name)
        elif "target_shape" in config:  # of one value a channel, as squeeze-and-excitation has
            *sides, channels = config["target_shape"]
            config["target_shape"] = (*sides, share(channels, layer.name))
        return type(layer).from_config(config)

    def share(channels: int, layer: str) -> int:
        left = channels * alpha
        if left != int(left):
            raise LenszooError(
                f"alpha={alpha} leaves {left:g} of the {channels} channels of {layer}: choose a "
                "share that makes whole channels, such as 0.5."
            )
        return int(left)

    return keras.models.clone_model(backbone, input_tensors=backbone.inputs, clone_function=clone)


def _adopt_normalization(backbone: keras.Model) -> None:
    """Give the backbone the fused BatchNormalization of the zoo, and its momentum.

    With a momentum of 0.999, as in some families, the stored statistics lag thousands of steps
    behind the network, and predictions are noise until then. The two classes differ in ``call``
    alone, so the class of each layer is replaced in place: a clone would draw its weights again.
    """
    for layer in backbone.layers:
        if type(layer) is keras.layers.BatchNormalization:
            layer.__class__ = BatchNormalization
            layer.momentum = _MOMENTUM


def _number_names(backbone: keras.Model) -> None:
    """Count the layers that Keras names by itself from 1, as it counts those of all networks.

    Two networks can be matched by the names of their layers then, see :mod:`lenszoo.tasks.grow`.
    """
    numbers: Counter[str] = Counter()
    for layer in backbone.layers:
        kind = re.sub(r"_\d+$", "", layer.name)
        if layer.weights and kind.replace("_", "") == type(layer).__name__.lower():
            numbers[kind] += 1
            layer.name = f"{kind}_{numbers[kind]}"


def __getattr__(row: str) -> Callable[..., keras.Model]:
    """Make a factory from the table on access, as ``applications.resnet50``."""
    if row not in APPLICATIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {row!r}")
    return _factory(row)
