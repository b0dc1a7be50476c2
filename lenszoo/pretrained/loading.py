"""From a name to a model: the catalogue's row, its factory, its weights."""

import contextlib
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from lenszoo.data.untrusted import open_hdf5
from lenszoo.errors import LenszooError, counted
from lenszoo.layers import PositionEmbedding
from lenszoo.metrics.prevalence import joint_prevalence
from lenszoo.models.build import (
    HEAD,
    WRAPPED,
    Config,
    Shape,
    build,
    build_wrapped,
    check_config,
    model_config,
)
from lenszoo.models.registry import ModelSpec, model_info
from lenszoo.pretrained.claims import check_claims, stored_sizes
from lenszoo.pretrained.ensembles import ensemble
from lenszoo.pretrained.learned import note_learned, restore_temperature
from lenszoo.pretrained.origin import remember
from lenszoo.pretrained.saving import load_keras, load_weights, save_weights
from lenszoo.pretrained.source import WeightsName, WeightsSource, check_name, config_of, resolve
from lenszoo.pretrained.temperature import set_temperature, temperature_of

__all__ = [
    "build_model",
    "fingerprint",
    "load_model",
    "load_sources",
    "model_config",
    "save_weights",
]

# Options that a model may change and keep the weights of its backbone.
_FREE_OPTIONS = ("activation", "branch_dropout", "crop", "dropout", "head", "transformer_dropout")
# Values of an option between which the backbone's weights mean the same: asinh in units of the
# noise of the training images, or of each image.
_ALIKE = {"stretch": {"asinh", "noise"}}


def build_model(
    name: str,
    *,
    input_shape: tuple[int | None, int | None, int] | None = None,
    num_classes: int | None = None,
    weights: str | os.PathLike[str] | None = None,
    **options: Any,
) -> keras.Model:
    """Build a model of the catalogue by name: a plain, uncompiled ``keras.Model``.

    It takes float32 images in [0, 1] of shape ``(batch, height, width, bands)``; all scaling is
    inside. Classifiers return float32 logits ``(batch, num_classes)``, super-resolution networks
    float32 images ``(batch, scale * height, scale * width, bands)``, also under mixed precision;
    both return NaN for an image that holds a NaN or infinite pixel.

    Args:
        name: a row of the catalogue, see :func:`lenszoo.list_models`; or ``"classifier"``, which
            puts the zoo's scaling and head on ``backbone=``, any ``keras.Model`` (options:
            :func:`lenszoo.models.backbone_classifier.backbone_classifier`).
        input_shape: ``(height, width, bands)``; by default that of the weights, else the row's.
            ``None`` as height and width leaves the size open (of classifiers, ``head="pool"``
            only).
        num_classes: length of the logit vector; by default that of the weights, else 3. Another
            number than that of the weights gives a new, untrained head on the trained backbone.
            Super-resolution networks take none.
        weights: None for a random start; a tag or full name from the manifest; a path to a
            ``.weights.h5`` file, a ``.keras`` file or a run folder; ``"imagenet"`` (for some rows
            also ``"imagenet21k"``) or the path of such a published file (``.safetensors``,
            ``pytorch_model.bin``, ``.npz``, keras.applications' ``.h5``): backbone only, for any
            bands, see :mod:`lenszoo.pretrained.imported`. Weights of ``srresnet_1`` and its like
            start the generator of ``srgan``.
        **options: options of the model's factory, such as ``dropout=0.2`` or ``head="flatten"``.

    Raises:
        LenszooError: in one line, for an unknown name or option, an illegal value, weights that
            are missing, damaged, of another model, or of other bands, sizes or options.

    Example:
        >>> from lenszoo import build_model
        >>> model = build_model("simple_cnn", input_shape=(64, 64, 4), num_classes=2)
        >>> model.input_shape, model.output_shape
        ((None, 64, 64, 4), (None, 2))
    """
    if name == WRAPPED:
        if weights is not None:
            raise LenszooError(
                f"build_model({WRAPPED!r}) takes no weights: load them into the backbone, or open "
                "a saved .keras file with load_model."
            )
        return build_wrapped(input_shape, num_classes, options)
    spec = model_info(name)
    if weights is None:
        return build(check_config(spec, input_shape, num_classes, options))
    check_name(weights)
    # Late, here and below: other networks' files concern few who load weights.
    from lenszoo.pretrained.imported import fill, is_published

    if is_published(os.fspath(weights)):
        model = build(check_config(spec, input_shape, num_classes, options))
        fill(model, name, os.fspath(weights))
        return model
    source = resolve(weights, model=name)
    if source.is_model:
        trained = _load(source)
        stored = config_of(model_config(trained), source.file)
        return _adapted(source, trained, stored, spec, input_shape, num_classes, options)
    if source.config is None:
        # A file that only knows its tensors: the caller says which model, the shapes must agree.
        model = build(check_config(spec, input_shape, num_classes, options))
        load_weights(model, source.file)
        return model
    return _adapted(source, None, source.config, spec, input_shape, num_classes, options)


def load_model(name_or_path: WeightsName | Sequence[WeightsName]) -> keras.Model:
    """Load a model with its weights, ready to predict; compile it to train on.

    Args:
        name_or_path: a full name from the manifest such as ``"resnet18_slim.common_test_sim_v2"``,
            or a path to a run folder, a ``.weights.h5`` or a ``.keras`` file. A list of them gives
            their ensemble, see :func:`lenszoo.pretrained.ensembles.ensemble`.
            :func:`lenszoo.predict` knows the classes and the origin of the model until its
            weights change.

    Raises:
        LenszooError: in one line, when there is nothing of that name, or the file is missing,
            damaged, holds a Lambda, or does not answer as the manifest says it must.

    Example:
        >>> from lenszoo import load_model
        >>> model = load_model("resnet18_slim.common_test_sim_v2")
        >>> model.output_shape
        (None, 3)
    """
    if isinstance(name_or_path, Iterable) and not isinstance(name_or_path, str):
        return load_sources([resolve(name) for name in name_or_path])
    return load_sources([resolve(name_or_path)], one=True)


def load_sources(sources: Sequence[WeightsSource], one: bool = False) -> keras.Model:
    """Load weights that were resolved: as :func:`load_model`, an ensemble unless ``one``."""
    models = [_load(source) for source in sources]
    model = models[0] if one else ensemble(sources, models)
    if not (one and sources[0].is_model):
        classes = next((source.classes for source in sources if source.classes), ())
        note_learned(model, classes, joint_prevalence([one.prevalence for one in sources]))
    return remember(model, sources)


def _load(source: WeightsSource) -> keras.Model:
    if source.is_model:
        model = load_keras(source.file)
        restore_temperature(model)
        return model
    if source.config is None:
        raise LenszooError(
            f"{source.label} does not say which model it holds; "
            "use build_model(NAME, weights=PATH) with its name, shape and classes."
        )
    spec = model_info(source.config.model)
    return _adapted(source, None, source.config, spec, None, None, {})


def fingerprint(model: keras.Model, seed: int, input_shape: Shape | None = None) -> np.ndarray:
    """Return the model's answer to two fixed noise images, which tells weights apart.

    Args:
        model: a model of the zoo.
        seed: seeds the images: ``Generator(Philox(seed)).random((2, height, width, bands))``. A
            model that takes a table too is given one of noise, drawn in the same way.
        input_shape: ``(height, width, bands)``; by default the model's own. A super-resolution
            network of open size is asked at 8 x 8 pixels.

    Returns:
        The outputs, float32 ``(2, num_classes)``, or ``(2, number of pixels)`` for images.
    """
    several = isinstance(model.input, dict)
    noise = {}
    for name, tensor in (model.input if several else {"": model.input}).items():
        own = tensor.shape[1:]
        shape = tuple(input_shape if input_shape and len(own) == 3 else own)
        if None in shape and len(model.output_shape) == 4:
            shape = (8, 8, shape[2])
        if None in shape:
            raise LenszooError(f"{model.name} takes any size: give fingerprint an input_shape.")
        rng = np.random.Generator(np.random.Philox(seed))
        noise[name] = rng.random((2, *shape), dtype=np.float32)
    inputs = noise if several else noise[""]
    return keras.ops.convert_to_numpy(model(inputs, training=False)).reshape(2, -1)


# --- weights on a changed network ----------------------------------------------------------------


def _adapted(
    source: WeightsSource,
    trained: keras.Model | None,
    stored: Config,
    spec: ModelSpec,
    input_shape: Any,
    num_classes: Any,
    options: Mapping[str, Any],
) -> keras.Model:
    """Build the network that weights were made for, with the caller's changes, and fill it.

    Args:
        source: the weights.
        trained: the network that holds them, where it is loaded already.
        stored: its configuration.
        spec: the row to build.
        input_shape, num_classes, options: changes; None leaves what is stored.
    """
    if stored.model not in (spec.name, *spec.warm_starts):
        raise LenszooError(f"Weights {source.label} are for {stored.model}, not for {spec.name}.")
    config = check_config(
        spec,
        stored.input_shape if input_shape is None else input_shape,
        stored.num_classes if num_classes is None else num_classes,
        {**stored.options, **options},
    )
    _check_change(source.label, stored, config)
    reference = trained or _restore(source, stored)
    policy = keras.config.dtype_policy().name
    if config == stored and trained is None and policy == "float32":
        return reference
    model = build(config)
    nets = [(model, reference)]
    if hasattr(reference, "discriminator"):
        nets.append((model.discriminator, reference.discriminator))
    for pair in nets:
        # By order, not by name: keras.applications leaves some layers to a counter of the process.
        layers = ([x for x in net.layers if x.weights and x.name not in HEAD] for net in pair)
        for layer, old in zip(*layers, strict=True):
            weights = _carried(layer, old)
            if config.input_shape[2] != stored.input_shape[2]:
                fitted = _over_bands(layer, weights, stored.input_shape[2], config.input_shape[2])
                if fitted is None:
                    raise _other_bands(source.label, stored, config)
                weights = fitted
            layer.set_weights(weights)
    if not _new_head(stored, config):
        for name in HEAD:
            if any(layer.name == name for layer in model.layers):
                model.get_layer(name).set_weights(reference.get_layer(name).get_weights())
        set_temperature(model, temperature_of(reference))
    return model


def _carried(layer: keras.Layer, trained: keras.Layer) -> list[np.ndarray]:
    """Return a trained layer's weights for a layer of another image size."""
    weights = trained.get_weights()
    if getattr(trained, "grid", None) == getattr(layer, "grid", None):
        return weights
    from lenszoo.pretrained.imported.beit import resize_biases
    from lenszoo.pretrained.imported.vit import resize_positions

    old, new = trained.grid, layer.grid
    if isinstance(layer, PositionEmbedding):
        return [resize_positions(weights[0], old, new)]
    return [
        resize_biases(value, old, new) if variable.name == "bias_table" else value
        for variable, value in zip(trained.weights, weights, strict=True)
    ]


def _over_bands(
    layer: keras.Layer, weights: list[np.ndarray], trained: int, bands: int
) -> list[np.ndarray] | None:
    """Return a layer's weights for another number of bands; None where one does not fit.

    The kernel of a first convolution is summed over its bands, or the only one shared out over
    several; so are the scales of a stretch averaged or repeated.
    """
    from lenszoo.pretrained.imported.transfer import share_out

    carried = []
    for value, variable in zip(weights, layer.weights, strict=True):
        shape = tuple(variable.shape)
        if value.shape == (trained,) and shape == (bands,):
            value = np.repeat(value.mean(keepdims=True), bands)
        elif value.shape != shape:
            value = share_out(value, bands) if value.ndim == 4 else value
        if value.shape != shape:
            return None
        carried.append(value)
    return carried


def _new_head(old: Config, new: Config) -> bool:
    """Tell whether the head cannot be kept and starts untrained."""
    heads = (config.options.get("head") for config in (old, new))
    return new.num_classes != old.num_classes or len(set(heads)) > 1


def _check_change(label: str, old: Config, new: Config) -> None:
    """Raise LenszooError when weights cannot serve the new model; warn where they may suffer."""
    for option, value in new.options.items():
        stored = old.options.get(option, value)  # a warm start may have options of its own
        alike = value == stored or (option in _ALIKE and {value, stored} <= _ALIKE[option])
        if not alike and option not in _FREE_OPTIONS:
            raise LenszooError(
                f"Weights {label} are for {option}={stored!r}, got {value!r}: "
                "leave the option out, or build with weights=None."
            )
    bands, trained_bands = new.input_shape[2], old.input_shape[2]
    if bands != trained_bands:
        if 1 not in (bands, trained_bands) or (old.num_classes is None and not _finds(old)):
            raise _other_bands(label, old, new)
        how = "summed over the bands" if bands == 1 else f"shared out over {bands} bands"
        warnings.warn(
            f"Weights {label} are for {counted(trained_bands, 'band')}: the kernels of their first "
            f"layer are {how}, which answers alike to images that are alike in all bands; "
            "fine-tune.",
            stacklevel=4,
        )
    size, trained = _seen(new), _seen(old)
    if size == trained:
        return
    if new.options.get("head") == "flatten" and not _new_head(old, new):
        raise LenszooError(
            f"Weights {label} end in head='flatten' for {trained[0]} x {trained[1]} pixels, got "
            f"{size[0]} x {size[1]}: resize the images, or use head='pool' and train it."
        )
    if None not in size and None not in trained:
        warnings.warn(
            f"Weights {label} are for {trained[0]} x {trained[1]} pixels and will see "
            f"{size[0]} x {size[1]}: scores may be worse than measured.",
            stacklevel=4,
        )


def _seen(config: Config) -> tuple[int | None, int | None]:
    """Rows and columns of the images that a network looks at."""
    crop = config.options.get("crop")
    return config.input_shape[:2] if crop is None else (crop, crop)


def _finds(config: Config) -> bool:
    return model_info(config.model).finds_lenses


def _other_bands(label: str, old: Config, new: Config) -> LenszooError:
    return LenszooError(
        f"Weights {label} are for {counted(old.input_shape[2], 'band')}, got "
        f"input_shape={new.input_shape}: give images of {counted(old.input_shape[2], 'band')}, or "
        "train your own with weights=None."
    )


def _restore(source: WeightsSource, config: Config) -> keras.Model:
    """Build the model that the weights are for, in float32, load them and check its answer."""
    with open_hdf5(source.file) as file:
        sizes = stored_sizes(file)
    check_claims(source.file, sizes, lambda: build(config), config)
    with _float32():
        model = build(config)
        load_weights(model, source.file)
        if source.entry is not None:
            _check_fingerprint(model, source.entry)
            if source.entry.temperature is not None:
                set_temperature(model, source.entry.temperature)
    return model


def _check_fingerprint(model: keras.Model, entry: Any) -> None:
    """Raise LenszooError unless the model answers as its manifest entry recorded."""
    pinned = entry.fingerprint
    answer = fingerprint(model, pinned.seed, entry.input_shape)
    expected = np.asarray(pinned.logits, dtype=np.float32)
    # Not "difference > atol": a NaN answer must fail too.
    if answer.shape != expected.shape or not np.all(np.abs(answer - expected) <= pinned.atol):
        raise LenszooError(
            f"Weights {entry.name} were refused: the loaded model does not answer as the manifest "
            f"records (tolerance {pinned.atol:g}); update lenszoo, or fetch the file again."
        )


@contextlib.contextmanager
def _float32() -> Iterator[None]:
    """Work under the float32 policy, and restore the caller's."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
