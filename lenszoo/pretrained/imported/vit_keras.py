"""Bring an old vit-keras fine-tune along: its weights in a ViT of the zoo, without vit-keras.

Nothing of the file is run: of a whole saved model only the tensors are read, so the Lambda layers
that vit-keras puts into every model do no harm.
"""

import contextlib
import io
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from lenszoo.data.untrusted import open_hdf5, open_zip
from lenszoo.errors import LenszooError, counted, one_line
from lenszoo.files import expanded, has_file
from lenszoo.pretrained.imported.transfer import transfer
from lenszoo.pretrained.imported.vit import names, square
from lenszoo.pretrained.loading import build_model

__all__ = ["from_vit_keras"]

Tensors = dict[str, np.ndarray]

_HEAD_SIZE = 64  # of vit-keras's own B and L configurations
_BLOCK = re.compile(r"Transformer[/_]encoderblock_(\d+)/")
_ATTENTION = "MultiHeadDotProductAttention_1"
_TABLE = "Transformer/posembed_input/pos_embedding"
_MLP = "Transformer/encoderblock_0/MlpBlock_3/Dense_0/kernel"
# Keras 3 numbers the variables of a layer in its files; the names are those of layer and file.
_FIRST = ("kernel", "gamma", "0")
_SECOND = ("bias", "beta", "1")


@dataclass(frozen=True)
class _Old:
    """Content of a file: tensors by Google's names, others by their own, and facts of the model."""

    label: str
    tensors: Tensors
    others: Tensors
    heads: int | None = None
    input_shape: tuple[int | None, ...] | None = None


def from_vit_keras(
    model_or_h5: Any,
    *,
    input_shape: tuple[int, int, int] | None = None,
    num_classes: int | None = None,
    heads: int | None = None,
    activation: str | None = None,
    pixels: tuple[float, float] = (-1.0, 1.0),
) -> keras.Model:
    """Rebuild a vit-keras model (0.1 or 0.2) as a ViT of the zoo, with its weights.

    The result takes images in [0, 1] and answers as the old model did. It returns logits, also
    where the old one ended in a softmax, unless ``activation="softmax"`` asks for that. It is a
    model like any other of ``build_model``: ``save_weights`` and ``load_model`` know it.

    Args:
        model_or_h5: a loaded vit-keras model, or the path of an ``.h5`` (weights or whole model,
            Keras 2 or 3), ``.weights.h5`` or ``.keras`` file. A Dense layer on top, of whatever
            name, is taken for the head; vit-keras's ``pre_logits`` is kept.
        input_shape: ``(height, width, bands)``. By default the old size, square where only the
            file is known, and the old bands. For another size the table of positions is resampled
            as vit-keras does it; one band instead of three sums the first kernel over RGB, which
            is exact for inputs of grey repeated three times.
        num_classes: give it to leave the old head behind, with all layers above the transformer,
            for a new, untrained one of so many classes.
        heads: attention heads; by default those of the file, else ``dim / 64``, which is right
            for vit-keras's own B and L.
        activation: None for logits or ``"softmax"``.
        pixels: the old model's input values of the darkest and the brightest pixel.
            vit-keras's ``preprocess_inputs`` gives -1 and 1; say ``(0, 1)`` or ``(0, 255)`` if
            it was not used. The change of scale goes into the first layer.

    Returns:
        A model from ``(batch, height, width, bands)`` to float32 ``(batch, num_classes)``.

    Raises:
        LenszooError: in one line, for a file that is missing, damaged or of another layout, layers
            that have no place in a ViT, tensors that are missing, or options that do not fit.

    Example:
        >>> from lenszoo import from_vit_keras
        >>> model = from_vit_keras("old_fine_tune.h5", num_classes=3)  # doctest: +SKIP
    """
    old = _read(model_or_h5)
    tensors = dict(old.tensors)
    _check_layout(old)
    head = None if num_classes is not None else _take_head(old, tensors)
    options = _options(old, tensors, heads)
    shape = _input_shape(old, tensors, input_shape)
    model = build_model(
        {192: "vit_ti16", 384: "vit_s16"}.get(options["dim"], "vit_b16"),
        input_shape=shape,
        num_classes=num_classes if head is None else head[0].shape[1],
        activation=activation,
        **options,
    )
    _split_heads(old, tensors, options["heads"])
    _rescale(tensors, pixels)
    transfer(model, tensors, names(model, "npz"), old.label, ignored=("head/*",))
    if head is not None:
        model.get_layer("logits").set_weights(head)
    return model


# --- parts of a fine-tuned model ---------------------------------------------------------------


def _check_layout(old: _Old) -> None:
    """Raise LenszooError unless the tensors that tell the model's sizes are there."""
    ranks = {"embedding/kernel": 4, _TABLE: 3, _MLP: 2}
    for name in ranks:
        if name not in old.tensors:
            raise LenszooError(f"{old.label} holds no vit-keras model: it has no {name}.")
    for name, rank in (ranks | {"pre_logits/kernel": 2}).items():
        if name in old.tensors and old.tensors[name].ndim != rank:
            shape = old.tensors[name].shape
            raise LenszooError(f"{old.label} holds no vit-keras model: its {name} is {shape}.")
    blocks = _blocks(old.tensors)
    if blocks != set(range(len(blocks))):
        raise LenszooError(f"{old.label} lacks some of the transformer's blocks: has {blocks}.")


def _blocks(tensors: Tensors) -> set[int]:
    matches = (re.match(r"Transformer/encoderblock_(\d+)/", name) for name in tensors)
    return {int(match[1]) for match in matches if match}


def _take_head(old: _Old, tensors: Tensors) -> list[np.ndarray]:
    """Find the kernel and bias of the one Dense layer on top."""
    candidates: dict[str, Tensors] = {}
    for name, value in (*tensors.items(), *old.others.items()):
        layer, _, variable = name.rpartition("/")
        if name.startswith("head/") or name in old.others:
            candidates.setdefault(layer, {})[variable] = value
    width = tensors.get("pre_logits/kernel", tensors["embedding/kernel"]).shape[-1]
    heads = [
        (kernel, bias if bias is not None else np.zeros(kernel.shape[-1], np.float32))
        for values in candidates.values()
        for kernel, bias in [(_one_of(values, _FIRST), _one_of(values, _SECOND))]
        if kernel is not None and kernel.ndim == 2 and len(kernel) == width and len(values) <= 2
    ]
    if len(candidates) == len(heads) == 1:
        kernel, bias = heads[0]
        if bias.shape == kernel.shape[1:]:
            return [kernel, bias]
    remedy = "give num_classes to bring the transformer alone, under a new head."
    if not candidates:
        raise LenszooError(f"{old.label} has no head: {remedy}")
    layers = ", ".join(sorted({layer.rpartition("/")[2] for layer in candidates}))
    raise LenszooError(
        f"{old.label} has layers on top that a ViT has no place for ({layers}): one Dense layer "
        f"can come along; {remedy}"
    )


def _one_of(values: Tensors, variables: tuple[str, ...]) -> np.ndarray | None:
    return next((values[name] for name in variables if name in values), None)


def _options(old: _Old, tensors: Tensors, heads: int | None) -> dict[str, Any]:
    """Read the options of our factory off the shapes."""
    kernel = tensors["embedding/kernel"]
    patch, width, _, dim = kernel.shape
    if patch != width:
        raise LenszooError(f"{old.label} has patches of {patch} x {width} pixels: not square.")
    if heads is None:
        heads = old.heads or (dim // _HEAD_SIZE if dim % _HEAD_SIZE == 0 else None)
    if heads is None:
        raise LenszooError(
            f"{old.label} does not say how many attention heads its {dim} channels have: "
            "give heads."
        )
    options = {
        "patch": patch,
        "dim": dim,
        "depth": len(_blocks(tensors)),
        "heads": heads,
        "mlp_dim": tensors[_MLP].shape[-1],
    }
    if "pre_logits/kernel" in tensors:
        options["representation"] = tensors["pre_logits/kernel"].shape[-1]
    return options


def _input_shape(old: _Old, tensors: Tensors, input_shape: Any) -> tuple[int, int, int]:
    """Take the caller's size, the old model's, or the square one of its table."""
    patch, _, bands, _ = tensors["embedding/kernel"].shape
    if input_shape is not None:
        shape = tuple(input_shape)
        if len(shape) == 3 and bands not in (shape[2], 3):
            raise LenszooError(
                f"{old.label} is for {counted(bands, 'band')}, got input_shape={shape}."
            )
        return shape
    if old.input_shape is not None and None not in old.input_shape:
        return old.input_shape  # type: ignore[return-value]
    count = tensors[_TABLE].shape[1] - 1
    try:
        rows, columns = square(count)
    except LenszooError:
        raise LenszooError(
            f"{old.label} is for images of {count} patches, which are not square: give input_shape."
        ) from None
    return rows * patch, columns * patch, bands


def _split_heads(old: _Old, tensors: Tensors, heads: int) -> None:
    """Give the attention's tensors the axis of heads that vit-keras flattens."""
    dim = tensors["embedding/kernel"].shape[-1]
    for name, value in tensors.items():
        if _ATTENTION not in name:
            continue
        part, variable = name.split("/")[-2:]
        if value.shape != ((dim, dim) if variable == "kernel" else (dim,)):
            raise LenszooError(
                f"{old.label}: {name} has the shape {value.shape} for {dim} channels."
            )
        if part != "out":
            tensors[name] = value.reshape(*value.shape[:-1], heads, dim // heads)
        elif variable == "kernel":
            tensors[name] = value.reshape(heads, dim // heads, dim)


def _rescale(tensors: Tensors, pixels: tuple[float, float]) -> None:
    """Let the first layer, which is now fed -1 to 1, see the values of before."""
    try:
        low, high = (float(value) for value in pixels)
    except (TypeError, ValueError):
        low = high = 0.0
    if not low < high or not np.isfinite([low, high]).all():
        raise LenszooError(f"pixels must be two rising numbers, such as (0, 255), got {pixels!r}.")
    kernel, bias = tensors["embedding/kernel"], tensors.get("embedding/bias")
    if (low, high) == (-1.0, 1.0) or bias is None:
        return
    tensors["embedding/bias"] = bias + kernel.sum(axis=(0, 1, 2)) * np.float32((low + high) / 2)
    tensors["embedding/kernel"] = kernel * np.float32((high - low) / 2)


# --- reading -----------------------------------------------------------------------------------


def _read(source: Any) -> _Old:
    """Read a model or a file."""
    if isinstance(source, str | os.PathLike):
        path = expanded(source)
        with _open(path) as (file, config):
            raw = _keras3(file["layers"]) if "layers" in file else _legacy(file)
            heads = re.search(r'"num_heads":\s*(\d{1,4})\b', config)
        return _sort(str(path), raw, heads=int(heads[1]) if heads else None)
    weights = getattr(source, "weights", None)
    if not isinstance(weights, list | tuple):
        raise LenszooError(
            f"from_vit_keras takes a model or the path of a file, got {type(source).__name__}."
        )
    raw = {getattr(weight, "path", weight.name): np.asarray(weight) for weight in weights}
    counts = (getattr(layer, "num_heads", None) for layer in _all_layers(source))
    shape = getattr(source, "input_shape", None)
    return _sort(
        f"Model {getattr(source, 'name', '')!r}",
        raw,
        heads=next((heads for heads in counts if heads), None),
        input_shape=tuple(shape[1:]) if isinstance(shape, tuple) and len(shape) == 4 else None,
    )


def _all_layers(model: Any) -> Iterator[Any]:
    for layer in getattr(model, "layers", ()):
        yield layer
        yield from _all_layers(layer)


@contextlib.contextmanager
def _open(path: Path) -> Iterator[tuple[h5py.File, str]]:
    """Open the HDF5 of a file, and give the text that describes the model's layers, if any."""
    if not has_file(path):
        raise LenszooError(f"There is no file {path}.")
    config, content = "", None
    try:
        if path.suffix == ".keras":
            with open_zip(path) as archive:
                config = archive.read("config.json").decode()
                content = io.BytesIO(archive.read("model.weights.h5"))
        with open_hdf5(path, content) as file:
            text = file.attrs.get("model_config", config)
            yield file, text.decode() if isinstance(text, bytes) else str(text)
    except LenszooError:
        raise
    except Exception as error:  # zipfile, h5py and NumPy have no common class of errors
        raise LenszooError(
            f"{path} is damaged or no file of weights ({one_line(error)}): get or make it again."
        ) from error


def _legacy(file: h5py.File) -> Tensors:
    """Read the layout of Keras 2: groups of layers, variables by name."""
    raw: Tensors = {}

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            raw[name] = np.asarray(node)

    file.get("model_weights", file).visititems(visit)
    return raw


def _keras3(layers: h5py.Group) -> Tensors:
    """Read the layout of Keras 3: groups by class, where ``vars`` knows the layer's name."""
    raw: Tensors = {}

    def visit(path: str, node: Any) -> None:
        if not isinstance(node, h5py.Dataset) or "/seed_generator/" in path:
            return
        *groups, _, number = path.split("/")
        above = ("/".join([*groups[: depth + 1], "vars"]) for depth in range(len(groups)))
        names = [str(layers[group].attrs.get("name", "")) for group in above if group in layers]
        raw["/".join([*filter(None, names), number])] = np.asarray(node)

    layers.visititems(visit)
    return raw


def _sort(label: str, raw: Mapping[str, np.ndarray], **facts: Any) -> _Old:
    """Give every tensor of vit-keras the name that Google's files have, and set the rest apart."""
    tensors: Tensors = {}
    others: Tensors = {}
    for name, value in raw.items():
        if not np.issubdtype(value.dtype, np.floating):
            if "seed" in name:
                continue
            raise LenszooError(f"{label}: {name} holds no numbers of a network ({value.dtype}).")
        clean = name.partition(":")[0]
        official = _official_name(clean)
        if official in tensors:
            raise LenszooError(f"{label} holds more than one transformer: {clean} is there twice.")
        (others if official is None else tensors)[official or clean] = value.astype(np.float32)
    return _Old(label, tensors, others, **facts)


def _official_name(path: str) -> str | None:
    """Turn a variable's path into the name Google's npz has for it; None for foreign layers."""
    layer, _, variable = path.rpartition("/")
    last = layer.rpartition("/")[2]
    if last.endswith("posembed_input"):
        return _TABLE
    if last == "class_token":
        return "cls"
    order = 0 if variable in _FIRST else 1 if variable in _SECOND else None
    if order is None:
        return None
    dense, norm = ("kernel", "bias")[order], ("scale", "bias")[order]
    if last in ("embedding", "pre_logits", "head"):
        return f"{last}/{dense}"
    if last.endswith("encoder_norm"):
        return f"Transformer/encoder_norm/{norm}"
    block = _BLOCK.search(layer + "/")
    if block is None:
        return None
    inside = f"Transformer/encoderblock_{block[1]}"
    if _ATTENTION in layer and last in ("query", "key", "value", "out"):
        return f"{inside}/{_ATTENTION}/{last}/{dense}"
    if last in ("LayerNorm_0", "LayerNorm_2"):
        return f"{inside}/{last}/{norm}"
    mlp = re.search(r"Dense_([01])$", last)
    return f"{inside}/MlpBlock_3/Dense_{mlp[1]}/{dense}" if mlp else None
