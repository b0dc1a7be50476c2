"""Several trained classifiers as one model."""

import json
import operator
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from lenszoo.data.index import canonical_class
from lenszoo.errors import LenszooError
from lenszoo.layers import MeanLogSoftmax
from lenszoo.pretrained.loading import _as_path, load_model
from lenszoo.pretrained.manifest import get_entry
from lenszoo.pretrained.origin import Source
from lenszoo.pretrained.saving import RUN_FILE, model_config, weights_file

# activations after which a network answers probabilities
PROBABILITIES = ("softmax", "sigmoid")


def load_ensemble(names: Sequence[Source]) -> keras.Model:
    """Load several classifiers as one plain ``keras.Model``.

    Its answer, float32 ``(batch, classes)``, is the mean of the members' log-softmax: logits
    whose softmax is the geometric mean of their probabilities. An image that is not finite gets
    NaN from the members, and so from the ensemble. ``model.save("NAME.keras")`` writes it as one
    file, which ``load_model`` reads in any process.

    Args:
        names: what ``load_model`` takes: names of the manifest, run folders, files.

    Raises:
        LenszooError: nothing is named, a member cannot be loaded or answers probabilities, or the
            members differ in image size, bands or classes.
    """
    if isinstance(names, str | os.PathLike) or not names:
        raise LenszooError(f"An ensemble needs a list of weights' names or paths, not {names!r}.")
    members = [as_graph(load_model(name)) for name in names]
    labels = [os.fspath(name) for name in names]
    for label, member in zip(labels, members, strict=True):
        check_logits(member, label)
        if isinstance(member.input, dict):
            raise LenszooError(
                f"{label} looks at images and a table, and ensembles are made of models that look "
                "at images; average the logits of such lens finders one by one."
            )
        _check_alike(label, member, labels[0], members[0])
    _check_names(labels)
    images = keras.Input(members[0].input_shape[1:], name="images")
    # two runs of one architecture share a name, which a graph allows only once
    answers = [
        keras.Model(member.input, member.output, name=f"member{i + 1}")(images)
        for i, member in enumerate(members)
    ]
    return keras.Model(images, MeanLogSoftmax(name="mean")(answers), name="ensemble")


def check_logits(model: keras.Model, label: str) -> None:
    """Raise LenszooError when a model of the zoo answers probabilities instead of logits."""
    if last_activation(model) not in PROBABILITIES:
        return
    try:
        remedy = f"with build_model({model_config(model)['model']!r}, weights=..., activation=None)"
    except LenszooError:  # not one of the zoo
        remedy = "without the activation of its last layer"
    raise LenszooError(f"{label} answers probabilities: build it for logits, {remedy}.")


def as_graph(model: keras.Model) -> keras.Model:
    """A built Sequential as the functional model that it is; any other model as it is.

    Keras gives a Sequential that was loaded from a file no ``input`` until it is called.
    """
    if not isinstance(model, keras.Sequential) or not model.built:
        return model
    return keras.Model(model.inputs[0], model.outputs[0], name=model.name)


def last_activation(model: keras.Model) -> str | None:
    """Name the activation that ends a model, in the zoo or not; None where there is none."""
    try:
        return model_config(model)["options"].get("activation")
    except LenszooError:
        outputs: Any = getattr(model, "outputs", None) or ()
    if len(outputs) != 1:
        return None
    last = outputs[0]._keras_history.operation
    if isinstance(last, keras.Model):
        return last_activation(last)
    kind = type(last).__name__.lower()  # a layer Softmax, or keras.ops.softmax
    activation = getattr(last, "activation", None)
    return kind if kind in PROBABILITIES else getattr(activation, "__name__", None)


def known_classes(source: Source) -> tuple[str, ...] | None:
    """Return the names of the classes of weights, in the order of the logits; None if unknown."""
    path = _as_path(source)
    if path is None:
        return tuple(get_entry(str(source)).classes)
    classes = read_run(weights_file(path)).get("classes")
    return tuple(classes) if classes else None


def known_bands(source: Source) -> tuple[str, ...]:
    """Return the names of the bands that weights were trained on; empty where nobody named them."""
    path = _as_path(source)
    if path is None:
        return tuple(get_entry(str(source)).data.get("bands") or ())
    return tuple(read_run(weights_file(path)).get("bands") or ())


def known_pixel_scale(source: Source) -> float | None:
    """Return the arcsec a pixel of the images that weights were trained on; None if unknown."""
    path = _as_path(source)
    if path is None:
        return get_entry(str(source)).pixel_scale
    return read_run(weights_file(path)).get("pixel_scale")


def read_run(file: Path) -> dict[str, Any]:
    """Return what the ``run.json`` beside a file of weights says; empty where there is none."""
    sidecar = file.with_name(RUN_FILE)
    if not sidecar.is_file():
        return {}
    try:
        run = json.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LenszooError(f"Cannot read {sidecar}: {error}.") from error
    if not isinstance(run, dict):
        raise LenszooError(f"Cannot read {sidecar}: it holds no object.")
    return run


def same_classes(one: Sequence[str], other: Sequence[str]) -> bool:
    """Tell whether two lists name the same classes in the same order, by whatever alias."""
    return [canonical_class(c) for c in one] == [canonical_class(c) for c in other]


def _check_alike(label: str, model: keras.Model, first: str, reference: keras.Model) -> None:
    for what, ours, theirs in (
        ("images", model.input_shape[1:], reference.input_shape[1:]),
        ("answers", model.output_shape[1:], reference.output_shape[1:]),
    ):
        if ours != theirs:
            raise LenszooError(
                f"An ensemble needs members that agree: {what} of {label} are {ours}, those of "
                f"{first} {theirs}."
            )


def _check_names(labels: Sequence[str]) -> None:
    for what, known, alike in (
        ("classes", known_classes, same_classes),
        ("bands", known_bands, operator.eq),
    ):
        named = [(label, names) for label in labels if (names := known(label))]
        for label, names in named[1:]:
            first, reference = named[0]
            if not alike(names, reference):
                raise LenszooError(
                    f"An ensemble needs members that agree: the {what} of {label} are "
                    f"{', '.join(names)}, those of {first} {', '.join(reference)}."
                )
