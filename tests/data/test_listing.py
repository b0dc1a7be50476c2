import numpy as np
import pytest
from oneline import one_line

from lenszoo.data import DatasetIndex, read_image, read_images
from lenszoo.data.listing import ImageTable, as_index
from lenszoo.data.table import read_table
from lenszoo.errors import LenszooError


def noise(*shape):
    return np.random.default_rng(0).random(shape).astype(np.float32)


def test_a_folder_is_searched_to_the_bottom_in_natural_order(tmp_path):
    for name in ("b/c/img10.npy", "b/c/img2.npy", "b/1.npy", "a.npy", ".hid/x.npy", "__m/y.npy"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / name, noise(4, 4))
    (tmp_path / "notes.txt").write_text("not an image")
    index = as_index(tmp_path)
    assert index.ids == ("a.npy", "b/1.npy", "b/c/img2.npy", "b/c/img10.npy")
    assert [path.is_file() for path in index.paths] == [True] * 4


def test_an_index_stays_what_it_is(tmp_path):
    np.save(tmp_path / "a.npy", noise(4, 4))
    index = DatasetIndex(("x",), (tmp_path / "a.npy",))
    assert as_index(index) is index


def test_a_table_without_ids_is_known_by_its_paths(tmp_path):
    np.save(tmp_path / "a.npy", noise(4, 4))
    table = tmp_path / "t.csv"
    table.write_text("file,z\na.npy,0.5\n")
    assert as_index(table, path_column="file").ids == ("a.npy",)
    assert as_index(table, path_column="file", id_column="z").ids == ("0.5",)
    one_line("no column 'path'; the columns are: file, z", lambda: as_index(table))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ("nothing", "no images in this folder or below"),
        ("missing", r"^missing: no such file or folder\.$"),
        (["a.npy", "b.npy", "c.npy"], r"^b\.npy: no such file or folder \(and 1 more are missing"),
        (["a.npy", "nothing"], "give one folder, one table, or image files"),
        ([], "no files"),
        ("missing.csv", "no such file"),
    ],
)
def test_inputs_that_are_none(tmp_path, monkeypatch, inputs, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nothing").mkdir()
    np.save("a.npy", noise(4, 4))
    with pytest.raises(LenszooError, match=message):
        as_index(inputs)


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "a\0b.npy", "x" * 5000 + ".csv", "a\0b.csv"])
def test_names_that_no_file_can_have(tmp_path, name):
    for inputs in (name, [name, name + ".npy"]):
        with pytest.raises(LenszooError):
            as_index(inputs)
    (tmp_path / "t.csv").write_text(f"id,path\na,{name}\n")
    one_line("no such file", lambda: as_index(tmp_path / "t.csv"))


def test_a_tilde_is_the_home_of_the_user_wherever_files_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("a.npy", "sky/no/b.npy", "sky/vort/c.npy"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / name, noise(4, 4))
    (tmp_path / "t.csv").write_text("id,path\nx,a.npy\n")
    for inputs in ("~/a.npy", ["~/a.npy"], "~/t.csv", ImageTable("~/t.csv", label_column=None)):
        assert list(as_index(inputs).paths) in ([tmp_path / "a.npy"], [str(tmp_path / "a.npy")])
    assert as_index("~/sky").paths[0] == tmp_path / "sky" / "no" / "b.npy"
    assert DatasetIndex.from_directory("~/sky").class_names == ("no", "vort")
    assert read_image(["~/a.npy", "~/a.npy"]).shape == (4, 4, 2)
    assert read_images(["~/a.npy", "~/sky/no/b.npy"])[0].shape == (2, 4, 4, 1)
    assert read_table("~/t.csv").source == str(tmp_path / "t.csv")
