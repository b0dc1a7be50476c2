"""Weights that others published: a table of them, the names of their tensors, and the transfer.

:data:`SOURCES` is the table, :func:`fill` puts a file's tensors into a model. The head is never
filled: ImageNet's thousand classes are of no use on lenses.
"""

import importlib

import keras

from lenszoo.errors import LenszooError, unknown
from lenszoo.files import expanded
from lenszoo.models.applications import APPLICATIONS
from lenszoo.pretrained.imported import applications
from lenszoo.pretrained.imported.sources import SOURCES
from lenszoo.pretrained.imported.tensors import SUFFIXES, read_tensors
from lenszoo.pretrained.imported.transfer import transfer

__all__ = ["SOURCES", "fill", "is_published"]

# the family's module, which knows the names of its tensors, by the start of the row's name
_FAMILIES = ("resnet", "mobilevit", "vit", "beit")


def is_published(weights: str) -> bool:
    """Whether ``weights`` is a tag of the table or the path of a published file."""
    tags = {tag for row in SOURCES.values() for tag in row}
    legacy = weights.endswith(".h5") and not weights.endswith(".weights.h5")
    return weights in tags or weights.endswith(SUFFIXES) or legacy


def fill(model: keras.Model, row: str, weights: str) -> None:
    """Fill the backbone of a new model of ``row`` with published weights.

    Args:
        model: what ``build_model(row, ...)`` made; its head stays untrained.
        row: the row of the catalogue.
        weights: ``"imagenet"``, another tag of :data:`SOURCES`, or the path of such a file:
            safetensors or pytorch_model.bin of the Hugging Face hub, Google's npz of ViT, or
            keras.applications' h5.

    Raises:
        LenszooError: when there is no such source, the file cannot be had or read, or a tensor is
            missing, left over or of another shape.
    """
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
        applications.fill(model, row, None if weights == "imagenet" else path)
        return
    if path.suffix not in SUFFIXES:
        source = tags.get(weights)
        if source is None:
            raise unknown(f"published weights of {row}", weights, tags)
        from lenszoo.pretrained.store import fetch_published

        path = fetch_published(source.addresses, read_tensors)
    tensors = read_tensors(path)
    family = importlib.import_module(
        f"lenszoo.pretrained.imported.{next(f for f in _FAMILIES if row.startswith(f))}"
    )
    transfer(
        model,
        tensors,
        family.names(model, tensors),
        str(path),
        ignored=family.IGNORED,
    )
