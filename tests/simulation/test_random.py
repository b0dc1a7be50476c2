import itertools

import numpy as np
import pytest
from keras import ops
from scipy import stats

from lenszoo.simulation.random import (
    noise_key,
    normal_from_uniform,
    pixel_uniform,
    poisson_from_uniform,
    scene_generator,
)

PIXELS = 22_500
# pinned: other numbers here mean that every simulated dataset has become another one
PHILOX_1_2 = [0.30931491118583454, 0.3569562367935075, 0.036904530468356844]
PIXEL_WORDS = [[3046860, 16164000, 3388419], [14874902, 10043854, 1451686]]


def keys(n, seed=0):
    return np.stack([noise_key(scene_generator(seed, i)) for i in range(n)])


@pytest.fixture(scope="module")
def uniforms():
    """(20, pixels) uniforms of twenty scenes."""
    return ops.convert_to_numpy(pixel_uniform(keys(20), PIXELS))


def test_scene_generators_are_numpys_philox_and_never_change():
    expected = np.random.Generator(np.random.Philox(key=np.array([7, 2**40 + 5], np.uint64)))
    assert scene_generator(7, 2**40 + 5).random(5).tolist() == expected.random(5).tolist()
    np.testing.assert_allclose(scene_generator(1, 2).random(3), PHILOX_1_2, rtol=1e-15)


def test_scenes_and_seeds_have_streams_of_their_own():
    draws = {tuple(scene_generator(seed, i).random(2)) for seed in range(30) for i in range(30)}
    assert len(draws) == 900
    first = np.array([scene_generator(3, i).random() for i in range(4000)])
    assert stats.kstest(first, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 4 / np.sqrt(4000)


def test_pixel_uniforms_never_change():
    u = ops.convert_to_numpy(pixel_uniform(np.array([[1, 2], [2**32 - 1, 0]], np.uint32), 3))
    np.testing.assert_array_equal((u * 2.0**24).astype(np.int64), PIXEL_WORDS)


def test_the_largest_uniform_is_below_one_and_counts_no_more_than_its_quantile():
    """The hash's last word, which float32 rounds to 1: above every sum of a Poisson law's terms."""
    u = ops.convert_to_numpy(pixel_uniform(np.array([[549, 7]], np.uint32), 8333))[:, -1:]
    assert u == 1 - 2.0**-24
    assert ops.convert_to_numpy(normal_from_uniform(u)) == pytest.approx(stats.norm.isf(2.0**-24))
    for mean in (1e-3, 0.01, 0.3, 2.0, 5.9):
        count = ops.convert_to_numpy(poisson_from_uniform(np.full_like(u, mean), u))
        assert count == stats.poisson.isf(2.0**-19, mean)


def test_pixel_uniforms_are_uniform(uniforms):
    assert uniforms.min() > 0 and uniforms.max() < 1
    for u in uniforms[:5]:
        assert stats.kstest(u, "uniform").pvalue > 1e-3
    assert stats.kstest(uniforms.ravel(), "uniform").pvalue > 1e-3
    middle_bits = (uniforms.ravel() * 2.0**16).astype(np.int64) % 256
    assert stats.chisquare(np.bincount(middle_bits, minlength=256)).pvalue > 1e-3


@pytest.mark.parametrize("lag", [1, 2, 75, 150, 151])
def test_neighbouring_pixels_are_independent(uniforms, lag):
    a, b = uniforms[:, :-lag].ravel(), uniforms[:, lag:].ravel()
    assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(a.size)
    table = np.histogram2d(a, b, bins=16)[0]
    assert stats.chisquare(table.ravel()).pvalue > 1e-3


def test_neighbouring_scenes_and_similar_keys_are_independent(uniforms):
    pairs = list(itertools.pairwise(uniforms))
    key = np.array([123456789, 987654321], np.uint32)
    similar = [key, key ^ np.uint32([1, 0]), key ^ np.uint32([0, 1]), key + np.uint32([1, 1])]
    near = ops.convert_to_numpy(pixel_uniform(np.stack(similar), PIXELS))
    pairs += [(near[0], other) for other in near[1:]]
    for a, b in pairs:
        assert abs(np.corrcoef(a, b)[0, 1]) < 4.5 / np.sqrt(PIXELS)


@pytest.mark.parametrize("mean", [0.1, 3.0, 9.9, 10.1, 40.0, 800.0])
def test_counts_follow_the_poisson_law(mean):
    u = pixel_uniform(keys(20, seed=int(10 * mean)), PIXELS)
    counts = ops.convert_to_numpy(poisson_from_uniform(np.full(u.shape, mean, np.float32), u))
    assert (counts == np.floor(counts)).all() and counts.min() >= 0
    n, low = counts.size, int(stats.poisson.ppf(1e-4, mean))
    edges = np.arange(low, int(stats.poisson.ppf(1 - 1e-4, mean)) + 1)
    expected = np.diff(stats.poisson.cdf(edges, mean), prepend=0.0, append=1.0) * n
    found = np.bincount(np.clip(counts, low, edges[-1] + 1).astype(int).ravel() - low)
    assert stats.chisquare(found, expected).pvalue > 1e-3
    assert counts.mean() == pytest.approx(mean, abs=4 * np.sqrt(mean / n))
    assert counts.var() == pytest.approx(mean, rel=5 * np.sqrt((2 + 1 / mean) / n))


def test_counts_are_the_exact_quantile_nearly_everywhere():
    u = ops.convert_to_numpy(pixel_uniform(keys(1), PIXELS))
    for mean in (0.5, 7.0, 15.0, 100.0):
        means = ops.convert_to_tensor(np.full_like(u, mean))
        counts = ops.convert_to_numpy(poisson_from_uniform(means, ops.convert_to_tensor(u)))
        exact = stats.poisson.ppf(u.astype(np.float64), mean)
        assert np.mean(counts != exact) < 1e-3
        assert np.abs(counts - exact).max() <= 1


def test_no_mean_no_counts():
    u = pixel_uniform(keys(1), 1000)
    assert not ops.convert_to_numpy(poisson_from_uniform(ops.zeros_like(u), u)).any()


def test_normal_deviates_are_normal(uniforms):
    w = ops.convert_to_numpy(normal_from_uniform(uniforms))
    assert stats.kstest(w.ravel(), "norm").pvalue > 1e-3
    np.testing.assert_allclose(w, stats.norm.ppf(uniforms.astype(np.float64)), atol=2e-6)
    assert np.isfinite(w).all()
