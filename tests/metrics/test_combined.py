"""Combination of lens finders: calibrated, cross-validated, and no better than chance on noise."""

import numpy as np
import pytest
from oneline import one_line

from lenszoo.metrics.classification import log_loss, roc_auc
from lenszoo.metrics.combined import combine


@pytest.fixture(scope="module")
def three():
    rng, labels = np.random.default_rng(0), np.arange(4000) % 2
    members = {
        "sharp": 8 * (rng.normal(size=4000) + labels),  # overconfident
        "shifted": rng.normal(size=4000) + labels + 5,
        "noise": rng.normal(size=4000),
    }
    return labels, members


def test_the_stack_beats_every_member_and_the_mean_with_noise(three):
    labels, members = three
    both = combine(labels, members)
    best = max(roc_auc(labels, values) for values in members.values())
    assert roc_auc(labels, both.stack) > best + 0.02
    assert roc_auc(labels, both.mean) > best + 0.02
    assert abs(both.weights["noise"]) < 0.1


def test_members_are_calibrated_before_the_mean(three):
    labels, members = three
    both = combine(labels, members)
    plain = np.mean(list(members.values()), axis=0)
    assert log_loss(labels, both.mean) < 0.69 < log_loss(labels, plain)
    # the mean of independent members is too cautious, the stack is not
    assert log_loss(labels, both.stack) < log_loss(labels, both.mean)


def test_the_weights_are_those_of_the_fit_to_all(three):
    labels, members = three
    both = combine(labels, members)
    fitted = sum(both.weights[name] * values for name, values in members.items()) + both.intercept
    assert np.corrcoef(fitted, both.stack)[0, 1] > 0.999
    assert np.abs(fitted - both.stack).max() < 0.5


def test_it_is_scored_out_of_fold():
    rng, labels = np.random.default_rng(1), np.arange(60) % 2
    noise = {str(k): rng.normal(size=60) for k in range(12)}
    assert roc_auc(labels, combine(labels, noise).stack) < 0.7  # in sample it would be above 0.8


def test_a_joint_logit_is_for_the_trained_share(three):
    labels, members = three
    half, rare = combine(labels, members), combine(labels, members, trained=0.01)
    assert np.allclose(half.stack - rare.stack, np.log(99))
    assert np.allclose(half.mean - rare.mean, np.log(99))


def test_parts_that_do_not_suffice_are_refused(three):
    labels, members = three
    one_line("two members or more", lambda: combine(labels, {"a": members["sharp"]}))
    one_line("two lenses and two", lambda: combine([0, 0, 1], {"a": [1.0, 2, 3], "b": [1.0, 2, 3]}))
