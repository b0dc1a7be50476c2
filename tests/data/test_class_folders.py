"""Class folders: which folders and files count, and what is passed over."""

import warnings

import pytest
from oneline import one_line

from lenszoo.data import DatasetIndex


def test_hidden_and_foreign_entries_are_passed_over(deeplense):
    root = deeplense()
    (root / ".git").mkdir()
    (root / "__MACOSX").mkdir()
    (root / "truth.csv").write_text("id\n")
    (root / "no" / "._0.npy").write_bytes(b"")
    (root / "no" / "notes.txt").write_text("")
    assert len(DatasetIndex.from_directory(root)) == 12


def test_two_sets_of_lens_folders_side_by_side(deeplense):
    names = ("train_lenses", "train_nonlenses", "test_lenses", "test_nonlenses")
    root = deeplense(classes=names)
    text = one_line("several sets side by side", lambda: DatasetIndex.from_directory(root))
    assert str(root / "train") in text
    train, test = (DatasetIndex.from_directory(root / part) for part in ("train", "test"))
    assert train.class_names == test.class_names == ("nonlens", "lens")
    assert train.ids[0] == "train_nonlenses/0.npy"
    assert {name.split("/")[0] for name in test.ids} == {"test_lenses", "test_nonlenses"}
    assert all(path.is_file() for path in train.paths + test.paths)
    one_line("no such folder", lambda: DatasetIndex.from_directory(root / "val"))


def test_files_that_are_passed_over_are_counted(deeplense):
    root = deeplense(per_class=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (root / "no" / ".hidden").touch()
        assert len(DatasetIndex.from_directory(root)) == 9
    (root / "no" / "notes.txt").touch()
    (root / "no" / "more").mkdir()
    with pytest.warns(UserWarning, match=r"no: 1 folder and 1 file are.*beside 3 images"):
        assert len(DatasetIndex.from_directory(root)) == 9
