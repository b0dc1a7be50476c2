"""Weights of keras.applications: its own files, addresses and hashes."""

import os
from pathlib import Path

import keras
import numpy as np

from lenszoo.data.untrusted import open_hdf5
from lenszoo.errors import LenszooError, one_line
from lenszoo.models.applications import APPLICATIONS
from lenszoo.models.build import HEAD
from lenszoo.pretrained.imported.transfer import adapt_bands
from lenszoo.pretrained.store import is_offline

# published for blue, green, red
_BGR = ("resnet50", "resnet101")


def fill(model: keras.Model, row: str, path: Path | None, until: str | None) -> None:
    """Fill a model's backbone with weights of keras.applications.

    Args:
        model: a model of ``row``, or its backbone alone; its head stays untrained.
        row: the row of the catalogue.
        path: a local ``*_notop.h5`` of keras.applications, or None to let Keras fetch its own
            (into ``~/.keras/models``, its hash checked).
        until: layer that the network was cut after, or None.

    Raises:
        LenszooError: when the file is missing, damaged or of another net.
    """
    net = APPLICATIONS[row]
    name = net.builder.__name__
    where = str(path) if path else f"keras.applications' {name}"
    if path is None and is_offline() and not _is_cached(row):
        raise LenszooError(
            f"LENSZOO_OFFLINE is set, and Keras has no weights of {row} in {_cache()}: put "
            f"its ..._notop.h5 of {name} there, or give it as weights=PATH."
        )
    try:
        if path is not None:
            with open_hdf5(path):
                pass
        reference = net.builder(
            include_top=False,
            weights=str(path) if path else "imagenet",
            input_shape=(None, None, 3),
            **net.settings,
        )
    except Exception as error:  # network, HDF5 and Keras have no common class of errors
        raise LenszooError(
            f"Cannot get the ImageNet weights of {row} from {where}: {one_line(error)}. Without "
            f"network give weights=PATH of keras.applications' ..._notop.h5 of {name}."
        ) from error
    if until is not None:
        reference = _cut(reference, until)
    references = [layer for layer in reference.layers if layer.weights and not _scales(layer)]
    targets = [x for x in model.layers if x.weights and x.name not in HEAD and not _scales(x)]
    stem = True
    for layer, source in zip(targets, references, strict=True):
        values = source.get_weights()
        if stem:
            kernel = values[0][:, :, ::-1] if row in _BGR else values[0]
            values[0] = adapt_bands(kernel, tuple(layer.weights[0].shape))
            stem = False
        if [v.shape for v in values] != [tuple(w.shape) for w in layer.weights]:
            raise LenszooError(f"{where}: {source.name} does not fit {layer.name} of {row}.")
        layer.set_weights([np.asarray(v) for v in values])


def _cache() -> Path:
    """Where Keras keeps the files of keras.applications."""
    return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "models"


def _is_cached(row: str) -> bool:
    """Whether Keras has the weights of a row; underscores in their names are a matter of taste."""
    compact = row.replace("_", "")
    names = (file.name.replace("_", "") for file in _cache().glob("*.h5"))
    return any(compact in name and "notop" in name for name in names)


def _cut(reference: keras.Model, until: str) -> keras.Model:
    """The beginning of a network, up to a layer: its layers are then in the order of the zoo's."""
    if until not in [layer.name for layer in reference.layers]:
        raise LenszooError(
            f"{until} is a name that Keras counted up: choose a layer for until= whose name says "
            "where it stands."
        )
    return keras.Model(reference.input, reference.get_layer(until).output)


def _scales(layer: keras.Layer) -> bool:
    """Whether a layer only scales pixels; the zoo has a scaling of its own."""
    return isinstance(layer, keras.layers.Normalization | keras.layers.Rescaling)
