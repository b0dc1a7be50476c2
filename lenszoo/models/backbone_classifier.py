"""Classifier on any Keras backbone, with the zoo's scaling and head."""

from typing import Any

import keras
from keras import layers

from lenszoo.errors import LenszooError, counted
from lenszoo.models.checks import check_scaling
from lenszoo.models.factory import InputShape
from lenszoo.models.heads import central_crop, classifier, scale


def backbone_classifier(
    input_shape: InputShape | None,
    num_classes: int,
    *,
    backbone: keras.Model,
    mean: float = 0.0,
    std: float = 1.0,
    activation: str | None = None,
    dropout: float = 0.0,
    head: str = "pool",
    crop: int | None = None,
    name: str = "classifier",
) -> keras.Model:
    """Build a classifier on any Keras backbone: keras.applications, KerasHub, keras-cv, your own.

    The backbone keeps its weights and stands in the model as one layer, ``backbone``.

    Args:
        input_shape: ``(height, width, bands)`` of images in [0, 1]; None for the backbone's own.
        num_classes: length of the logit vector.
        backbone: a model from images to feature maps ``(batch, h, w, channels)``, tokens
            ``(batch, n, channels)`` or a vector ``(batch, channels)``.
        mean: subtracted from the images before the backbone.
        std: divides them after that; a backbone that expects pixels up to 255 needs 1 / 255.
        activation: None for logits or ``"softmax"``.
        dropout: rate before the last layer.
        head: ``"pool"`` or ``"flatten"``.
        crop: side of the central square that the network sees [pixels]; by default the whole image.
        name: name of the model.

    Returns:
        A model from ``(batch, height, width, bands)`` to float32 ``(batch, num_classes)``. One band
        is repeated for a backbone of three.

    Raises:
        LenszooError: ``backbone`` is no keras.Model, or its bands, size or output do not fit.
    """
    source = _single_tensor(backbone, "input") if isinstance(backbone, keras.Model) else None
    if source is None:
        raise LenszooError(
            "backbone must be a keras.Model that takes images alone, "
            f"got {type(backbone).__name__}."
        )
    expected = tuple(source.shape[1:])
    shape = expected if input_shape is None else tuple(input_shape)
    size = shape[:2] if crop is None else (crop, crop)
    if len(expected) != 3 or len(shape) != 3:
        raise LenszooError(
            f"backbone {backbone.name} takes {expected}, not (height, width, bands)."
        )
    if expected[2] not in (None, shape[2]) and shape[2] != 1:
        raise LenszooError(
            f"backbone {backbone.name} takes {counted(expected[2], 'band')}, got "
            f"input_shape={shape}: build it for that, or give one band, which is repeated."
        )
    if any(a not in (None, b) for a, b in zip(expected[:2], size, strict=True)):
        raise LenszooError(
            f"backbone {backbone.name} takes {expected[0]} x {expected[1]} pixels, got "
            f"{size[0]} x {size[1]}: build it for that size."
        )
    check_scaling(mean, std)
    images = keras.Input(shape, name="images")
    x = scale(central_crop(images, crop), mean, std)
    if shape[2] == 1 and (expected[2] or 1) > 1:
        x = layers.Concatenate(name="bands")([x] * expected[2])
    if _single_tensor(backbone, "output") is None:
        raise LenszooError(
            f"backbone {backbone.name} gives several outputs: make a keras.Model that ends in one."
        )
    maps: Any = backbone(x)
    return classifier(
        images,
        maps[0] if isinstance(maps, list) else maps,
        num_classes,
        head=head,
        dropout=dropout,
        activation=activation,
        name=name,
    )


def _single_tensor(model: keras.Model, side: str) -> Any:
    """The one input (or output) tensor of a model; None where there are several, or one by name.

    A Sequential that was never called has ``inputs`` but no ``input``.
    """
    tensors = getattr(model, f"{side}s", None)
    named = isinstance(getattr(model, side, None), dict)
    return tensors[0] if tensors and len(tensors) == 1 and not named else None
