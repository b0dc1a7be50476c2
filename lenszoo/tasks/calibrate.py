"""Fit a temperature to a trained model on a user's labelled images, and keep it in the model."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from lenszoo.data.checks import OnBad
from lenszoo.data.scaling import ImageScaling
from lenszoo.data.sky import SkyMethod
from lenszoo.errors import LenszooError
from lenszoo.inference.loaded_model import open_model
from lenszoo.inference.preparing import preparing_of
from lenszoo.metrics.prevalence import label_shift
from lenszoo.metrics.temperature import settled_temperature
from lenszoo.pretrained.learned import note_learned
from lenszoo.pretrained.members import members
from lenszoo.pretrained.temperature import set_temperature
from lenszoo.tasks.base import Options
from lenszoo.tasks.labelled import answer_labelled


def calibrate(
    model: keras.Model,
    data: Any,
    *,
    batch_size: int | None = None,
    on_bad: OnBad | None = None,
    classes: Sequence[str] | None = None,
    resize: bool = False,
    bands: Sequence[int] | None = None,
    crop: int | None = None,
    sky: SkyMethod | None = None,
    zero_point: float | None = None,
    scaling: ImageScaling | None = None,
    any_scale: bool = False,
) -> float:
    """Calibrate the probabilities of a classifier or a lens finder, in place.

    ``predict`` then gives probabilities at the fitted temperature, and
    :func:`lenszoo.pretrained.saving.save_weights` and ``model.save("NAME.keras")`` keep it, of an
    ensemble the latter. Ranks and predicted classes stay; so do a classifier's logits, while a lens
    finder's are divided by it. A lens finder's probabilities stay those of the share of lenses that
    it was trained on, whatever the share in ``data``; ``prevalence=`` of ``evaluate`` moves them.

    Args:
        model: a model in memory, from ``load_model`` or ``build_model``. Trained further, it needs
            a new temperature.
        data: labelled images that it did not learn from, as for :func:`lenszoo.evaluate`.
        batch_size, on_bad, classes, resize, bands: likewise.
        crop, sky, zero_point, scaling, any_scale: likewise.

    Returns:
        The temperature (Guo et al. 2017, arXiv:1706.04599); 1 where the data do not settle one.

    Raises:
        LenszooError: as :func:`lenszoo.evaluate`.

    Example:
        >>> from lenszoo import load_model
        >>> from lenszoo.evaluation import calibrate
        >>> from lenszoo.simulation import sample
        >>> model = load_model("simple_cnn.common_test_sim_v2")
        >>> 0.5 < calibrate(model, sample("common_test_sim", 96, seed=8)) < 2
        True
    """
    opened = open_model(model, classes)
    preparing = preparing_of(crop, sky, zero_point, scaling, any_scale)
    options = Options(batch_size, on_bad, classes, resize, bands, preparing=preparing)
    answers = answer_labelled(opened, data, options)
    logits, labels = answers.logits, np.asarray(answers.examples.labels)
    if opened.finds_lenses:
        if members(model):
            raise LenszooError(
                f"{opened.name}: an ensemble of lens finders has a temperature in each member; "
                "calibrate each of them before you join them."
            )
        layer = model.get_layer("temperature")
        before = float(layer.temperature)
        offset = label_shift(labels, opened.prevalence)
        fitted = settled_temperature(labels, logits * before, offset=offset)
        layer.temperature.assign(fitted)
        note_learned(model, opened.classes if opened.named else (), opened.prevalence)
        return fitted
    fitted = settled_temperature(labels, logits)
    set_temperature(model, fitted)
    note_learned(model, opened.classes if opened.named else ())
    return fitted
