"""Linear heads on informative and on random features."""

import numpy as np
import pytest

from lenszoo import build_model
from lenszoo.errors import LenszooError
from lenszoo.tasks.pretext.heads import head_auc, linear_heads, random_start


@pytest.fixture(scope="module")
def labels():
    return np.arange(180) % 3


@pytest.fixture(scope="module")
def features(labels):
    rng = np.random.default_rng(0)
    return np.eye(3)[labels] + rng.normal(0, 0.5, (len(labels), 3))


def test_good_features_beat_random_ones(features, labels):
    noise = np.random.default_rng(1).normal(size=features.shape)
    heads = linear_heads(features, [noise, noise[::-1]], labels, seed=0)
    own = heads.own
    assert (own["n"], own["labels"], own["draws"]) == (60, 100, 3)
    assert set(own["by_labels"]) == {"50", "100"}
    assert own["probe_auc"] == head_auc(features, labels) > 0.9
    assert own["five_fold"]["labels"] == 180 and own["five_fold"]["mean"] > 0.9
    assert heads.random["starts"] == len(heads.random["five_fold"]) == 2
    assert heads.random["by_labels"]["100"]["mean"] < 0.7


def test_too_few_images_give_no_score(features, labels):
    assert linear_heads(features[:60], [], labels[:60], seed=0) is None
    for few in (labels[:60], None):
        with pytest.raises(LenszooError, match="at least 50"):
            head_auc(features[:60], few)


def test_a_random_start_is_the_same_network_with_other_weights():
    model = build_model("simple_cnn", input_shape=(16, 16, 1), num_classes=3, width=4)
    one, again, other = (random_start(model, seed) for seed in (0, 0, 1))
    kernels = [net.get_layer("conv1").get_weights()[0] for net in (model, one, again, other)]
    assert np.array_equal(kernels[1], kernels[2])
    assert not np.array_equal(kernels[1], kernels[3])
    assert not np.array_equal(kernels[1], kernels[0])
