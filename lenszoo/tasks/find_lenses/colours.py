"""The colour term of a lens finder: fitted by itself, before the network trains."""

from typing import Any

import keras
import numpy as np
from keras import ops

from lenszoo.data import Cutouts
from lenszoo.data.input_scale import measure_each
from lenszoo.errors import LenszooError
from lenszoo.models.factory import InputShape
from lenszoo.pretrained.imported import is_published
from lenszoo.pretrained.loading import build_model
from lenszoo.pretrained.source import resolve
from lenszoo.tasks.find_lenses.recipe import FindLensesRecipe

_BATCH = 256
_PENALTY = 0.1  # of the logistic regression, on standardised colours


def finder_weights(recipe: FindLensesRecipe) -> str | None:
    """Return the recipe's weights where they are a lens finder's, not of its backbone alone."""
    published = recipe.weights is not None and is_published(recipe.weights)
    return None if published else recipe.weights


def start_model(
    recipe: FindLensesRecipe, shape: InputShape | None, options: dict[str, Any]
) -> keras.Model:
    """Build the model that a recipe starts with; weights without a colour term get an empty one."""
    build: dict[str, Any] = {"input_shape": shape, "weights": recipe.weights}
    weights = finder_weights(recipe)
    trained = None if weights is None else resolve(weights).config
    if trained is None or not options.get("colours") or trained.options.get("colours"):
        return build_model(recipe.model, **build, **options)
    start = build_model(recipe.model, **build, **(options | {"colours": False}))
    whole = trained.options | options
    model = build_model(recipe.model, input_shape=start.input_shape[1:], **whole)
    for layer in (layer for layer in start.layers if layer.weights):
        model.get_layer(layer.name).set_weights(layer.get_weights())
    return model


def fit_colours(model: keras.Model, cutouts: Cutouts) -> None:
    """Fit the colour term to labelled cutouts by logistic regression.

    Raises:
        LenszooError: cutouts of one class.
    """
    from sklearn.linear_model import LogisticRegression

    layer, images = model.get_layer("colours"), cutouts.images
    labels = cutouts.known_labels()
    if images is None or len(np.unique(labels)) < 2:
        raise LenszooError("colours=True needs images of both classes to fit its colour term to.")
    noise = measure_each(images[: 4 * _BATCH]).noise
    layer.adapt(np.nanmedian(noise, 0))
    parts = [layer.colours(images[i : i + _BATCH]) for i in range(0, len(images), _BATCH)]
    colours = np.concatenate([ops.convert_to_numpy(part) for part in parts])
    mean, spread = colours.mean(0), np.maximum(colours.std(0), 1e-6)
    fitted = LogisticRegression(C=_PENALTY, max_iter=1000).fit((colours - mean) / spread, labels)
    coefficients = fitted.coef_[0] / spread
    layer.assign(coefficients, float(fitted.intercept_[0] - mean @ coefficients))
