"""Images and labels in memory: pairs of arrays, and tf.data pipelines."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lenszoo.data.names import find_label, name_classes
from lenszoo.errors import LenszooError


class Pair(NamedTuple):
    """Images (n, H, W, bands), and their labels; None without."""

    images: np.ndarray
    labels: np.ndarray | None


def is_pipeline(value: Any) -> bool:
    """Whether a value is a ``tf.data.Dataset``."""
    return hasattr(value, "element_spec") and hasattr(value, "as_numpy_iterator")


def read_pipeline(pipeline: Any) -> Pair:
    """Read all images of a ``tf.data.Dataset`` into memory, in the order of one pass.

    Args:
        pipeline: of images or of (images, labels), in batches or one by one.

    Raises:
        LenszooError: it has no end, is empty, or gives something else.
    """
    spec = pipeline.element_spec
    paired = isinstance(spec, tuple) and len(spec) == 2
    shapes = [getattr(part, "shape", None) for part in (spec if paired else (spec,))]
    if shapes[0] is None or shapes[0].rank not in (3, 4, None) or None in shapes:
        raise LenszooError(
            f"The pipeline gives {spec}; images (n, H, W, bands), or (images, labels), are needed."
        )
    if int(pipeline.cardinality()) == -1:
        raise LenszooError("The pipeline repeats without end: take(n) of it.")
    elements = list(pipeline.as_numpy_iterator())
    if not elements:
        raise LenszooError("The pipeline is empty.")
    columns = list(zip(*elements, strict=True)) if paired else [tuple(elements)]
    join = np.stack if np.ndim(columns[0][0]) == 3 else np.concatenate
    if len({image.shape[-3:] for image in columns[0]}) > 1:
        raise LenszooError("The pipeline's images differ in shape; bring them to one.")
    arrays = [join([np.asarray(part) for part in column]) for column in columns]
    return Pair(arrays[0], arrays[1] if paired else None)


def as_labels(values: Any, classes: Sequence[str], count: int) -> np.ndarray:
    """Return labels (n,) int64 as positions in the classes.

    Args:
        values: n positions in ``classes`` (texts too), n of their names, or (n, classes) of 0 and
            one 1 a row.
        classes: names of the classes.
        count: n, the number of images.

    Raises:
        LenszooError: another number, or something else.
    """
    labels = np.asarray(values)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and labels.shape[1] == len(classes) and _is_one_hot(labels):
        labels = labels.argmax(axis=1)
    if labels.shape != (count,):
        raise LenszooError(
            f"The labels have shape {labels.shape}, but there are {count} images: give one label "
            "an image."
        )
    if labels.dtype.kind in "OUS":
        names = [name.decode() if isinstance(name, bytes) else str(name) for name in labels]
        places = {name: find_label(name, classes, "the labels") for name in set(names)}
        return np.array([places[name] for name in names], np.int64)
    whole = labels.astype(np.int64) if labels.dtype.kind in "biuf" else None
    if whole is None or (whole != labels).any() or not np.isin(whole, range(len(classes))).all():
        raise LenszooError(
            f"The labels must be 0 to {len(classes) - 1}, the positions of {', '.join(classes)}, "
            "or these names."
        )
    return whole


def stack_classes(values: np.ndarray, source: str) -> tuple[str, ...]:
    """Return the classes of labels without a model: the names that occur, or numbers from 0.

    Raises:
        LenszooError: the labels are neither.
    """
    if values.dtype.kind in "OUS":
        texts = {each.decode() if isinstance(each, bytes) else str(each) for each in values.flat}
        return name_classes(texts, source)
    if values.ndim == 2 and values.shape[1] > 1:
        return tuple(map(str, range(values.shape[1])))
    numbers = sorted(set(values.ravel().tolist()))
    if numbers != list(range(len(numbers))):
        raise LenszooError(
            f"{source}: labels without names must be 0, 1, 2 and so on, each at least once; they "
            f"are {', '.join(f'{number:g}' for number in numbers[:8])}."
        )
    return tuple(str(int(number)) for number in numbers)


def _is_one_hot(labels: np.ndarray) -> bool:
    return bool(np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all())
