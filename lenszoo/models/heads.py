"""Classification head of all families, and the factory of a classifier from its backbone."""

import inspect
from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from lenszoo.errors import LenszooError, unknown
from lenszoo.layers import NonFiniteGuard
from lenszoo.models.checks import check_positive, check_rate
from lenszoo.models.factory import InputShape, complete

HEADS = ("flatten", "pool")
ACTIVATIONS = ("softmax",)
# pooling by rank: of a vector, of tokens, of maps
_POOLS = {2: layers.Identity, 3: layers.GlobalAveragePooling1D, 4: layers.GlobalAveragePooling2D}

_SHARED = """Args:
        input_shape: ``(height, width, bands)``; images in [0, 1].
        num_classes: length of the logit vector.
        activation: None for logits or ``"softmax"``.
        dropout: rate before the last layer.
        head: ``"pool"`` or ``"flatten"``.
        crop: side of the central square that the network sees [pixels], for lenses that are centred
            and fit in, at a cost proportional to its area; by default the whole image.
"""
_RETURNS = """        name: name of the model.

    Returns:
        A model from ``(batch, height, width, bands)`` to float32 ``(batch, num_classes)``.

    Raises:
        LenszooError: an option is not legal, or does not fit the image size.
"""


def classifier_factory(backbone: Callable[..., Any]) -> Callable[..., keras.Model]:
    """Turn a backbone into a factory of classifiers, with the zoo's head and its options.

    The factory is called ``factory(input_shape, num_classes, *, activation=None, dropout=0.0,
    head="pool", crop=None, name=..., **options)``; signature and docstring list the options of the
    backbone beside those of the head.

    Args:
        backbone: ``backbone(images, *, ...)`` from symbolic images ``(batch, height, width,
            bands)`` to feature maps, tokens or a vector, see :func:`classifier`. It may take
            ``head`` and ``name`` too.
    """
    passed_on = inspect.signature(backbone).parameters.keys() & {"head", "name"}

    def factory(
        input_shape: InputShape,
        num_classes: int,
        *,
        activation: str | None = None,
        dropout: float = 0.0,
        head: str = "pool",
        crop: int | None = None,
        name: str = backbone.__name__,
        **options: Any,
    ) -> keras.Model:
        images = keras.Input(input_shape, name="images")
        shared = {"head": head, "name": name}
        options |= {option: shared[option] for option in passed_on}
        maps = backbone(central_crop(images, crop), **options)
        return classifier(
            images, maps, num_classes, head=head, dropout=dropout, activation=activation, name=name
        )

    return complete(factory, backbone, _SHARED, _RETURNS)


def scale(images: Any, mean: float, std: float) -> Any:
    """Scale images to ``(images - mean) / std``, in float32 under any policy.

    One mean and one deviation serve all bands, so that a stem kernel summed over RGB acts on one
    band exactly as the original does on grey repeated three times.
    """
    return layers.Rescaling(1.0 / std, offset=-mean / std, dtype="float32", name="scale")(images)


def central_crop(images: Any, side: int | None) -> Any:
    """Crop images to the central square of ``side`` pixels; None keeps them whole.

    Raises:
        LenszooError: the images are smaller or of open size, or the margin would be uneven, so that
            the crop of a turned image would not be the turned crop.
    """
    if side is None:
        return images
    check_positive(crop=side)
    sizes = images.shape[1:3]
    if any(size is None or size < side or (size - side) % 2 for size in sizes):
        raise LenszooError(
            f"crop={side} needs images of a fixed size, larger by an even number of pixels, got "
            f"input_shape={images.shape[1:]}."
        )
    return layers.Cropping2D([(size - side) // 2 for size in sizes], name="crop")(images)


def classifier(
    images: Any,
    maps: Any,
    num_classes: int,
    *,
    head: str,
    dropout: float,
    activation: str | None,
    name: str,
) -> keras.Model:
    """Add the classification head: feature maps in, guarded float32 logits out.

    ``head="pool"`` is global average pooling, dropout and one dense layer, for images of any size.
    ``head="flatten"`` flattens the maps, then BatchNorm, dropout and one dense layer: it depends on
    the position of a feature and is bound to one image size. The layer ``features`` outputs the
    feature vector, ``logits`` is the dense layer.

    Args:
        images: the model's symbolic input, ``(batch, height, width, bands)``.
        maps: feature maps of the backbone, ``(batch, h, w, channels)``; tokens
            ``(batch, n, channels)``; or, for ``head="pool"``, a vector ``(batch, channels)``.
        num_classes: length of the logit vector.
        head: ``"pool"`` or ``"flatten"``.
        dropout: rate in [0, 1) before the dense layer.
        activation: None for logits, ``"softmax"`` for probabilities. Both are float32.
        name: name of the model.

    Raises:
        LenszooError: an option is not legal, or ``head="flatten"`` meets an open image size.
    """
    _check_options(images, num_classes, head, dropout, activation)
    if head == "pool":
        features = _POOLS[len(maps.shape)](name="features")(maps)
    else:
        features = layers.Flatten(name="features")(maps)
        features = layers.BatchNormalization(name="features_bn")(features)
    features = layers.Dropout(dropout, name="dropout")(features)
    # float32 under any policy: half precision ties and saturates the scores that are ranked
    outputs = layers.Dense(num_classes, dtype="float32", name="logits")(features)
    if activation is not None:
        outputs = layers.Activation(activation, dtype="float32", name="probabilities")(outputs)
    outputs = NonFiniteGuard(name="guard")(outputs, images)
    return keras.Model(images, outputs, name=name)


def _check_options(
    images: Any, num_classes: int, head: str, dropout: float, activation: str | None
) -> None:
    if head not in HEADS:
        raise unknown("head", head, HEADS)
    if activation is not None and activation not in ACTIVATIONS:
        raise unknown("activation", activation, ACTIVATIONS, "Or None, for logits.")
    if activation == "softmax" and num_classes < 2:
        raise LenszooError("activation='softmax' needs num_classes of 2 or more, got 1.")
    check_rate(dropout=dropout)
    if head == "flatten" and None in images.shape[1:]:
        raise LenszooError(
            f"head='flatten' needs a fixed image size, got input_shape={images.shape[1:]}; "
            "give the size or use head='pool'."
        )
