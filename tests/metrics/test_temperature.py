"""Temperature scaling finds the minimum of the log loss and nothing else."""

import numpy as np
import pytest
from scipy.special import softmax

from lenszoo.errors import LenszooError
from lenszoo.evaluation import fit_temperature, log_loss, roc_auc
from lenszoo.metrics.prevalence import label_shift
from lenszoo.metrics.temperature import HIGHEST, LOWEST


def draw(n_classes, n=40_000, seed=0):
    """Logits that mean what they say, and labels drawn from them; (n,) for one logit."""
    rng = np.random.default_rng(seed)
    if n_classes == 1:
        logits = rng.normal(-1, 2, n)
        return (rng.random(n) < 1 / (1 + np.exp(-logits))).astype(int), logits
    logits = rng.normal(0, 2, (n, n_classes))
    draws = rng.random(n)[:, None] > softmax(logits, axis=1).cumsum(axis=1)
    return draws.sum(axis=1), logits


@pytest.mark.parametrize("n_classes", [1, 2, 3, 7])
@pytest.mark.parametrize("temperature", [0.2, 1.0, 2.5])
def test_recovers_a_known_temperature(n_classes, temperature):
    labels, logits = draw(n_classes)
    got = fit_temperature(labels, logits * temperature)
    assert got == pytest.approx(temperature, rel=0.05)


@pytest.mark.parametrize("seed", range(12))
def test_is_the_minimum_and_never_raises_the_log_loss(seed):
    rng = np.random.default_rng(seed)
    shape = [(30,), (30, 1), (30, 2), (30, 4)][seed % 4]
    labels = rng.integers(0, 2, 30)
    logits = rng.normal(0, 10 ** rng.uniform(-1, 2), shape)
    if len(shape) == 1:
        logits += labels * logits.std()
    best = fit_temperature(labels, logits)
    assert LOWEST <= best <= HIGHEST
    reached = log_loss(labels, logits / best)
    for other in (*np.geomspace(LOWEST, HIGHEST, 200), 1.0, best * 1.001, best / 1.001):
        if LOWEST <= other <= HIGHEST:
            assert reached <= log_loss(labels, logits / other) + 1e-12
    assert reached <= log_loss(labels, logits)


def test_two_columns_are_one_logit():
    labels, logits = draw(1, n=500)
    pair = np.stack([np.zeros(500), logits], axis=1)
    assert fit_temperature(labels, pair) == pytest.approx(fit_temperature(labels, logits))
    shifted = pair + np.random.default_rng(0).normal(0, 50, (500, 1))
    assert fit_temperature(labels, shifted) == pytest.approx(fit_temperature(labels, logits))


def test_scaling_the_logits_scales_the_temperature():
    labels, logits = draw(3, n=2000)
    once = fit_temperature(labels, logits)
    assert fit_temperature(labels, 4 * logits) == pytest.approx(4 * once, rel=1e-6)


def test_ranking_stays():
    labels, logits = draw(1, n=2000)
    scaled = logits / fit_temperature(labels, 3 * logits)
    assert roc_auc(labels, scaled) == roc_auc(labels, logits)


def test_data_that_set_no_temperature_give_a_bound():
    labels = np.array([0, 0, 1, 1])
    assert fit_temperature(labels, [-2.0, -1.0, 1.0, 2.0]) == LOWEST  # separated perfectly
    assert fit_temperature(labels, [2.0, 1.0, -1.0, -2.0]) == HIGHEST  # ranked backwards
    assert fit_temperature([1, 1], [0.5, 3.0]) == LOWEST  # one class, all right
    assert fit_temperature(labels, np.zeros(4)) == 1
    assert fit_temperature(labels, np.full((4, 3), 7.0)) == 1
    assert fit_temperature([0], [[1e6, -1e6]]) >= LOWEST


@pytest.mark.parametrize(
    ("labels", "logits", "words"),
    [
        ([0, 1], [0.0], "2 labels but 1"),
        ([0, 1], [0.0, np.nan], "row 1"),
        ([0, 2], [0.0, 1.0], "hold 2"),
        ([], [], "no samples"),
    ],
)
def test_bad_input_is_one_clear_line(labels, logits, words):
    with pytest.raises(LenszooError, match=words):
        fit_temperature(labels, logits)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_another_share_of_a_class_leaves_the_temperature_as_it_is(share):
    """Logits are meant for the classes' shares in training; of others the log-odds are moved."""
    labels, logits = draw(1, n=200_000, seed=4)
    rng = np.random.default_rng(0)
    chosen = [rng.choice(np.flatnonzero(labels == k), 15_000) for k in (0, 1)]
    kept = np.concatenate(
        [chosen[0][: round(10_000 * (1 - share))], chosen[1][: round(10_000 * share)]]
    )
    offset = label_shift(labels[kept], labels.mean())
    fitted = fit_temperature(labels[kept], 2.5 * logits[kept], offset=offset)
    assert fitted == pytest.approx(2.5, rel=0.07)
    plain = fit_temperature(labels[kept], 2.5 * logits[kept])
    assert abs(share - labels.mean()) < 0.25 or abs(plain - 2.5) > 0.4
