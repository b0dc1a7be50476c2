import numpy as np
import pytest
from oneline import one_line
from tinyfeatures import FIXED, LABELS, features

from lenszoo.tasks.pretext.linear_head import LogisticHead
from lenszoo.tasks.pretext.probe import (
    cross_validate_frozen,
)


def test_scale_offset_and_dead_units_of_a_backbone_do_not_matter():
    x = features(LABELS, 1.0)
    dead = np.full((len(x), 3), 7.0)
    other = np.concatenate([1e-4 * x + 3, dead], axis=1)
    a, b = (cross_validate_frozen(z, LABELS, head=FIXED) for z in (x, other))
    np.testing.assert_allclose(a.logits, b.logits, atol=1e-3)


@pytest.mark.parametrize("head", [None, FIXED])
def test_a_collapsed_backbone_is_worth_one_half(head):
    rounding = 1 + 1e-7 * np.random.default_rng(0).normal(size=(240, 8)).astype(np.float32)
    rounding[:, 0] += 1e-7 * LABELS
    for x in (np.zeros((240, 8)), rounding):
        np.testing.assert_array_equal(cross_validate_frozen(x, LABELS, head=head).aucs, 0.5)


def test_a_strong_penalty_is_chosen_for_noise_and_a_weak_one_for_signal():
    noise = LogisticHead().fit(features(LABELS, 0.0, d=60), LABELS)
    signal = LogisticHead().fit(features(LABELS, 8.0), LABELS)
    assert noise.c <= 0.1
    assert signal.c >= 100


def test_repeated_features_leave_the_fit_as_it_is():
    """d copies of each feature under the same c: the penalty is on their sum."""
    x = features(LABELS, 1.0)
    once, often = FIXED.fit(x, LABELS), FIXED.fit(np.tile(x, 10), LABELS)
    np.testing.assert_allclose(often.logits(np.tile(x, 10)), once.logits(x), atol=2e-3)


@pytest.mark.parametrize("c", [0.0, -1.0, np.nan, np.inf])
def test_a_penalty_is_positive(c):
    one_line("must be positive", lambda: LogisticHead(c=c))
