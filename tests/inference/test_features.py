"""Parts of a classifier: features, and logits with features."""

import keras
import numpy as np
from oneline import one_line
from tinynetworks import images, network

from lenszoo.inference.features import feature_model, logits_and_features, whole_model


def test_both_are_what_each_is():
    model, batch = network("simple_cnn", width=2), images()
    batch[1, 3, 3] = np.nan
    logits, features = logits_and_features(model).predict_on_batch(batch)
    np.testing.assert_array_equal(logits, whole_model(model).predict_on_batch(batch))
    np.testing.assert_array_equal(features, feature_model(model).predict_on_batch(batch))
    assert np.isnan(features[1]).all() and np.isfinite(features[0]).all()


def test_a_model_without_features_is_refused():
    pixels = keras.Input((8, 8, 1))
    model = keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(pixels))
    one_line("has no layer named 'features'", lambda: feature_model(model))
