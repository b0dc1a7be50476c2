"""A backbone of keras-cv gets the zoo's scaling and head."""

import numpy as np
import pytest

from lenszoo import build_model

keras_cv = pytest.importorskip("keras_cv")


@pytest.mark.parametrize("bands", [1, 3])
def test_keras_cv_backbone(agreement, bands):
    backbone = keras_cv.models.CSPDarkNetBackbone(
        stackwise_channels=[8, 16],
        stackwise_depth=[1, 1],
        include_rescaling=False,
        input_shape=(64, 64, 3),
    )
    model = build_model(
        "classifier", backbone=backbone, input_shape=(64, 64, bands), num_classes=4, std=0.5
    )
    images = np.random.default_rng(0).random((2, 64, 64, bands), dtype=np.float32)
    three = np.repeat(images, 3 // bands, axis=-1) / 0.5
    maps = np.asarray(backbone(three, training=False))
    kernel, bias = model.get_layer("logits").get_weights()
    expected = maps.mean(axis=(1, 2)) @ kernel + bias
    answers = model(images, training=False)
    agreement.check("classifier on CSPDarkNet", "keras-cv", images, answers, expected)
