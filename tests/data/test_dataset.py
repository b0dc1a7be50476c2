"""Datasets: rows taken together, splits that keep groups whole, and images left in files."""

import numpy as np
from oneline import one_line

from lenszoo.data import Dataset
from lenszoo.data.readers import ImageFiles

RNG = np.random.default_rng(0)


def dataset(n=12, **changes):
    parts = {
        "images": RNG.random((n, 6, 6, 2), np.float32),
        "labels": np.arange(n, dtype=np.int32) % 3,
        "class_names": ("a", "b", "c"),
    }
    return Dataset(tuple(map(str, range(n))), **parts | changes)


def test_rows_are_taken_of_everything_that_is_there():
    targets = RNG.random((12, 12, 12, 2), np.float32)
    data = dataset(targets=targets, groups=np.arange(12) // 2, truth={"flux": np.arange(12.0)})
    assert data.scale == 2 and data.table.shape == (12, 0)
    part = data.take([3, 1])
    assert part.ids == ("3", "1") and part.labels.tolist() == [0, 1]
    assert part.groups.tolist() == [1, 0] and part.truth["flux"].tolist() == [3, 1]
    np.testing.assert_array_equal(part.targets, targets[[3, 1]])
    assert part.bad_counts is None and part.class_names == data.class_names


def test_images_in_files_are_read_as_they_are_asked_for(tmp_path):
    for i in range(3):
        np.save(tmp_path / f"{i}.npy", np.full((5, 5), i, np.float32))

    def prepare(image):
        image += 1

    paths = [tmp_path / "0.npy", None, tmp_path / "2.npy"]
    data = Dataset(("0", "1", "2"), files=ImageFiles(paths, prepare)).take([2, 1])
    assert data.files[0].shape == (5, 5, 1) and data.files[0].max() == 3
    one_line("no such file", lambda: data.files[1])
    assert "images in files" in repr(data)
