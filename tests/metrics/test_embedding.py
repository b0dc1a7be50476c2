"""The spread of an embedding: known spectra, isotropy, and the ways to collapse."""

import numpy as np
import pytest
from oneline import one_line

from lenszoo.metrics.embedding import collapse, effective_rank


def normal(n=4000, d=16, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def with_spectrum(values, n=50, seed=0):
    """A matrix (n, len(values)) of these singular values."""
    rng = np.random.default_rng(seed)
    d = len(values)
    left, _ = np.linalg.qr(rng.normal(size=(n, d)))
    right, _ = np.linalg.qr(rng.normal(size=(d, d)))
    return left @ np.diag(values) @ right


def test_all_directions_alike_is_one_in_every_dimension():
    found = collapse(normal())
    # 4000 images: the std of a dimension is known to 1 / sqrt(2 * 4000), about 0.011
    np.testing.assert_allclose(found.std, 1, atol=0.05)
    assert found.std_mean == pytest.approx(1, abs=0.01)
    assert found.effective_rank == pytest.approx(16, abs=0.05)
    assert not found.collapsed
    assert str(found).startswith("std per dimension")


@pytest.mark.parametrize("k", [1, 2, 5])
def test_equal_singular_values_count_dimensions(k):
    assert effective_rank(with_spectrum([3.0] * k + [0.0] * (7 - k))) == pytest.approx(k)


def test_effective_rank_of_a_known_spectrum():
    # shares 1/2, 1/4, 1/4: an entropy of 1.5 ln 2
    assert effective_rank(with_spectrum([2.0, 1.0, 1.0])) == pytest.approx(2**1.5)
    assert collapse(with_spectrum([2.0, 1.0, 1.0])).effective_rank == pytest.approx(2**1.5)


@pytest.mark.parametrize("scatter", [0.0, 1e-7, 1e-3])
def test_one_point_for_all_images_is_a_collapse(scatter):
    features = 1 + scatter * normal(500)
    found = collapse(features.astype(np.float32))
    assert found.collapsed
    assert found.std_mean == pytest.approx(scatter, abs=0.1 * scatter + 1e-6)
    assert str(found).startswith("collapsed")


def test_a_line_is_a_collapse_that_the_deviation_does_not_show():
    line = normal(500, 1) * np.arange(1, 9) + 1e-6 * normal(500, 8)
    found = collapse(line)
    assert found.std_mean > 0.5
    assert found.effective_rank < 1.01
    assert found.collapsed


def test_a_few_dimensions_are_no_collapse_but_show():
    plane = normal(500, 2) @ np.random.default_rng(1).normal(size=(2, 64))
    found = collapse(plane)
    assert 1.2 < found.effective_rank < 2.001
    assert not found.collapsed


def test_a_unit_that_never_fires_is_the_least_deviation():
    features = np.maximum(normal(300, 8), 0)
    features[:, 3] = 0
    found = collapse(features)
    assert found.std_min == found.std[3] == 0
    assert not found.collapsed


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e30, 1e300])
def test_the_unit_does_not_matter(scale):
    expected = collapse(normal(200))
    found = collapse(scale * normal(200))
    np.testing.assert_allclose(found.std, expected.std, rtol=1e-12)
    assert found.effective_rank == pytest.approx(expected.effective_rank)


def test_nothing_but_zeros_is_a_collapse():
    found = collapse(np.zeros((5, 4)))
    assert found.collapsed
    assert found.effective_rank == 1
    assert found.std_mean == 0


@pytest.mark.parametrize("shape", [(5,), (1, 5), (5, 1), (0, 5), (2, 3, 4)])
def test_other_shapes_are_refused(shape):
    one_line("two or more", lambda: collapse(np.ones(shape)))


def test_bad_values_are_counted():
    features = normal(10)
    features[2, 1], features[7, 0] = np.nan, np.inf
    one_line("2 of 10 rows", lambda: collapse(features))
