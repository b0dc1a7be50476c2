"""Stratified splits: disjoint, repeatable, and groups kept whole."""

import numpy as np
from oneline import one_line

from lenszoo.data import Dataset, DatasetIndex

RNG = np.random.default_rng(0)


def test_split_is_stratified_disjoint_and_repeatable(deeplense):
    index = DatasetIndex.from_directory(deeplense(per_class=10))
    train, held_out = index.split(0.2, seed=3)
    assert held_out.class_counts() == {"no": 2, "sphere": 2, "vort": 2}
    assert set(train.ids) | set(held_out.ids) == set(index.ids)
    assert not set(train.ids) & set(held_out.ids)
    assert index.split(0.2, seed=3)[1].ids == held_out.ids
    assert index.split(0.2, seed=4)[1].ids != held_out.ids
    where = {i: n for n, i in enumerate(index.ids)}
    for part in (train, held_out):
        assert [where[i] for i in part.ids] == sorted(where[i] for i in part.ids)
        for name, path, label in zip(part.ids, part.paths, part.labels, strict=True):
            assert index.paths[where[name]] == path
            assert index.labels[where[name]] == label


def test_small_classes_reach_both_sides(deeplense):
    train, held_out = DatasetIndex.from_directory(deeplense(per_class=2)).split(0.01, 0)
    assert set(train.class_counts().values()) == {1}
    assert set(held_out.class_counts().values()) == {1}


def test_folds_partition_the_dataset(deeplense):
    index = DatasetIndex.from_directory(deeplense(per_class=10))
    folds = list(index.folds(5, seed=1))
    assert sorted(i for _, held_out in folds for i in held_out.ids) == sorted(index.ids)
    for train, held_out in folds:
        assert held_out.class_counts() == {"no": 2, "sphere": 2, "vort": 2}
        assert not set(train.ids) & set(held_out.ids)
    assert [h.ids for _, h in index.folds(5, seed=1)] == [h.ids for _, h in folds]
    assert [h.ids for _, h in index.folds(5, seed=2)] != [h.ids for _, h in folds]


def test_unlabelled_images_split_as_well(deeplense):
    index = DatasetIndex.from_directory(deeplense(per_class=10) / "no")
    assert [len(part) for part in index.split(0.3, 0)] == [7, 3]
    assert len(list(index.folds(5, 0))) == 5


def test_impossible_splits(deeplense):
    root = deeplense()
    for i in range(1, 4):
        (root / "vort" / f"{i}.npy").unlink()
    index = DatasetIndex.from_directory(root)
    text = one_line("class 'vort' has 1 image,", lambda: index.split(0.2, 0))
    assert "at least 2" in text
    one_line("3 folds needs at least 3", lambda: index.folds(3, 0))
    one_line("at least 2 folds", lambda: index.folds(1, 0))
    for fraction in (0, 1, -0.1, float("nan")):
        one_line("between 0 and 1", lambda f=fraction: index.split(f, 0))
    one_line("seed", lambda: index.split(0.5, -1))


def dataset(n=12, **changes):
    parts = {
        "images": RNG.random((n, 6, 6, 2), np.float32),
        "labels": np.arange(n, dtype=np.int32) % 3,
        "class_names": ("a", "b", "c"),
    }
    return Dataset(tuple(map(str, range(n))), **parts | changes)


def test_splits_are_stratified_and_keep_groups_whole():
    train, held_out = dataset().split(0.25, seed=3)
    assert held_out.class_counts() == {"a": 1, "b": 1, "c": 1}
    assert set(train.ids) | set(held_out.ids) == set(map(str, range(12)))
    groups = np.repeat(np.arange(12), 3)
    data = dataset(36, labels=groups % 3, groups=groups)
    parts = [data.split(0.25, seed=3), *data.folds(4, seed=3)]
    for train, held_out in parts:
        assert not set(train.groups) & set(held_out.groups)
        assert len(train) == 27 and held_out.class_counts() == {"a": 3, "b": 3, "c": 3}
