"""Names of classes: aliases, lenses and non-lenses, and their order."""

import numpy as np
import pytest
from oneline import one_line

from lenszoo.data import DatasetIndex, read_image
from lenszoo.data.names import name_classes

MODEL_CLASSES = ("no", "sphere", "vort")


def test_aliases_get_the_same_labels_with_and_without_a_model(deeplense):
    root = deeplense(classes=("axion", "cdm", "no_sub"))
    alone = DatasetIndex.from_directory(root)
    assert alone.class_names == ("no_sub", "cdm", "axion")
    mapped = DatasetIndex.from_directory(root, classes=MODEL_CLASSES)
    assert mapped.class_names == MODEL_CLASSES
    assert mapped.ids == alone.ids
    np.testing.assert_array_equal(mapped.labels, alone.labels)


def test_two_folders_of_one_class(deeplense):
    root = deeplense(classes=("no", "no_sub"))
    one_line(
        "name the same class", lambda: DatasetIndex.from_directory(root, classes=MODEL_CLASSES)
    )
    one_line("'no', 'no_sub' name the same class", lambda: DatasetIndex.from_directory(root))


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (("0", "1"), ("0", "1")),
        (("0.0", "1.0"), ("0", "1")),
        (("1.0", "2.5"), ("1.0", "2.5")),
        (("07", "8"), ("07", "8")),
        (("Lens", "NonLens"), ("nonlens", "lens")),
        (("0", "0.0", "1"), None),
        (("0", "1", "False", "true"), None),
        (("Lens", "lens", "NonLens", "nonlens"), None),
    ],
)
def test_labels_of_a_table_are_written_one_way(tmp_path, labels, classes):
    lines = ["id,path,label"]
    for i, label in enumerate(labels):
        np.save(tmp_path / f"{i}.npy", np.zeros((1, 4, 4)))
        lines.append(f"{i},{i}.npy,{label}")
    table = tmp_path / "t.csv"
    table.write_text("\n".join(lines) + "\n")
    if classes is None:
        text = one_line("name the same class", lambda: DatasetIndex.from_csv(table))
        assert "t.csv" in text and repr(labels[1]) in text
    else:
        assert DatasetIndex.from_csv(table).class_names == classes


@pytest.mark.parametrize(
    "classes",
    [
        ("train_lenses", "train_nonlenses"),
        ("lens", "nolens"),
        ("Lenses", "non_lens"),
        ("test_lens", "test_non-lenses"),
    ],
)
def test_lens_folders_have_one_order(deeplense, classes):
    root = deeplense(classes=classes, per_class=3)
    np.save(root / classes[0] / "0.npy", np.zeros((3, 64, 64)))
    index = DatasetIndex.from_directory(root)
    assert index.class_names == ("nonlens", "lens")
    assert index.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert index.ids[3] == f"{classes[0]}/0.npy"
    assert read_image(index.paths[3]).shape == (64, 64, 3)
    mapped = DatasetIndex.from_directory(root, classes=("lens", "nonlens"))
    assert mapped.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert mapped.class_names == ("lens", "nonlens")


def test_other_classes_beside_lenses_keep_their_names(deeplense):
    root = deeplense(classes=("lens", "nonlens", "star"))
    assert DatasetIndex.from_directory(root).class_names == ("lens", "nonlens", "star")


def test_a_missing_label_is_no_class():
    for text in ("nan", "NaN", "", " ", "NULL", "N/A", "<NA>"):
        one_line("which stands for none", lambda text=text: name_classes(["a", text], "t.csv"))
    assert set(name_classes(["none", "cdm"], "t.csv")) == {"cdm", "none"}
