"""The shortcut baseline finds planted leaks, and nothing where there is nothing."""

import numpy as np
import pytest
from oneline import one_line

from lenszoo.metrics.shortcut import (
    feature_names,
    global_statistics,
    shortcut_baseline,
)


def blob(size=40, x=0.0, y=0.0, sigma=4.0, q=1.0, angle=0.0):
    """A Gaussian with axis ratio q, its long axis at ``angle`` radians, centre in pixels."""
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    u = (columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)
    v = -(columns - x) * np.sin(angle) + (rows - y) * np.cos(angle)
    return np.exp(-0.5 * ((u / sigma) ** 2 + (v / (sigma * q)) ** 2))


def statistics(image):
    values = global_statistics(np.asarray(image)[None])
    return dict(zip(feature_names(), values[0], strict=True))


def test_histogram_features_equal_numpy():
    image = np.random.default_rng(0).gamma(2, 1, (31, 37)).astype(np.float32)
    found = statistics(image)
    assert found["mean"] == pytest.approx(image.mean(), rel=1e-5)
    assert found["std"] == pytest.approx(image.std(), rel=1e-5)
    third = ((image - image.mean()) ** 3).mean() / image.std() ** 3
    assert found["skewness"] == pytest.approx(third, rel=1e-4)
    for q in (1, 5, 25, 50, 75, 95, 99):
        assert found[f"quantile_{q:02d}"] == pytest.approx(np.percentile(image, q), rel=1e-5)
    level = image.min() + 0.25 * (image.max() - image.min())
    assert found["bright_25"] == pytest.approx((image > level).mean())


def test_moments_know_place_shape_and_angle():
    found = statistics(blob(x=5, y=-3))
    assert found["centroid_x"] == pytest.approx(5 / 20, abs=0.01)
    assert found["centroid_y"] == pytest.approx(-3 / 20, abs=0.01)
    assert found["axis_ratio"] == pytest.approx(1, abs=0.02)
    found = statistics(blob(q=0.5, angle=np.pi / 6))
    assert found["axis_ratio"] == pytest.approx(0.5, abs=0.02)
    angle = np.arctan2(found["ellipticity_2"], found["ellipticity_1"]) / 2
    assert angle == pytest.approx(np.pi / 6, abs=0.01)
    assert statistics(blob(sigma=6))["radius"] > 1.3 * statistics(blob(sigma=4))["radius"]


def test_rings_follow_a_radial_profile():
    rows, columns = np.mgrid[:60, :60] - 29.5
    radius = np.hypot(rows, columns)
    found = statistics(((radius > 14) & (radius < 16)).astype(float))
    rings = [found[f"ring_{i:02d}"] for i in range(12)]
    assert np.argmax(rings) == 5  # 15 of 30 pixels, in rings of 30 / 11
    assert rings[0] == rings[11] == 0


@pytest.mark.parametrize("shape", [(3, 1, 1), (3, 2, 5, 2), (3, 8, 8, 4)])
def test_constant_and_tiny_images_stay_finite(shape):
    for value in (0, 7, np.nan, -np.inf):
        found = global_statistics(np.full(shape, value))
        assert np.isfinite(found).all()
        assert found.shape == (3, len(feature_names(shape[3] if len(shape) == 4 else 1)))


@pytest.mark.parametrize("unit", [2.0**-100, 2.0**-73, 2.0**60])
def test_the_unit_of_the_flux_does_not_matter(unit):
    image = (blob(x=3, q=0.6) + 0.1).astype(np.float32)
    found, expected = statistics(image * np.float32(unit)), statistics(image)
    for name, value in expected.items():
        plain = name.startswith(("skew", "centroid", "radius", "axis", "ellipticity", "bright"))
        assert found[name] == pytest.approx(value * (1 if plain else unit), rel=1e-12), name


def test_bands_are_told_apart():
    images = np.random.default_rng(0).random((4, 16, 16, 2))
    both = global_statistics(images)
    np.testing.assert_allclose(both[:, :33], global_statistics(images[..., 0]))
    np.testing.assert_allclose(both[:, 33:], global_statistics(images[..., 1]))
    assert feature_names(2)[33] == "band1_mean"


def test_chunks_do_not_change_the_numbers(monkeypatch):
    images = np.random.default_rng(0).random((7, 16, 16, 2))
    whole = global_statistics(images)
    monkeypatch.setattr("lenszoo.metrics.shortcut._CHUNK_PIXELS", 2 * 512)
    np.testing.assert_allclose(global_statistics(images), whole, rtol=1e-5, atol=1e-7)


def test_pure_noise_is_chance():
    rng = np.random.default_rng(0)
    result = shortcut_baseline(rng.random((1500, 16, 16, 1)), rng.integers(0, 3, 1500), 3)
    assert result.macro_ovr_auc == pytest.approx(0.5, abs=0.04)
    assert result.per_class_auc == pytest.approx([0.5] * 3, abs=0.06)
    assert (result.folds, result.total, len(result.rows)) == (5, 1500, 1500)
    assert result.reason is None


def test_a_planted_shortcut_is_found():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 600)
    images = rng.normal(0, 1, (600, 24, 24, 1))
    images[labels == 1] += 0.2  # brighter
    images[labels == 2] += 0.7 * blob(24, x=4)[..., None]  # a faint light off the centre
    result = shortcut_baseline(images, labels, 3)
    assert result.per_class_auc.min() > 0.97
    assert result.scores.shape == (600, 3)
    # The scores are of samples the model had not seen: with the labels mixed nothing is left.
    assert shortcut_baseline(images, rng.permutation(labels), 3).macro_ovr_auc < 0.58


def test_structure_that_any_filter_sees_stays_hidden():
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 2, 600)
    # Pairs of equal pixels, upright or lying: the same histogram, rings and moments.
    upright = rng.random((600, 10, 1, 20)).repeat(2, axis=2).reshape(600, 20, 20)
    images = np.where(labels[:, None, None] == 1, upright.transpose(0, 2, 1), upright)
    assert ((images[:, 0] == images[:, 1]).all(axis=1) == (labels == 0)).all()
    assert shortcut_baseline(images, labels, 2).macro_ovr_auc == pytest.approx(0.5, abs=0.07)


def test_features_may_come_instead_of_images():
    rng = np.random.default_rng(3)
    images, labels = rng.random((60, 8, 8, 1)), np.arange(60) % 3
    direct = shortcut_baseline(images, labels, 3)
    np.testing.assert_array_equal(
        direct.scores, shortcut_baseline(global_statistics(images), labels, 3).scores
    )


def test_few_samples_reduce_the_folds_or_give_a_reason():
    rng = np.random.default_rng(4)
    images = rng.random((9, 8, 8))
    assert shortcut_baseline(images, [0, 1, 2] * 3, 3).folds == 3
    single = shortcut_baseline(images, [0] * 8 + [1], 2)
    assert (single.reason, single.folds, single.scores) == ("a class has a single image", 0, None)
    assert np.isnan(single.macro_ovr_auc)
    assert shortcut_baseline(images, [1] * 9, 2).reason == "only one class occurs"


def test_a_class_that_does_not_occur_is_undefined_alone():
    rng = np.random.default_rng(5)
    labels = np.arange(40) % 2 * 2  # 0 and 2 of three classes
    images = rng.random((40, 8, 8)) + labels[:, None, None]
    result = shortcut_baseline(images, labels, 3)
    assert np.isnan(result.per_class_auc).tolist() == [False, True, False]
    assert result.per_class_auc[0] == 1
    assert np.isnan(result.macro_ovr_auc)
    assert result.accuracy == 1


def test_a_large_set_is_cut_by_the_seed():
    rng = np.random.default_rng(6)
    features, labels = rng.normal(size=(500, 4)), rng.integers(0, 2, 500)
    first, second = (shortcut_baseline(features, labels, 2, seed=9, max_images=200) for _ in "ab")
    assert (len(first.rows), first.total) == (200, 500)
    np.testing.assert_array_equal(first.rows, second.rows)
    np.testing.assert_array_equal(first.scores, second.scores)


def test_bad_input_is_named():
    one_line("shape (5,)", lambda: global_statistics(np.zeros(5)))
    one_line("3 labels but 2", lambda: shortcut_baseline(np.zeros((2, 4, 4)), [0, 1, 0], 2))
    one_line("no images", lambda: shortcut_baseline(np.zeros((0, 4, 4)), [], 2))


def test_an_object_and_its_twin_of_the_other_class_stay_in_one_fold():
    """With twins in two folds, a model that knows one answers the other wrongly."""
    rng = np.random.default_rng(4)
    objects = np.repeat(np.arange(60), 2)
    labels = np.tile([0, 1], 60)
    features = rng.normal(size=(60, 25))[objects] + 0.05 * rng.normal(size=(120, 25))
    split = shortcut_baseline(features, labels, 2).macro_ovr_auc
    whole = shortcut_baseline(features, labels, 2, groups=objects)
    assert split < 0.3 and whole.folds == 5
    assert 0.35 < whole.macro_ovr_auc < 0.65
    alone = shortcut_baseline(features, labels, 2, groups=np.zeros(120, int))
    assert alone.scores is None and alone.reason == "all images show one object"
