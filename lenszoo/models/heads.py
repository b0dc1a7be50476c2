"""The classification head that all families share, and the checks of its options."""

from typing import Any

import keras
from keras import layers

from lenszoo.errors import LenszooError, unknown
from lenszoo.layers import NonFiniteGuard

InputShape = tuple[int | None, int | None, int]

HEADS = ("flatten", "pool")
ACTIVATIONS = ("softmax",)
# by rank: a vector, tokens, maps
_POOLS = {2: layers.Identity, 3: layers.GlobalAveragePooling1D, 4: layers.GlobalAveragePooling2D}


def scale(images: Any, mean: float, std: float) -> Any:
    """Return ``(images - mean) / std``, in float32 whatever the policy.

    One mean and one deviation serve all bands, so that a stem kernel summed over RGB acts on one
    band exactly as the original does on grey repeated three times.
    """
    return layers.Rescaling(1.0 / std, offset=-mean / std, dtype="float32", name="scale")(images)


def central(images: Any, side: int | None) -> Any:
    """The central square of ``side`` pixels of images; all of them where ``side`` is None.

    Raises:
        LenszooError: the images are smaller or of open size, or the margin would be uneven, so that
            a turned image would not give the turned square.
    """
    if side is None:
        return images
    check_width(side, "crop")
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
    """Close a classifier: feature maps in, guarded float32 logits out.

    ``head="pool"`` is global average pooling, dropout and one dense layer; it takes images of any
    size. ``head="flatten"`` flattens the maps, then BatchNorm, dropout and one dense layer; it
    keeps where a feature was seen and is bound to one image size. The vector the head starts from
    is the output of the layer ``features``, and ``logits`` is the dense layer.

    A backbone that pools by itself, such as a transformer with a class token, gives a vector
    ``(batch, channels)`` instead of maps to ``head="pool"``; tokens ``(batch, n, channels)`` are
    pooled or flattened as maps are.

    Args:
        images: the model's symbolic input, ``(batch, height, width, bands)``.
        maps: the backbone's feature maps, ``(batch, h, w, channels)``, tokens
            ``(batch, n, channels)``, or a vector ``(batch, channels)``.
        num_classes: length of the logit vector.
        head: ``"pool"`` or ``"flatten"``.
        dropout: rate in [0, 1) before the dense layer.
        activation: None for logits, ``"softmax"`` for probabilities. Both are float32.
        name: the model's name.

    Raises:
        LenszooError: when an option is not legal, or ``head="flatten"`` meets an open image size.
    """
    _check_options(images, num_classes, head, dropout, activation)
    if head == "pool":
        features = _POOLS[len(maps.shape)](name="features")(maps)
    else:
        features = layers.Flatten(name="features")(maps)
        features = layers.BatchNormalization(name="features_bn")(features)
    features = layers.Dropout(dropout, name="dropout")(features)
    # float32 under any policy: half precision ties and saturates the scores that ranks are made of
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
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout < 1:
        raise LenszooError(f"dropout must be a number in [0, 1), got {dropout!r}.")
    if head == "flatten" and None in images.shape[1:]:
        raise LenszooError(
            f"head='flatten' needs a fixed image size, got input_shape={images.shape[1:]}; "
            "give the size or use head='pool'."
        )


def check_width(width: int, name: str = "width") -> None:
    """Raise LenszooError unless ``width``, channels or pixels, is a positive integer."""
    if isinstance(width, bool) or not isinstance(width, int) or width < 1:
        raise LenszooError(f"{name} must be a positive integer, got {width!r}.")
