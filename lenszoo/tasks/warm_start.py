"""Classes and brightness of the weights that a classifier starts from."""

import logging
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from lenszoo.data.brightness import compare_brightness, span
from lenszoo.data.input_scale import LEARNS, judge
from lenszoo.data.names import canonical_class
from lenszoo.files import sha256_of
from lenszoo.pretrained.imported import is_published
from lenszoo.pretrained.source import as_path, resolve

log = logging.getLogger("lenszoo")


def match_head(model: keras.Model, row: str, weights: str, classes: Sequence[str]) -> None:
    """Bring the head that came with weights to the classes of the data, in place.

    Classes of the same names in another order are put in order. With others, the head starts anew:
    what it knew were other classes. Where the weights do not say their classes, or had another
    number of them (the head is new then), nothing happens.

    Args:
        model: the classifier, filled with the weights.
        row: its row of the catalogue.
        weights: the recipe's weights: a name, a tag or a path.
        classes: names of the classes of the data, in order.
    """
    if is_published(weights):
        return
    source = resolve(weights, model=row)
    if len(source.classes) != len(classes) or source.has_classes(classes):
        return
    stored, new = ([canonical_class(name) for name in names] for names in (source.classes, classes))
    head = model.get_layer("logits")
    kernel, bias = head.get_weights()
    if sorted(stored) == sorted(new):
        order = [stored.index(name) for name in new]
        head.set_weights([kernel[:, order], bias[order]])
        log.info("The head of %s is put in the order of your classes.", weights)
        return
    fresh = keras.ops.convert_to_numpy(head.kernel_initializer(kernel.shape))
    head.set_weights([fresh, np.zeros_like(bias)])
    log.warning(
        "%s knows the classes %s, the images are of %s: a new head starts on the trained backbone.",
        weights, ", ".join(source.classes), ", ".join(classes),
    )  # fmt: skip


def weights_of(recipe: Any) -> dict[str, dict[str, str | None]]:
    """Return name and sha256 of the weights that a recipe names, by their field.

    The sha256 of weights that another project published is None, where they have no path.
    """
    distill = getattr(recipe, "distill", None)
    fields = {"weights": recipe.weights, "grow": recipe.grow}
    teachers = distill.teacher if distill else ()
    fields |= {"perceptual": getattr(recipe, "perceptual", None)}
    fields |= {f"teacher {n}": name for n, name in enumerate(teachers, start=1)}
    return {
        field: {"name": name, "sha256": _sha256(name, recipe.model)}
        for field, name in fields.items()
        if name is not None
    }


def _sha256(name: str, row: str) -> str | None:
    if not is_published(name):
        return resolve(name, model=row).sha256
    path = as_path(name)
    return sha256_of(path) if path is not None and path.is_file() else None


def check_images(row: str, weights: str, images: np.ndarray, names: Sequence[str]) -> None:
    """Warn where images are not scaled as those of the published weights that learn on from them.

    Args:
        row, weights: as for :func:`match_head`; only names of the manifest are known.
        images: (n, H, W, bands).
        names: what messages call them.
    """
    if not is_published(weights) and as_path(weights) is None:
        label = resolve(weights, model=row).label
        odd = compare_brightness(len(images), lambda i: span(images[i]))
        if odd is not None:
            judge(odd[1], names[odd[0]], label, refuse=False, consequence=LEARNS)
