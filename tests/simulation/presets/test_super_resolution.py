import numpy as np
import pytest
from oneline import one_line

from lenszoo.simulation import SimulatedDataset, get_preset, sample, stream

NAME = "sr_75_150"


@pytest.fixture(scope="module")
def pairs():
    return sample(NAME, 48, seed=3)


def binned(images):
    n, height, width, bands = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2, bands).mean((2, 4))


def test_shapes_scales_and_truth(pairs):
    preset = get_preset(NAME)
    assert (preset.image_shape, preset.target_shape) == ((75, 75, 1), (150, 150, 1))
    assert preset.pixel_scale == pytest.approx(0.1)
    assert pairs.images.shape == (48, 75, 75, 1)
    assert pairs.targets.shape == pairs.noiseless.shape == (48, 150, 150, 1)
    np.testing.assert_array_equal(pairs.images.min((1, 2, 3)), 0.0)
    np.testing.assert_array_equal(pairs.images.max((1, 2, 3)), 1.0)


def test_both_of_a_pair_see_the_same_light(pairs):
    """In one unit: a coarse pixel is the mean of four fine ones but for its noise."""
    flux = (pairs.images.mean((1, 2, 3)), pairs.targets.mean((1, 2, 3)))
    np.testing.assert_allclose(flux[0], flux[1], rtol=0.01)
    residual = pairs.images - binned(pairs.noiseless)
    assert abs(residual.mean()) < 2e-4
    assert residual.std() < 0.7 * (pairs.targets - pairs.noiseless).std()


def test_noise_is_poisson_in_counts(pairs):
    """A count a fine pixel, a quarter of one for the mean of the four that a coarse one covers."""
    zero, one = (pairs.truth[f"counts_at_{k}"][:, None, None, None] for k in (0, 1))

    def counts(images):
        return zero + images * (one - zero)

    whole = counts(pairs.targets)
    np.testing.assert_allclose(whole, np.round(whole), atol=2e-3)
    for seen, expected, light in (
        (pairs.targets, pairs.noiseless, 1),
        (pairs.images, binned(pairs.noiseless), 4),
    ):
        mean = counts(expected)
        square = (counts(seen) - mean) ** 2 * light
        for faint, bright in ((5, 12), (12, 60), (60, 1000)):
            chosen = (mean > faint) & (mean <= bright)
            assert square[chosen].mean() / mean[chosen].mean() == pytest.approx(1.0, abs=0.03)
    pull = (pairs.targets - pairs.noiseless) / np.sqrt(pairs.target_variance())
    assert pull.std() == pytest.approx(1.0, abs=0.01)
    one_line("Only a sky of pairs", lambda: sample("common_test_sim", 1).target_variance())


def test_noise_of_a_pair_is_independent(pairs):
    fine = binned(pairs.targets - pairs.noiseless)
    coarse = pairs.images - binned(pairs.noiseless)
    assert abs(np.corrcoef(fine.ravel(), coarse.ravel())[0, 1]) < 0.01


def test_the_sky_is_that_of_the_classifiers(pairs):
    other = sample("common_test_sim", 6, seed=3).truth
    for name in ("einstein_radius", "source_x", "gamma1", "substructure_mass_fraction"):
        np.testing.assert_array_equal(pairs.truth[name][:6], other[name])


def test_a_scene_does_not_depend_on_its_batch(pairs):
    again = sample(NAME, 2, seed=3, start=5)
    for name in ("images", "targets", "noiseless"):
        np.testing.assert_array_equal(getattr(again, name), getattr(pairs, name)[5:7])


def test_patches_lie_on_each_other():
    dataset = SimulatedDataset(NAME, 8, 3, batch_size=4, patch=20, patches=3, augment="d4")
    low, high = dataset[1]
    assert low.shape == (12, 20, 20, 1)
    assert high.shape == (12, 40, 40, 1)
    assert low.max((1, 2, 3)).max() > 0.5
    assert (low - binned(high)).std((1, 2, 3)).max() < 0.015  # no more than their noise
    for first, second in zip(dataset[1], (low, high), strict=True):
        np.testing.assert_array_equal(first, second)


def test_stream_of_pairs():
    dataset = SimulatedDataset(NAME, 5, 3, batch_size=3, patch=16, patches=2)
    for index, (low, high) in enumerate(stream(dataset).as_numpy_iterator()):
        np.testing.assert_array_equal(low, dataset[index][0])
        np.testing.assert_array_equal(high, dataset[index][1])
    assert index == 1


def test_bad_patches():
    one_line(
        "Patches are cut out of pairs; common_test_sim has",
        lambda: SimulatedDataset("common_test_sim", 4, patch=16),
    )
    one_line("Patches of 76 pixels do not fit", lambda: SimulatedDataset(NAME, 4, patch=76)[0])
