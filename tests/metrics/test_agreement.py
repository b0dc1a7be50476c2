import numpy as np
import pytest
from oneline import one_line
from sklearn.metrics import cohen_kappa_score

from lenszoo.metrics.agreement import weighted_kappa


def test_kappa_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 4, 300)
    second = np.clip(first + rng.integers(-1, 2, 300), 0, 3)
    kappa = weighted_kappa(first, second, 4)
    assert kappa.value == pytest.approx(cohen_kappa_score(first, second, weights="quadratic"))
    assert kappa.low < kappa.value < kappa.high and kappa.high - kappa.low < 0.15
    assert kappa.n == 300


def test_the_worked_example_of_two_by_two():
    # 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: 0.7 agree, 0.5 by chance
    first = np.repeat([1, 1, 0, 0], [20, 5, 10, 15])
    second = np.repeat([1, 0, 1, 0], [20, 5, 10, 15])
    assert weighted_kappa(first, second, 2).value == pytest.approx(0.4)


def test_opposite_grades_are_below_chance_and_one_grade_for_all_has_no_kappa():
    assert weighted_kappa([0, 3, 0, 3], [3, 0, 3, 0], 4).value == pytest.approx(-1)
    assert np.isnan(weighted_kappa([1, 1], [1, 1], 4).value)
    empty = weighted_kappa([], [], 4)
    assert np.isnan(empty.value) and empty.n == 0


def test_grades_that_do_not_belong_together_are_refused():
    one_line("not of the same objects", lambda: weighted_kappa([1, 2], [1], 4))
    one_line("from 0 to 3", lambda: weighted_kappa([4], [1], 4))
    one_line("whole numbers", lambda: weighted_kappa([0.9, 1.9, 0.2], [0, 1, 0], 4))


def test_a_few_grades_that_agree_prove_no_perfect_agreement():
    kappa = weighted_kappa([0, 1, 2, 3, 3], [0, 1, 2, 3, 3], 4)
    assert kappa.value == 1 and kappa.low < 0.8 and kappa.high == 1


@pytest.mark.parametrize("agree", [0.9, 0.3])
def test_the_interval_covers_the_kappa_of_the_graders(agree):
    habits = np.array([0.1, 0.2, 0.3, 0.4])
    distance = np.abs(np.subtract.outer(range(4), range(4)))
    shares = np.where(distance, (1 - agree) / np.maximum(distance, 1), agree)
    shares *= (habits / shares.sum(1))[:, None]
    rng = np.random.default_rng(1)
    many = np.divmod(rng.choice(16, 200_000, p=shares.ravel()), 4)
    truth = cohen_kappa_score(*many, weights="quadratic")
    covered = []
    for _ in range(200):
        kappa = weighted_kappa(*np.divmod(rng.choice(16, 20, p=shares.ravel()), 4), 4)
        covered.append(kappa.low <= truth <= kappa.high)
    assert np.mean(covered) > 0.9
