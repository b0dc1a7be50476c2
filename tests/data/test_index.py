"""Folders and tables become an index; splits are stratified, disjoint and repeatable."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from oneline import one_line

from lenszoo.data import DatasetIndex

MODEL_CLASSES = ("no", "sphere", "vort")


# folders


def test_class_folders_in_natural_order(deeplense):
    root = deeplense(per_class=12)
    index = DatasetIndex.from_directory(root)
    assert index.class_names == MODEL_CLASSES
    assert len(index) == 36
    assert index.ids[:3] == ("no/0.npy", "no/1.npy", "no/2.npy")
    assert index.ids[11] == "no/11.npy"
    assert index.labels.dtype == np.int32
    assert index.class_counts() == {"no": 12, "sphere": 12, "vort": 12}
    assert index.paths[35] == root / "vort" / "11.npy"
    assert "36 images: no 12" in repr(index)


def test_the_models_order_decides(deeplense):
    index = DatasetIndex.from_directory(deeplense(), classes=("vort", "no", "sphere"))
    assert {i.split("/")[0]: int(n) for i, n in zip(index.ids, index.labels, strict=True)} == {
        "vort": 0,
        "no": 1,
        "sphere": 2,
    }


def test_a_missing_class_keeps_its_label(deeplense):
    index = DatasetIndex.from_directory(deeplense(classes=("vort",)), classes=MODEL_CLASSES)
    assert set(index.labels.tolist()) == {2}
    assert index.class_counts() == {"no": 0, "sphere": 0, "vort": 4}
    train, held_out = index.split(0.5, 0)
    assert len(train) == len(held_out) == 2


def test_flat_folder_has_no_labels(deeplense):
    index = DatasetIndex.from_directory(deeplense() / "no", classes=MODEL_CLASSES)
    assert index.labels is None
    assert index.ids == ("0.npy", "1.npy", "2.npy", "3.npy")
    assert "no labels" in repr(index)


def test_bad_folders(deeplense, tmp_path):
    one_line("no such folder", lambda: DatasetIndex.from_directory(tmp_path / "none"))
    (tmp_path / "empty").mkdir()
    one_line("no images in this folder", lambda: DatasetIndex.from_directory(tmp_path / "empty"))
    (tmp_path / "empty").rmdir()
    (tmp_path / "file").write_text("")
    one_line("cannot be listed", lambda: DatasetIndex.from_directory(tmp_path / "file"))
    root = deeplense()
    unknown = one_line(
        "sphere", lambda: DatasetIndex.from_directory(root, classes=("no", "spheres"))
    )
    assert "Legal: no, spheres" in unknown
    parent = one_line("one set at a time", lambda: DatasetIndex.from_directory(root.parent))
    assert str(root) in parent
    (root / "spare").mkdir()
    one_line("spare: this class folder holds no images", lambda: DatasetIndex.from_directory(root))
    (root / "spare").rmdir()
    (root / "preview.png").write_bytes(b"")
    one_line("beside folders", lambda: DatasetIndex.from_directory(root))


def test_files_one_by_one(deeplense, tmp_path):
    files = sorted((deeplense() / "no").iterdir())
    index = DatasetIndex.from_files(files)
    assert index.ids == tuple(map(str, files))
    one_line("no files", lambda: DatasetIndex.from_files([]))
    one_line("more than once", lambda: DatasetIndex.from_files([files[0], files[0]]))
    one_line("no such file", lambda: DatasetIndex.from_files([*files, tmp_path / "x.npy"]))


# splits


# tables


@pytest.fixture
def table(deeplense, tmp_path) -> Callable[[str], Path]:
    deeplense()

    def write(text: str) -> Path:
        path = tmp_path / "table.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_table_in_its_own_order(table, tmp_path):
    csv = table("\ufefflabel, id, path\nvort,b,set/vort/0.npy\nno,a,set/no/1.npy\n")
    index = DatasetIndex.from_csv(csv)
    assert index.ids == ("b", "a")
    assert index.class_names == ("no", "vort")
    assert index.labels.tolist() == [1, 0]
    assert index.paths == (tmp_path / "set/vort/0.npy", tmp_path / "set/no/1.npy")
    mapped = DatasetIndex.from_csv(csv, classes=("vort", "sphere", "no"))
    assert mapped.labels.tolist() == [0, 2]


def test_root_and_named_columns(table, tmp_path):
    csv = table("file,kind\nvort/0.npy,axion\nno/1.npy,no_sub\n")
    index = DatasetIndex.from_csv(
        csv,
        tmp_path / "set",
        id_column=None,
        path_column="file",
        label_column="kind",
        classes=MODEL_CLASSES,
    )
    assert index.ids == ("vort/0.npy", "no/1.npy")
    assert index.labels.tolist() == [2, 0]


def test_bands_in_columns(table):
    csv = table("id,g,r\n1,set/no/0.npy,set/no/1.npy\n")
    index = DatasetIndex.from_csv(csv, path_column=["g", "r"], label_column=None)
    assert len(index.paths[0]) == 2
    assert index.labels is None


def test_lens_labels_of_a_table_have_one_order(table):
    csv = table("id,path,label\n1,set/no/0.npy,Lens\n2,set/no/1.npy,nolens\n")
    index = DatasetIndex.from_csv(csv)
    assert index.class_names == ("nonlens", "lens")
    assert index.labels.tolist() == [1, 0]


def test_integer_labels_are_positions(table):
    csv = table("id,path,label\n1,set/no/0.npy,2\n2,set/no/1.npy,0\n")
    assert DatasetIndex.from_csv(csv, classes=MODEL_CLASSES).labels.tolist() == [2, 0]
    text = one_line("Unknown class", lambda: DatasetIndex.from_csv(csv, classes=("lens", "other")))
    assert "'2'" in text


def test_floats_of_whole_numbers_are_positions(table):
    """A table that had a missing label once holds all of its labels as floats."""
    csv = table("id,path,label\n1,set/no/0.npy,2.0\n2,set/no/1.npy,0.0\n")
    assert DatasetIndex.from_csv(csv, classes=MODEL_CLASSES).labels.tolist() == [2, 0]
    named = DatasetIndex.from_csv(csv, classes=("2", "1", "0"))
    assert named.labels.tolist() == [0, 2]  # a name comes first
    alone = DatasetIndex.from_csv(csv)
    assert alone.class_names == ("0", "2") and alone.labels.tolist() == [1, 0]
    half = table("id,path,label\n1,set/no/0.npy,0.5\n")
    one_line("'0.5'", lambda: DatasetIndex.from_csv(half, classes=MODEL_CLASSES))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "id,file,label\n1,set/no/0.npy,no\n",
            "columns are: id, file, label. Name yours with path_column=.",
        ),
        ("path,label\nset/no/0.npy,no\n", "columns are: path, label. Name yours with id_column=."),
        ("id,path\n1,set/no/0.npy\n", "columns are: id, path. Name yours with label_column=."),
        ("id,path,label\n1,set/no/0.npy,no\n1,set/no/1.npy,no\n", "id '1' occurs more than once"),
        ("id,path,label\n1,set/no/0.npy,no\n2,set/no/99.npy,no\n", "no such file: "),
        ("id,path,label\n1,set/no/0.npy,no\n2,set/no/1.npy\n", "line 3 has no value in column"),
        ("id,path,label\n1,,no\n", "line 2 has no value in column 'path'"),
        ("id,path,label\n", "no rows"),
        ("", "no column 'id'"),
        ("id,path,label\n1,set/no/0.npy,galaxy\n", "Unknown class"),
    ],
)
def test_bad_tables(table, text, message):
    csv = table(text)
    line = one_line(message, lambda: DatasetIndex.from_csv(csv, classes=MODEL_CLASSES))
    assert "table.csv" in line


def test_unreadable_tables(tmp_path):
    one_line("no such file", lambda: DatasetIndex.from_csv(tmp_path / "none.csv"))
    (tmp_path / "binary.csv").write_bytes(b"id,path,label\n\xff\xfe,\xc0,no\n")
    one_line("UTF-8", lambda: DatasetIndex.from_csv(tmp_path / "binary.csv"))


def test_labels_must_fit():
    paths = (Path("a"), Path("b"))
    one_line(
        "labels must lie", lambda: DatasetIndex(("a", "b"), paths, np.array([0, 2]), ("x", "y"))
    )
    one_line("differ in number", lambda: DatasetIndex(("a",), paths))
    index = DatasetIndex(("a", "b"), paths, np.array([0, 1]), ("x", "y"))
    with pytest.raises(ValueError, match="read-only"):
        index.labels[0] = 1


def test_loaded_images_are_what_numpy_reads(deeplense):
    index = DatasetIndex.from_directory(deeplense())
    data = index.load()
    expected = [np.load(path)[0].astype(np.float32) for path in index.paths]
    np.testing.assert_array_equal(data.images[..., 0], expected)
    np.testing.assert_array_equal(data.labels, index.labels)
    assert not data.bad_counts.any()
    assert data.ids == index.ids and data.class_names == index.class_names


def test_a_file_name_that_no_table_can_hold(tmp_path):
    np.save(tmp_path / "ü.npy", np.eye(4))
    assert DatasetIndex.from_directory(tmp_path).ids == ("ü.npy",)
    (tmp_path / "ü.npy").rename(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.npy"))
    one_line("is no name in UTF-8; rename", lambda: DatasetIndex.from_directory(tmp_path))


def test_images_in_memory_keep_the_groups_of_their_table(table):
    rows = [f"{n}{k},set/{n}/{k}.npy,{n},sky{k}" for n in ("no", "vort") for k in range(2)]
    index = DatasetIndex.from_csv(table("id,path,label,group\n" + "\n".join(rows) + "\n"))
    for held in index.load().split(0.5, 0):
        assert len(held) == 2 and len(set(held.groups)) == 1
    text = "id,path,label,group\na,set/no/0.npy,no,nan\nb,set/vort/0.npy,vort,b\n"
    one_line("has no value in column 'group'", lambda: DatasetIndex.from_csv(table(text)))
