"""Weights that others published: a table of them, the names of their tensors, and the transfer.

:data:`SOURCES` is the table, :func:`fill` puts a file's tensors into a model. The head is never
filled: ImageNet's thousand classes are of no use on lenses.
"""

import importlib
from pathlib import Path
from typing import Any

import keras

from lenszoo.errors import LenszooError, unknown
from lenszoo.files import expanded
from lenszoo.models.applications import APPLICATIONS
from lenszoo.models.build import model_config
from lenszoo.models.registry import model_info
from lenszoo.pretrained.imported import applications
from lenszoo.pretrained.imported.sources import SOURCES, Source
from lenszoo.pretrained.imported.tensor_map import prefix_of
from lenszoo.pretrained.imported.tensors import SUFFIXES, read_tensors
from lenszoo.pretrained.imported.transfer import transfer

__all__ = ["SOURCES", "fill", "is_published"]

# the module that knows the names of the tensors, by the start of the row's name
_FAMILIES = {
    "resnet": "resnet",
    "mobilevit": "mobilevit",
    "vit": "vit",
    "dinov2": "vit",
    "beit": "beit",
    "convnext": "convnext",
}


def is_published(weights: str) -> bool:
    """Whether ``weights`` is a tag of the table or the path of a published file."""
    tags = {tag for row in SOURCES.values() for tag in row}
    legacy = weights.endswith(".h5") and not weights.endswith(".weights.h5")
    return weights in tags or weights.endswith(SUFFIXES) or legacy


def fill(model: keras.Model, row: str, weights: str) -> None:
    """Fill the backbone of a new model of ``row`` with published weights.

    Args:
        model: what ``build_model(row, ...)`` made; its head stays untrained. Of a lens finder the
            row that is its backbone is filled.
        row: the row of the catalogue.
        weights: ``"imagenet"``, another tag of :data:`SOURCES`, or the path of such a file:
            safetensors or pytorch_model.bin of the Hugging Face hub, a state_dict of PyTorch or a
            checkpoint of Lightning, Google's npz of ViT, or keras.applications' h5.

    Raises:
        LenszooError: when there is no such source, the file cannot be had or read, or a tensor is
            missing, left over or of another shape.
    """
    options = model_config(model)["options"]
    if model_info(row).finds_lenses:
        row, model = options["backbone"], _backbone(model, options)
    tags = SOURCES.get(row)
    path = expanded(weights)
    if path.suffix == ".h5" and row not in APPLICATIONS:
        raise LenszooError(
            f"{path}: of .h5 files {row} takes its own alone, NAME.weights.h5; a file of vit-keras "
            "goes into from_vit_keras."
        )
    if not tags:
        raise LenszooError(f"Nobody published ImageNet weights of {row}: use weights=None.")
    if row in APPLICATIONS:
        if weights != "imagenet" and path.suffix != ".h5":
            raise LenszooError(f"{row} takes 'imagenet' or an .h5 of keras.applications.")
        file = None if weights == "imagenet" else path
        applications.fill(model, row, file, options.get("until"))
        return
    if path.suffix not in SUFFIXES:
        source = tags.get(weights)
        if source is None:
            raise unknown(f"published weights of {row}", weights, tags)
        _check_scaling(model, row, weights, source)
        from lenszoo.pretrained.store import fetch_published

        path = fetch_published(source.addresses, read_tensors)
    _fill_from(model, row, path)


def _fill_from(model: keras.Model, row: str, path: Path) -> None:
    """Put the tensors of a file into a model of ``row``."""
    tensors = read_tensors(path)
    module = next(name for start, name in _FAMILIES.items() if row.startswith(start))
    family: Any = importlib.import_module(f"lenszoo.pretrained.imported.{module}")
    try:
        prefix = prefix_of(tensors, getattr(family, "ANCHORS", ()))
        names = family.names(model, tensors)
    except LenszooError as error:
        raise LenszooError(f"{path}: {error}.") from error
    ignored = {start + pattern for start in ("", prefix) for pattern in family.IGNORED}
    transfer(model, tensors, names, str(path), ignored=ignored, row=row)


def _backbone(model: keras.Model, options: dict[str, Any]) -> keras.Model:
    """The row inside a lens finder."""
    if not any(layer.name == "backbone" for layer in model.layers):
        raise LenszooError(
            "Published weights fill the backbone of a lens finder: name it, as in "
            f'backbone="convnext_nano" (now {options["backbone"]!r}, use={options["use"]!r}).'
        )
    return model.get_layer("backbone")


def _check_scaling(model: keras.Model, row: str, tag: str, source: Source) -> None:
    """Raise LenszooError where weights were trained on pixels of another scaling."""
    if source.scaling is None:
        return
    layer = model.get_layer("scale")
    mean, std = source.scaling
    if abs(layer.scale - 1 / std) > 1e-6 or abs(layer.offset + mean / std) > 1e-6:
        raise LenszooError(
            f"{tag!r} of {row} was trained on pixels of mean={mean:g} and std={std:g}: build the "
            "model with these two options."
        )
