"""Settings and scale of a model's training data, for the inputs of a prediction."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from lenszoo.data.brightness import compare_brightness
from lenszoo.data.catalogue import Catalogue
from lenszoo.data.input_scale import brightest_pixel, compare_scale, judge
from lenszoo.data.layouts import find_layout
from lenszoo.data.observation import compare_observation
from lenszoo.data.scaling import check_scaling
from lenszoo.inference.inputs import Images
from lenszoo.inference.loaded_model import OpenedModel
from lenszoo.inference.preparing import Preparing
from lenszoo.trained_scale import InputScale

log = logging.getLogger("lenszoo")

_SETTINGS = ("zero_point", "mask_value", "sky", "missing_values")
_LISTS = ("missing_values",)
_LOOKED_AT = 32
_MEASURED = 64
_NOTHING: tuple[Any, ...] = (None, (), [])


def as_trained(opened: OpenedModel, catalogue: Catalogue) -> Catalogue:
    """Read a catalogue as the one of the model's training was, where nothing else is asked for.

    Zero point, mask value, sky and the numbers that stand for missing values are those of the run;
    a line is logged on each that is taken over, and a warning on each that was chosen and differs.
    """
    learned = _catalogue_of(opened)
    if not learned or catalogue.layout not in (None, learned.get("layout")):
        return catalogue
    layout = find_layout(learned["layout"]) if learned.get("layout") else None
    taken: dict[str, Any] = {}
    for name in _SETTINGS:
        trained = learned.get(name)
        trained = getattr(layout, name, None) if trained in _NOTHING else trained
        chosen = getattr(catalogue, name)
        trained = tuple(trained) if isinstance(trained, list) else trained
        if chosen in _NOTHING and trained not in _NOTHING:
            taken[name] = trained
            log.info("%s: %s=%s, as in training.", catalogue.source, name, trained)
        elif chosen not in _NOTHING and trained != (tuple(chosen) if name in _LISTS else chosen):
            log.warning(
                "%s: %s=%s, but %s was trained with %s.",
                catalogue.source, name, chosen, opened.name,
                "none" if trained in _NOTHING else trained,
            )  # fmt: skip
    return replace(catalogue, **taken)


def prepared_as_trained(opened: OpenedModel, preparing: Preparing) -> Preparing:
    """Prepare images as those of the model's training were, where nothing else is asked for.

    A line is logged on each setting that is taken over.
    """
    data, options = _recipe_data(opened), preparing.copy()
    scaling, crop = data.get("scaling"), data.get("crop")
    if scaling is not None and options.get("scaling") is None:
        check_scaling(scaling)
        as_option: Any = tuple(scaling) if isinstance(scaling, list) else scaling
        options["scaling"] = as_option
        log.info("Images are scaled as in training: scaling=%s.", options["scaling"])
    if crop is not None and options.get("crop") is None:
        options["crop"] = crop
        log.info("Images are cut as in training: crop=%s.", crop)
    return options


def check_scale(opened: OpenedModel, images: Images) -> str | None:
    """Check noise and sky level of some images against those that a model learned on.

    Nothing is checked where the model measures each image itself, or does not know. Images that
    differ are warned of, in a line that is returned too.

    Raises:
        LenszooError: they are far from what it knows, unless ``any_scale`` was asked for.
    """
    if not len(images) or _scale_of(opened) is None:
        return None
    if images.fit.preparation.scaling is not None:
        return None
    looked_at, any_scale = images.sample(_LOOKED_AT), images.fit.preparation.any_scale
    return judge_scale(opened, looked_at, _all_of(images), any_scale)


def judge_scale(opened: OpenedModel, images: np.ndarray, name: str, any_scale: bool) -> str | None:
    """Compare noise and sky of images (n, H, W, bands) with those that a model learned on.

    Args:
        opened: the model.
        images: the images; of none nothing is said.
        name: the images in messages.
        any_scale: go on, with a warning, where they are far from what the model knows.

    Returns:
        The line that was logged; None where nothing differs or can be compared.

    Raises:
        LenszooError: they are far, and ``any_scale`` is False.
    """
    trained = _scale_of(opened)
    difference = None if trained is None else compare_scale(images, trained)
    return judge(difference, name, opened.name, refuse=not any_scale)


def _scale_of(opened: OpenedModel) -> InputScale | None:
    """Return the scale that a model's images must have; None where any will do or none is known."""
    return None if opened.measures_each_image else opened.inputs


def brightness_of(opened: OpenedModel) -> Callable[[np.ndarray], float] | None:
    """Return a measure of an image's brightest pixel, in units of the brightest of the training.

    None where a model does not know what it learned on.
    """
    trained, own_noise = opened.inputs, opened.measures_each_image
    if trained is not None and opened.finds_lenses:
        return lambda image: (
            brightest_pixel(image, trained, own_noise)
            if image.shape[-1] == len(trained.peak)
            else 0.0
        )
    if _learned_in_unit_range(opened):
        return lambda image: float(np.abs(image[np.isfinite(image)]).max(initial=0.0))
    return None


def _all_of(images: Images) -> str:
    first = images.name(images.first())
    return first if len(images) == 1 else f"{first} and others of {len(images):,} images"


def check_brightness(opened: OpenedModel, images: Images) -> str | None:
    """Check that images are scaled to [0, 1] as those of a classifier's training were.

    Networks from elsewhere and runs on a user's own files are not checked. Images that differ are
    warned of, in a line that is returned too.

    Raises:
        LenszooError: they are far from that, unless ``any_scale`` was asked for.
    """
    if not _learned_in_unit_range(opened):
        return None
    odd = compare_brightness(len(images), images.span)
    if odd is None:
        return None
    row, difference = odd
    refuse = not images.fit.preparation.any_scale
    return judge(difference, images.name(row), opened.name, refuse)


def check_observation(opened: OpenedModel, images: Images) -> str | None:
    """Check noise, PSF, angles and place of the light against those that a classifier learned on.

    Images that differ are warned of, in a line that is returned too. Lens finders, and models that
    do not know what they learned on, are not checked.
    """
    if opened.observation is None or opened.finds_lenses or not len(images):
        return None
    difference = compare_observation(images.sample(_MEASURED), opened.observation)
    return judge(difference, _all_of(images), opened.name, refuse=False)


def _learned_in_unit_range(opened: OpenedModel) -> bool:
    if opened.finds_lenses or not isinstance(opened.provenance.get("recipe"), str):
        return False
    if opened.run_dir is None:
        return True  # published weights, which are of simulated skies
    return _recipe_data(opened).get("preset") is not None


def _catalogue_of(opened: OpenedModel) -> dict[str, Any]:
    """The table ``data`` of the run's recipe, where it trained on a catalogue; else nothing."""
    data = _recipe_data(opened)
    return data if data.get("catalogue") is not None else {}


def _recipe_data(opened: OpenedModel) -> dict[str, Any]:
    file = None if opened.run_dir is None else opened.run_dir / "recipe.json"
    if file is None or not file.is_file():
        return {}
    try:
        data = json.loads(file.read_text(encoding="utf-8"))["data"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # of no use, and of no harm
        return {}
    return data if isinstance(data, dict) else {}
