"""From a name to a model: the catalogue's row, its factory, its weights."""

import contextlib
import inspect
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lenszoo.errors import LenszooError, unknown
from lenszoo.layers import PositionEmbedding
from lenszoo.models.config import (
    NOT_OPTIONS,
    Config,
    Shape,
    check_classes,
    identify,
    make,
    plain,
    resolve,
)
from lenszoo.models.registry import ModelSpec, list_models, model_info
from lenszoo.pretrained.imported import fill, is_published
from lenszoo.pretrained.imported.beit import resize_biases
from lenszoo.pretrained.imported.transfer import HEAD
from lenszoo.pretrained.imported.vit import resize_positions
from lenszoo.pretrained.origin import remember
from lenszoo.pretrained.saving import (
    MODEL,
    RUN_FILE,
    find_weights,
    load_keras,
    load_weights,
    model_config,
    save_weights,
    weights_file,
)

__all__ = [
    "build_model",
    "fingerprint",
    "list_models",
    "load_model",
    "model_config",
    "model_info",
    "save_weights",
]

# not a row of the catalogue: the caller brings the network
WRAPPED = "classifier"
# Options that a model may change and keep the weights of its backbone.
_FREE_OPTIONS = ("activation", "branch_dropout", "crop", "dropout", "head", "transformer_dropout")


@dataclass(frozen=True)
class _Source:
    """Where weights come from.

    ``label`` is the name to show, ``path`` the file, ``config`` what it holds (None when unknown),
    ``entry`` its row in the manifest and ``model`` the model of a ``.keras`` file, if it is one.
    """

    label: str
    path: Path
    config: Config | None
    entry: Any = None
    model: keras.Model | None = None


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
            :func:`lenszoo.models.wrapped.wrapped`).
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
    """
    if keras.config.image_data_format() != "channels_last":
        raise LenszooError(
            "lenszoo works channels last: keras.config.set_image_data_format('channels_last')."
        )
    if name == WRAPPED:
        return _wrap(input_shape, num_classes, weights, options)
    spec = model_info(name)
    if weights is None:
        return make(resolve(spec, input_shape, num_classes, options))
    if is_published(os.fspath(weights)):
        model = make(resolve(spec, input_shape, num_classes, options))
        fill(model, name, os.fspath(weights))
        return model
    source = _find_source(weights, spec)
    if source.config is None:
        # A file that only knows its tensors: the caller says what it is, the shapes must agree.
        model = make(resolve(spec, input_shape, num_classes, options))
        load_weights(model, source.path)
        return model
    _check_model(source.label, source.config.model, spec)
    return _build_with(source, source.config, spec, input_shape, num_classes, options)


def load_model(
    name_or_path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
) -> keras.Model:
    """Load a model with its weights, ready to predict; compile it to train on.

    Args:
        name_or_path: a full name from the manifest such as ``"resnet18_slim.common_test_sim_v2"``,
            or a path to a run folder, a ``.weights.h5`` or a ``.keras`` file. A list of them gives
            their ensemble, see :func:`lenszoo.pretrained.ensembles.load_ensemble`. Of the model,
            :func:`lenszoo.predict` knows the classes and where it comes from, until its weights
            change.

    Raises:
        LenszooError: in one line, when there is nothing of that name, or the file is missing,
            damaged, holds a Lambda, or does not answer as the manifest says it must.
    """
    if isinstance(name_or_path, str | os.PathLike):
        names, model = [name_or_path], _load_one(name_or_path)
    else:
        from lenszoo.pretrained.ensembles import load_ensemble

        names = list(name_or_path)
        model = load_ensemble(names)
    paths = [path for name in names if (path := _as_path(name)) is not None]
    return remember(model, names, [weights_file(path) for path in paths])


def _load_one(name_or_path: str | os.PathLike[str]) -> keras.Model:
    path = _as_path(name_or_path)
    if path is not None and path.name.endswith(MODEL):
        return load_keras(path)
    source = _find_source(name_or_path, None)
    if source.config is None:
        raise LenszooError(
            f"{source.label} does not say which model it holds; "
            "use build_model(NAME, weights=PATH) with its name, shape and classes."
        )
    return _build_with(source, source.config, model_info(source.config.model), None, None, {})


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


def _wrap(input_shape: Any, num_classes: Any, weights: Any, options: dict[str, Any]) -> keras.Model:
    """Build a classifier on a backbone that the caller brings."""
    from lenszoo.models.wrapped import wrapped

    legal = [p for p in inspect.signature(wrapped).parameters if p not in NOT_OPTIONS]
    for option in options:
        if option not in legal:
            raise unknown(f"option of {WRAPPED}", option, legal)
    if "backbone" not in options:
        raise LenszooError(f"build_model({WRAPPED!r}) needs backbone=, a keras.Model.")
    if weights is not None:
        raise LenszooError(
            f"build_model({WRAPPED!r}) takes no weights: load them into the backbone, or open a "
            "saved .keras file with load_model."
        )
    classes = check_classes(WRAPPED, num_classes)
    options = plain(options)
    model = wrapped(input_shape, classes, name=WRAPPED, **options)
    identify(
        model, model.input_shape[1:], classes, options | {"backbone": options["backbone"].name}
    )
    return model


# --- weights -----------------------------------------------------------------------------------


def _as_path(name: str | os.PathLike[str]) -> Path | None:
    """Return the path that is meant, or None when it reads like a name of the manifest."""
    path = Path(name).expanduser()
    looks = isinstance(name, os.PathLike) or len(path.parts) != 1
    if looks or path.name.endswith((MODEL, ".h5")) or (path / RUN_FILE).is_file():
        return path
    return None


def _find_source(weights: str | os.PathLike[str], spec: ModelSpec | None) -> _Source:
    """Find weights by name or path and read what they hold."""
    path = _as_path(weights)
    if path is None:
        # Late, because a model without weights needs no manifest.
        from lenszoo.pretrained.manifest import get_entry
        from lenszoo.pretrained.store import fetch_weights

        entry = get_entry(str(weights), model=spec.name if spec else None)
        if spec is not None:
            _check_model(entry.name, entry.model, spec)
        known = resolve(
            model_info(entry.model), entry.input_shape, entry.num_classes, entry.options
        )
        return _Source(entry.name, fetch_weights(entry.name), known, entry)
    if path.name.endswith(MODEL):
        model = load_keras(path)
        return _Source(str(path), path, _read_config(model_config(model), path), model=model)
    file = find_weights(path)
    config = _read_config(file.identity, file.path) if file.identity is not None else None
    return _Source(str(file.path), file.path, config)


def _read_config(identity: Mapping[str, Any], path: Path) -> Config:
    """Check a ``model_config`` that was read from a file against the catalogue."""
    try:
        return resolve(
            model_info(identity["model"]),
            identity["input_shape"],
            identity["num_classes"],
            identity["options"],
        )
    except LenszooError as error:
        raise LenszooError(f"Cannot build the model of {path}: {error}") from None


def _check_model(label: str, model: str, spec: ModelSpec) -> None:
    """Raise LenszooError unless weights of ``model`` are of use to a row."""
    if model not in (spec.name, *spec.warm_starts):
        raise LenszooError(f"Weights {label} are for {model}, not for {spec.name}.")


def _build_with(
    source: _Source,
    old: Config,
    spec: ModelSpec,
    input_shape: Any,
    num_classes: Any,
    options: Mapping[str, Any],
) -> keras.Model:
    """Build what the weights were made for, changed as the caller wants, and fill it."""
    wanted = resolve(
        spec,
        old.input_shape if input_shape is None else input_shape,
        old.num_classes if num_classes is None else num_classes,
        {**old.options, **options},
    )
    _check_change(source.label, old, wanted)
    reference = source.model or _restore(source, old)
    policy = keras.config.dtype_policy().name
    if wanted == old and source.model is None and policy == "float32":
        return reference
    model = make(wanted)
    nets = [(model, reference)]
    if hasattr(reference, "discriminator"):
        nets.append((model.discriminator, reference.discriminator))
    for pair in nets:
        # By order, not by name: keras.applications leaves some layers to a counter of the process.
        layers = ([x for x in net.layers if x.weights and x.name not in HEAD] for net in pair)
        for layer, trained in zip(*layers, strict=True):
            layer.set_weights(_carried(layer, trained))
    if not _new_head(old, wanted):
        for name in HEAD:
            if any(layer.name == name for layer in model.layers):
                model.get_layer(name).set_weights(reference.get_layer(name).get_weights())
    return model


def _carried(layer: keras.Layer, trained: keras.Layer) -> list[np.ndarray]:
    """Return a trained layer's weights for a layer of another image size."""
    weights = trained.get_weights()
    if getattr(trained, "grid", None) == getattr(layer, "grid", None):
        return weights
    old, new = trained.grid, layer.grid
    if isinstance(layer, PositionEmbedding):
        return [resize_positions(weights[0], old, new)]
    return [
        resize_biases(value, old, new) if variable.name == "bias_table" else value
        for variable, value in zip(trained.weights, weights, strict=True)
    ]


def _new_head(old: Config, new: Config) -> bool:
    """Tell whether the head cannot be kept and starts untrained."""
    heads = (config.options.get("head") for config in (old, new))
    return new.num_classes != old.num_classes or len(set(heads)) > 1


def _check_change(label: str, old: Config, new: Config) -> None:
    """Raise LenszooError when weights cannot serve the wanted model; warn where they may suffer."""
    for option, value in new.options.items():
        known = old.options.get(option, value)  # a warm start may have options of its own
        if value != known and option not in _FREE_OPTIONS:
            raise LenszooError(
                f"Weights {label} are for {option}={known!r}, got {value!r}: "
                "leave the option out, or build with weights=None."
            )
    if new.input_shape[2] != old.input_shape[2]:
        raise LenszooError(
            f"Weights {label} are for {old.input_shape[2]} band(s), got "
            f"input_shape={new.input_shape}: give images of {old.input_shape[2]} band(s), or "
            "train your own with weights=None."
        )
    size, trained = new.input_shape[:2], old.input_shape[:2]
    if size == trained:
        return
    if new.options.get("head") == "flatten" and not _new_head(old, new):
        raise LenszooError(
            f"Weights {label} end in head='flatten' for {trained[0]} x {trained[1]} pixels, got "
            f"input_shape={new.input_shape}: resize the images, or use head='pool' and train it."
        )
    if None not in size and None not in trained:
        warnings.warn(
            f"Weights {label} are for {trained[0]} x {trained[1]} pixels and will see "
            f"{size[0]} x {size[1]}: scores may be worse than measured.",
            stacklevel=4,
        )


def _restore(source: _Source, config: Config) -> keras.Model:
    """Build the model that the weights are for, in float32, load them and check its answer."""
    with _float32():
        model = make(config)
        load_weights(model, source.path)
        if source.entry is not None:
            _check_fingerprint(model, source.entry)
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
    """Work under the float32 policy, whatever the caller has set."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
