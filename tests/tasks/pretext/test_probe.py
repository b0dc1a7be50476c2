"""Frozen features of known worth: the probe gives that worth, whatever the backbone's scale."""

import itertools

import keras
import numpy as np
import pytest
from tinyfeatures import FIXED, LABELS, features

from lenszoo import build_model
from lenszoo.errors import LenszooError
from lenszoo.tasks.pretext.probe import (
    cross_validate_frozen,
    frozen_features,
    label_efficiency,
    nested_subsets,
)


def test_features_are_those_of_the_layer_of_that_name():
    model = build_model("simple_cnn", input_shape=(20, 20, 1), num_classes=4, width=4)
    images = np.random.default_rng(0).random((5, 20, 20, 1), np.float32)
    layer = model.get_layer("features").output
    found = frozen_features(model, images, batch_size=5)
    assert found.shape == (5, layer.shape[-1])
    expected = keras.Model(model.input, layer)(images, training=False)
    np.testing.assert_allclose(found, np.asarray(expected), atol=1e-5)
    assert found.std(axis=0).max() > 1e-3


def test_separable_classes_have_an_auc_of_one():
    found = cross_validate_frozen(features(LABELS, 20.0), LABELS, head=FIXED)
    np.testing.assert_array_equal(found.aucs, 1)
    assert (found.mean, found.spread) == (1, 0)
    assert (found.logits.argmax(axis=1) == LABELS).all()
    assert str(found) == "AUC 1.0000 +- 0.0000 over 5 folds of 240 images"


def test_noise_has_an_auc_of_one_half():
    scores = [
        cross_validate_frozen(features(LABELS, 0.0, d=40, seed=s), LABELS, head=FIXED).mean
        for s in range(10)
    ]
    scores.append(cross_validate_frozen(features(LABELS, 0.0, d=40, seed=99), LABELS).mean)
    # 80 images of each class against 160: an AUC is known to 0.04, the mean of 11 to 0.012
    assert np.mean(scores) == pytest.approx(0.5, abs=0.04)
    assert all(abs(score - 0.5) < 0.16 for score in scores)


def test_the_auc_is_that_of_the_gaussian_model():
    y = np.arange(2000) % 2  # two classes, and a penalty that is chosen
    x = np.random.default_rng(0).normal(size=(2000, 1)) + y[:, None] * np.sqrt(2)
    # two unit normals a distance s apart: AUC = Phi(s / sqrt 2) = Phi(1)
    assert cross_validate_frozen(x, y).mean == pytest.approx(0.8413, abs=0.02)


def test_every_image_is_held_out_once_and_the_seed_settles_it():
    x = features(LABELS, 1.0)
    a, b, c = (cross_validate_frozen(x, LABELS, seed=s, head=FIXED) for s in (3, 3, 4))
    np.testing.assert_array_equal(np.bincount(a.fold), [48] * 5)
    np.testing.assert_array_equal(np.bincount(LABELS[a.fold == 0]), [16] * 3)
    np.testing.assert_array_equal(a.logits, b.logits)
    assert not np.array_equal(a.fold, c.fold)
    assert a.spread == pytest.approx(np.std(a.aucs, ddof=1))


def test_class_numbers_may_have_gaps():
    x = features(LABELS, 2.0)
    plain = cross_validate_frozen(x, LABELS, head=FIXED)
    gaps = cross_validate_frozen(x, np.array([2, 5, 9])[LABELS], head=FIXED)
    np.testing.assert_array_equal(gaps.classes, [2, 5, 9])
    np.testing.assert_array_equal(gaps.aucs, plain.aucs)


# --- few labels ---------------------------------------------------------------------------------


def curve(candidates, train, test, **options):
    table = label_efficiency(candidates, train, test, **({"counts": (30, 90, 240)} | options))
    assert table.column_names == ["candidate", "labels", "seed", "auc", "c"]
    return table.to_pylist()


def test_more_labels_help_and_the_better_backbone_is_better():
    test = np.arange(600) % 3
    candidates = {
        name: (features(LABELS, shift, d=30), features(test, shift, d=30, seed=1))
        for name, shift in (("good", 2.0), ("poor", 0.7))
    }
    rows = curve(candidates, LABELS, test, seeds=2)
    assert len(rows) == 2 * 3 * 2
    mean = {
        (name, count): np.mean(
            [r["auc"] for r in rows if (r["candidate"], r["labels"]) == (name, count)]
        )
        for name, count in itertools.product(candidates, (30, 90, 240))
    }
    for name in candidates:
        assert mean[name, 30] < mean[name, 90] < mean[name, 240]
    assert all(mean["good", n] > mean["poor", n] + 0.1 for n in (30, 90, 240))


def test_equal_candidates_have_equal_rows():
    test = np.arange(90) % 3
    pair = (features(LABELS, 1.0), features(test, 1.0, seed=1))
    rows = curve({"a": pair, "b": pair}, LABELS, test, seeds=[7], head=FIXED)
    a, b = ([r["auc"] for r in rows if r["candidate"] == name] for name in "ab")
    assert a == b
    assert [(r["labels"], r["seed"], r["c"]) for r in rows[:3]] == [
        (30, 7, 1.0),
        (90, 7, 1.0),
        (240, 7, 1.0),
    ]


def test_all_labels_score_as_the_head_itself():
    test = np.arange(90) % 3
    x, held = features(LABELS, 1.0), features(test, 1.0, seed=1)
    (row,) = curve({"a": (x, held)}, LABELS, test, counts=(240,), seeds=1, head=FIXED)
    from lenszoo.evaluation import roc_auc

    direct = roc_auc(test, FIXED.fit(x, LABELS).logits(held))
    assert row["auc"] == pytest.approx(direct, abs=1e-4)


@pytest.mark.parametrize("shares", [(0.34, 0.33, 0.33), (0.1, 0.2, 0.7)])
def test_subsets_are_nested_and_stratified(shares):
    y = np.random.default_rng(0).choice(3, 1000, p=shares)
    counts = (10, 50, 215, 600, 1000)
    parts = nested_subsets(y, counts, seed=5)
    for small, large in itertools.pairwise(parts):
        assert set(small) < set(large)
    for count, part in zip(counts, parts, strict=True):
        assert len(np.unique(part)) == count
        expected = np.bincount(y) / len(y) * count
        np.testing.assert_allclose(np.bincount(y[part], minlength=3), expected, atol=1.01)
    again, other = nested_subsets(y, counts, 5), nested_subsets(y, counts, 6)
    np.testing.assert_array_equal(again[1], parts[1])
    assert set(other[1]) != set(parts[1])
    # in any order of counts
    np.testing.assert_array_equal(nested_subsets(y, (600, 50), 5)[1], parts[1])


def test_the_last_image_of_a_balanced_subset_is_of_any_class():
    odd = [np.bincount(LABELS[nested_subsets(LABELS, (16,), s)[0]]).argmax() for s in range(30)]
    assert set(odd) == {0, 1, 2}


# --- what cannot be scored ----------------------------------------------------------------------

X = features(LABELS, 1.0)
NAN = X.copy()
NAN[[4, 9], 0] = np.nan


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (NAN, LABELS, {}, r"NaN or inf in 2 of 240 rows \(4, 9\)"),
        (X, LABELS[:-1], {}, r"240 rows, but labels of shape \(239,\)"),
        (X, np.zeros(240, int), {}, "all labels are 0"),
        (X, LABELS + 0.5, {}, "type float64"),
        (X[:, 0], LABELS, {}, r"shape \(240,\)"),
        (X[:0], LABELS[:0], {}, r"shape \(0, 6\)"),
        ([["a"]], [0], {}, "no numeric array"),
        (X[:10], LABELS[:10], {}, "of class 1 there are 3"),
        (X, LABELS, {"folds": 1}, "2 folds or more"),
        (X[:6], LABELS[:6], {"folds": 2}, "3 labels hold 1 of class 0.* fix c"),
    ],
)
def test_bad_input_is_one_line(x, y, options, message):
    with pytest.raises(LenszooError, match=message) as caught:
        cross_validate_frozen(x, y, **options)
    assert "\n" not in str(caught.value)


def test_two_images_of_a_class_do_with_a_fixed_penalty():
    found = cross_validate_frozen(X[:6] + 9 * np.eye(6), LABELS[:6], folds=2, head=FIXED)
    assert found.aucs.shape == (2,)


TEST = np.arange(30) % 3
HELD = features(TEST, 1.0, seed=1)


@pytest.mark.parametrize(
    ("candidates", "labels", "options", "message"),
    [
        ({}, (LABELS, TEST), {}, "a candidate, a count and a seed"),
        ({"a": (X, HELD)}, (LABELS, TEST), {"seeds": 0}, "a candidate, a count and a seed"),
        ({"a": (X, HELD)}, (LABELS, TEST), {"counts": (50, 300)}, "300 labels .* pool has 240"),
        ({"a": (X, HELD)}, (LABELS, TEST), {"counts": (4,)}, "4 labels hold 1 of class"),
        ({"a": (X, HELD)}, (LABELS, TEST % 2), {}, r"classes \[0, 1, 2\], the test set \[0, 1\]"),
        ({"a": (X, HELD)}, (LABELS, TEST[1:]), {}, "a: test: 30 rows"),
        ({"a": (X, HELD), "b": (X[1:], HELD)}, (LABELS, TEST), {}, r"b: features of 239 \+ 30"),
        ({"a": (X, HELD[:, 1:])}, (LABELS, TEST), {}, "a: 6 training features but 5 test"),
        ({"a": (NAN, HELD)}, (LABELS, TEST), {}, "a: training features: NaN or inf in 2"),
        ({"a": X}, (LABELS, TEST), {}, "a: give a pair"),
    ],
)
def test_what_does_not_fit_together_is_told(candidates, labels, options, message):
    with pytest.raises(LenszooError, match=message) as caught:
        label_efficiency(candidates, *labels, **({"counts": (30,), "seeds": 1} | options))
    assert "\n" not in str(caught.value)
