"""A small SRGAN that differs from a fresh one in all its weights."""

import numpy as np
from keras import ops

from lenszoo.pretrained.loading import build_model

TINY = {"width": 4, "discriminator_width": 2}


def tiny(**options):
    """A model whose networks both differ from fresh ones, in all they keep."""
    model = build_model("srgan", **{**TINY, **options})
    rng = np.random.default_rng(7)
    model.set_weights([rng.uniform(0.1, 1.0, w.shape) for w in model.get_weights()])
    return model


def images(*shape):
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def answers(model):
    """What both networks say."""
    return [
        ops.convert_to_numpy(net(x, training=False))
        for net, x in ((model, images(2, 5, 4, 1)), (model.discriminator, images(2, 10, 8, 1)))
    ]


def assert_same(model, other):
    for one, two in zip(answers(model), answers(other), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-6)
