"""Parts of a classifier that answer: its logits, the features below its head, or both."""

import keras

from lenszoo.errors import LenszooError
from lenszoo.inference.tables import FEATURES
from lenszoo.layers import NonFiniteGuard


def feature_model(model: keras.Model) -> keras.Model:
    """Return the part of a classifier up to its layer ``features``.

    Raises:
        LenszooError: it has no such layer.
    """
    if FEATURES not in [layer.name for layer in model.layers]:
        raise LenszooError(
            f"Model {model.name!r} has no layer named {FEATURES!r} to take vectors from."
        )
    features = model.get_layer(FEATURES).output
    guard = next((each for each in model.layers if isinstance(each, NonFiniteGuard)), None)
    if guard is not None:
        features = NonFiniteGuard(name="features_guard")(features, guard.input[1])
    return keras.Model(model.input, features, name=model.name)


def whole_model(model: keras.Model) -> keras.Model:
    """Return the classifier itself."""
    return model


def logits_and_features(model: keras.Model) -> keras.Model:
    """Return a classifier that answers logits and features, in a list."""
    return keras.Model(model.input, [model.output, feature_model(model).output], name=model.name)
