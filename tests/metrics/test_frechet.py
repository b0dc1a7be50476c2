"""Frechet distance: closed forms, and nothing found where the sets do not differ."""

import numpy as np
import pytest
from oneline import one_line
from scipy.linalg import sqrtm

from lenszoo.metrics.frechet import frechet, frechet_distance


def test_it_is_the_formula_with_a_matrix_root():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(60, 4)) @ rng.normal(size=(4, 4)), rng.normal(1, 2, (50, 4))
    s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    step = a.mean(0) - b.mean(0)
    expected = step @ step + np.trace(s + t - 2 * sqrtm(s @ t).real)
    assert frechet_distance(a, b) == pytest.approx(expected)
    assert frechet_distance(b, a) == pytest.approx(expected)


def test_a_shift_a_stretch_and_nothing():
    points = np.random.default_rng(1).normal(size=(400, 3))
    assert frechet_distance(points, points) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(points, points + np.array([2, 0, 1])) == pytest.approx(5)
    spread = points.var(axis=0, ddof=1).sum()
    about = points - points.mean(0)
    assert frechet_distance(about, 3 * about) == pytest.approx(4 * spread)
    flat = np.outer(np.arange(9.0), [1, 2])  # all on a line: a singular covariance
    assert frechet_distance(flat, flat) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(np.arange(5.0)[:, None], np.arange(5.0)[:, None] + 2) == pytest.approx(
        4
    )


def test_sets_that_do_not_differ_are_as_far_apart_as_halves_of_one():
    rng = np.random.default_rng(2)
    same = frechet(rng.normal(size=(120, 40)), rng.normal(size=(80, 40)))
    assert same.size == 60 and same.dimensions == 15
    assert same.interval[0] < same.floor < same.interval[1]
    moved = frechet(rng.normal(size=(120, 40)), rng.normal(0.4, 1.3, (80, 40)))
    assert moved.interval[0] > moved.floor_interval[1]
    again = frechet(*(np.random.default_rng(k).normal(size=(50, 6)) for k in (0, 1)), seed=3)
    assert again == frechet(
        *(np.random.default_rng(k).normal(size=(50, 6)) for k in (0, 1)), seed=3
    )


def test_constant_dimensions_and_scales_do_not_matter():
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(60, 3)), rng.normal(0.5, 1, (60, 3))
    wide = [np.concatenate([1e4 * x, np.ones((60, 2))], axis=1) for x in (a, b)]
    assert frechet(*wide).distance == pytest.approx(frechet(a, b).distance, rel=1e-6)


def test_what_has_no_distance():
    rng = np.random.default_rng(5)
    one_line("too few", lambda: frechet(rng.normal(size=(7, 2)), rng.normal(size=(9, 2))))
    one_line("of 2 and of 3", lambda: frechet_distance(np.eye(2), np.ones((4, 3))))
    one_line("shape (4,)", lambda: frechet_distance(np.ones(4), np.eye(2)))
    one_line("1 of 2 vectors", lambda: frechet_distance([[0.0, np.nan], [1, 1]], np.eye(2)))
