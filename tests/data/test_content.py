"""Content of images: hashes, groups of one image, and its one label."""

import os
import shutil

import numpy as np
import pytest
from oneline import one_line
from tinyrun import write_images

from lenszoo.data import DatasetIndex
from lenszoo.data.content import hash_arrays, hash_files, same_rows


def test_content_is_the_bytes_of_a_file_whatever_its_name_place_and_time(tmp_path):
    first, second = tmp_path / "a.npy", tmp_path / "b.npy"
    image = np.random.default_rng(0).random((8, 8))
    np.save(first, image)
    shutil.copy(first, second)
    os.utime(second, (1, 1))
    before = hash_files([first, second])
    assert before[0] == before[1]
    times = first.stat()
    image[3, 3] += 1e-9
    np.save(first, image)
    os.utime(first, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert first.stat().st_size == second.stat().st_size
    assert hash_files([first, second])[0] != before[0]
    assert hash_files([(first, second)]) != hash_files([(second, first)])
    assert hash_files([tmp_path / "none.npy"])[0].startswith("unread")


def test_rows_of_arrays_are_hashed_together():
    images, targets = np.zeros((2, 3, 3, 1)), np.arange(2.0)
    assert len(set(hash_arrays(images, None))) == 1
    assert len(set(hash_arrays(images, targets))) == 2


def test_rows_belong_together_through_any_name():
    assert same_rows("abcad").tolist() == [0, 1, 2, 0, 4]
    assert same_rows("abcad", "xyyzz").tolist() == [0, 1, 1, 0, 0]


@pytest.fixture
def copies(tmp_path):
    """A CSV in which each of 12 images has two ids, the second in a file of its own."""
    root = write_images(tmp_path / "set", per_class=6)
    lines = ["id,path,label"]
    for label in ("bar", "dot"):
        for i in range(6):
            shutil.copy(root / label / f"{i}.npy", root / label / f"copy{i}.npy")
            lines += [f"{label}{i},set/{label}/{i}.npy,{label}"]
            lines += [f"{label}{i}again,set/{label}/copy{i}.npy,{label}"]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(lines) + "\n")
    return table


@pytest.mark.parametrize("seed", range(3))
def test_copies_of_an_image_stay_on_one_side_of_every_split(copies, seed, caplog):
    index = DatasetIndex.from_csv(copies)
    assert "12 of its images are copies of another" in (len(index.groups) and caplog.text)
    for train, held in [index.split(0.3, seed), *index.folds(3, seed)]:
        assert len(held) and not set(train.contents) & set(held.contents)
        assert len(train) + len(held) == 24


def test_groups_of_a_table_stay_on_one_side(tmp_path):
    root = write_images(tmp_path / "set", per_class=6)
    rows = [
        f"{c}{i},set/{c}/{i}.npy,{c},field {c} {i // 2}" for c in ("bar", "dot") for i in range(6)
    ]
    table = tmp_path / "table.csv"
    table.write_text("id,path,label,group\n" + "\n".join(rows) + "\n")
    index = DatasetIndex.from_csv(table)
    for train, held in [index.split(0.3, 1), *index.folds(3, 1)]:
        assert not set(train.group_names) & set(held.group_names)
    assert root.is_dir()


def test_one_image_of_two_classes_is_refused(copies):
    text = copies.read_text()
    same_path = text.replace("set/bar/0.npy,bar", "set/dot/1.npy,bar")
    copies.write_text(same_path)
    one_line("bar0 and dot1 are the same image", lambda: DatasetIndex.from_csv(copies))
    copies.write_text(text.replace("set/bar/copy0.npy,bar", "set/bar/copy0.npy,dot"))
    index = DatasetIndex.from_csv(copies)
    one_line("bar0 and bar0again are the same image, but one is 'bar'", lambda: index.split(0.3, 0))


def test_a_class_of_one_image_under_many_ids_cannot_be_split(tmp_path):
    root = write_images(tmp_path / "set", per_class=3)
    for i in (1, 2):
        shutil.copy(root / "dot" / "0.npy", root / "dot" / f"{i}.npy")
    index = DatasetIndex.from_directory(root)
    one_line("class 'dot' has 1 different image,", lambda: index.split(0.3, 0))
