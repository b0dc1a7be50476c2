"""The families of keras.applications, with the zoo's input scaling and head.

Each factory scales images in [0, 1] to what the published weights of its family expect, with one
mean and one deviation for all bands, so the graph is the same whatever the weights and the bands.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras

from lenszoo.errors import unknown
from lenszoo.layers import BatchNormalization
from lenszoo.models.heads import InputShape, central, classifier, scale

# (mean, std) of pixels in [0, 1]; where the family's own differ between red, green and blue, their
# average
_TORCH = (0.449, 0.226)
_CAFFE = (114.8 / 255, 1 / 255)  # pixels up to 255 less their mean
_SIGNED = (0.5, 0.5)
# EfficientNet divides by 255 in its first layer, to which its Normalization, never adapted, adds
# nothing
_TIMES_255 = (0.449, 0.226 / 255)
_MOMENTUM = 0.9  # of running statistics, as in PyTorch and in the networks of our own

_HE = "He et al. 2016, arXiv:1512.03385"
_HUANG = "Huang et al. 2017, arXiv:1608.06993"
_TAN = "Tan & Le 2019, arXiv:1905.11946"


@dataclass(frozen=True)
class Application:
    """A net of keras.applications.

    Attributes:
        builder: its function there.
        scaling: mean and deviation of the pixels, in [0, 1], that it expects.
        paper: who published it.
        settings: what the function is called with besides.
    """

    builder: Callable[..., keras.Model]
    scaling: tuple[float, float]
    paper: str
    settings: dict[str, Any] = field(default_factory=dict)


_apps = keras.applications

# THE TABLE, by row of the catalogue
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

    def build(
        input_shape: InputShape,
        num_classes: int,
        *,
        activation: str | None = None,
        dropout: float = 0.0,
        head: str = "pool",
        until: str | None = None,
        crop: int | None = None,
        name: str = row,
    ) -> keras.Model:
        images = keras.Input(input_shape, name="images")
        backbone = net.builder(
            include_top=False,
            weights=None,
            input_tensor=scale(central(images, crop), *net.scaling),
            **net.settings,
        )
        _adopt_normalization(backbone)
        maps = backbone.output
        if until is not None:
            names = [x.name for x in backbone.layers if len(x.output.shape) == 4]
            if until not in names:
                raise unknown(f"layer of {name}", str(until), names)
            maps = backbone.get_layer(until).output
        return classifier(
            images,
            maps,
            num_classes,
            head=head,
            dropout=dropout,
            activation=activation,
            name=name,
        )

    build.__doc__ = f"""Build {net.builder.__name__} of keras.applications ({net.paper}).

    Args:
        input_shape: ``(height, width, bands)``; images in [0, 1].
        num_classes: length of the logit vector.
        activation: None for logits or ``"softmax"``.
        dropout: rate before the last layer.
        head: ``"pool"`` or ``"flatten"``.
        until: name of the layer to stop at, for a net that is less deep; None for all of it.
        crop: side in pixels of the central square that alone is looked at, at a cost that falls
            with its area; by default all of the image. For lenses that are centred and fit in.
        name: the model's name.

    Returns:
        A model from ``(batch, height, width, bands)`` to float32 ``(batch, num_classes)``.

    Raises:
        LenszooError: when an option is not legal.
    """
    build.__name__ = build.__qualname__ = row
    return build


def _adopt_normalization(backbone: keras.Model) -> None:
    """Give the backbone the fused BatchNormalization of the zoo, and its momentum.

    Some families have 0.999: until thousands of steps are done their stored statistics are those of
    a net that has long changed, and all answers outside training are noise. Of the two classes only
    ``call`` differs, so the layers change theirs where they stand: a clone with other layers would
    be built, and its weights drawn, a second time.
    """
    for layer in backbone.layers:
        if type(layer) is keras.layers.BatchNormalization:
            layer.__class__ = BatchNormalization
            layer.momentum = _MOMENTUM


def __getattr__(row: str) -> Callable[..., keras.Model]:
    """The factories are made from the table when they are asked for: ``applications.resnet50``."""
    if row not in APPLICATIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {row!r}")
    return _factory(row)
