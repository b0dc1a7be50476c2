import zipfile

import h5py
import numpy as np
import pytest
from oneline import one_line
from tinyfixtures import opened, own_manifest, stack, zoo
from tinyzoo import CLASSES

from lenszoo import build_model, evaluate, predict
from lenszoo.data import DatasetIndex, make_pairs, read_pairs
from lenszoo.data.listing import as_index
from lenszoo.data.stacks import note_bands_first, open_stack
from lenszoo.errors import LenszooError
from lenszoo.inference import open_model, provenance_of

__all__ = ["opened", "own_manifest", "stack", "zoo"]


@pytest.fixture(autouse=True)
def _own_manifest(own_manifest):
    """Every test of this file has a zoo of its own."""


@pytest.fixture
def write(tmp_path):
    def write(name, array, **others):
        path = tmp_path / name
        if name.endswith(".npy"):
            np.save(path, array)
        elif name.endswith(".npz"):
            np.savez(path, images=array, **others)
        else:
            with h5py.File(path, "w") as file:
                for key, values in {"images": array, **others}.items():
                    file[key] = values
        return path

    return write


@pytest.mark.parametrize("name", ["s.npy", "s.npz", "s.h5", "s.hdf5"])
@pytest.mark.parametrize("layout", ["last", "first", "none"])
def test_a_stack_answers_as_its_array(opened, stack, write, name, layout):
    images = stack[0][:12]
    stored = {"last": images, "first": np.moveaxis(images, 3, 1), "none": images[..., 0]}[layout]
    table = predict(opened, write(name, stored), batch_size=5)
    expected = predict(opened, images, batch_size=5)
    np.testing.assert_array_equal(table["logit_no"], expected["logit_no"])
    assert table["path"].to_pylist()[3].endswith(f"{name}[3]")


def test_npy_is_mapped_into_memory_and_one_image_is_no_stack(write, tmp_path):
    mapped = open_stack(str(write("s.npy", np.arange(96.0).reshape(3, 4, 4, 2))))
    last = mapped.images[2]
    assert isinstance(last._array, np.memmap) and len(mapped.images) == 3
    assert last.read().shape == (4, 4, 2) and last.read().dtype == np.float32
    assert last.stored() == np.arange(64.0, 96.0).tobytes()
    for shape in ((4, 4), (1, 20, 20), (20, 20, 3), (1, 20, 20, 1), (0, 20, 20, 1)):
        assert open_stack(str(write("one.npy", np.zeros(shape)))) is None
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY")
    assert open_stack(str(tmp_path / "broken.npy")) is None
    assert open_stack("a.png") is None


@pytest.mark.parametrize("name", ["s.npz", "s.h5"])
def test_labels_beside_the_images_score_them(opened, stack, write, name):
    images, labels = stack
    expected = evaluate(opened, (images, labels)).metrics
    assert evaluate(opened, write(name, images, labels=labels)).metrics["n"] == 30
    # text in an HDF5 file is refused, as all that is no number there
    words = np.array([CLASSES[k] for k in labels]) if name == "s.npz" else np.eye(3)[labels]
    metrics = evaluate(opened, write(name, images, labels=words)).metrics
    assert metrics["confusion_matrix"] == expected["confusion_matrix"]
    with pytest.raises(LenszooError, match="no labels to score against"):
        evaluate(opened, write(name, images))


@pytest.mark.parametrize("name", ["s.npz", "s.h5"])
def test_one_of_several_arrays_is_named_in_brackets(opened, stack, write, name, tmp_path):
    images = stack[0][:2]
    path = write(name, images, other=images + 1)
    assert len(open_stack(str(path)).images) == 2  # it is called images
    other = open_stack(f"{path}[other]")
    np.testing.assert_array_equal(other.images[1].read(), images[1] + 1)
    with pytest.raises(LenszooError, match=r"no array 'z' of images .*: images, other"):
        open_stack(f"{path}[z]")
    if name == "s.npz":
        np.savez(tmp_path / "two.npz", a=images, b=images)
        with pytest.raises(LenszooError, match="which array holds the images"):
            predict(opened, tmp_path / "two.npz")


def test_stacks_that_are_none_are_refused_in_one_line(opened, write, tmp_path):
    np.savez(tmp_path / "o.npz", images=np.array([[[{}]]], object))
    (tmp_path / "b.npz").write_bytes(b"PK\x03\x04")
    (tmp_path / "b.h5").write_bytes(b"\x89HDF")
    (tmp_path / "x.zarr").mkdir()  # no store, or no zarr to read it
    with h5py.File(tmp_path / "l.h5", "w") as file:
        file["images"] = h5py.ExternalLink("other.h5", "/images")
    np.savez_compressed(tmp_path / "bomb.npz", images=np.zeros((1100, 256, 256, 4), np.uint8))
    with zipfile.ZipFile(tmp_path / "bomb.npz") as archive:
        assert archive.infolist()[0].file_size > 2**28
    write("shape.npz", np.zeros((2, 4, 30, 40, 50)))
    for name in ("o.npz", "b.npz", "b.h5", "x.zarr", "l.h5", "bomb.npz", "shape.npz", "gone.npz"):
        with pytest.raises(LenszooError, match=name) as caught:
            predict(opened, tmp_path / name)
        assert "\n" not in str(caught.value)


def test_an_index_of_a_stack_knows_its_classes_and_copies(write):
    images = np.random.default_rng(0).random((6, 8, 8, 1))
    images[5] = images[2]
    for name, labels, classes in (
        ("a.npz", np.array(["vort", "no", "sphere", "no", "no", "sphere"]), CLASSES),
        ("b.h5", np.array([2, 0, 1, 0, 0, 1]), ("0", "1", "2")),
        ("c.h5", np.eye(3)[[2, 0, 1, 0, 0, 1]], ("0", "1", "2")),
    ):
        index = DatasetIndex.from_stack(write(name, images, labels=labels))
        assert index.class_names == classes and index.labels.tolist() == [2, 0, 1, 0, 0, 1]
        assert index.contents[2] == index.contents[5] != index.contents[0]
        assert index.groups[2] == index.groups[5]
        np.testing.assert_array_equal(index.load().images, images.astype(np.float32))
    one_line("must be 0, 1, 2", lambda: DatasetIndex.from_stack(
        write("d.npz", images, labels=[3, 1, 1, 1, 1, 1])))  # fmt: skip
    one_line("and 5 are the same image", lambda: DatasetIndex.from_stack(
        write("e.npz", images, labels=[0, 1, 0, 1, 1, 1])))  # fmt: skip
    one_line("there are 6 images", lambda: DatasetIndex.from_stack(
        write("f.npz", images, labels=[0, 1])))  # fmt: skip
    one_line("a label is '', which stands for none", lambda: DatasetIndex.from_stack(
        write("h.npz", images, labels=["", "a", "a", "a", "a", "a"])))  # fmt: skip
    odd = as_index(write("i.h5", images, labels=np.arange(6) - 7.5))  # of no concern to predict
    assert odd.labels is None and len(odd) == 6
    one_line("no stack of images", lambda: DatasetIndex.from_stack(write("g.npy", images[0])))


def test_pairs_of_stacks_are_matched_by_number(write):
    fine = np.random.default_rng(0).random((3, 8, 8))
    low = fine.reshape(3, 4, 2, 4, 2).mean((2, 4))
    pairs = read_pairs(write("low.npy", low[..., None]), write("high.h5", fine))
    assert pairs.ids == ("0", "1", "2") and pairs.targets.shape == (3, 8, 8, 1)
    made = make_pairs(write("fine.npz", fine), 2)
    np.testing.assert_allclose(made.images, pairs.images, rtol=1e-6)


def test_a_file_of_few_planes_is_one_image_and_says_so(write, caplog):
    model = open_model(build_model("simple_cnn", input_shape=(16, 16, 4), width=4))
    pixels = np.random.default_rng(0).random((4, 16, 16), np.float32)
    table = predict(model, write("q.npy", pixels))
    (note,) = provenance_of(table)["notes"]
    assert len(table) == 1 and note in caplog.text
    assert note.endswith(
        "q.npy: (4, 16, 16) is read as one image of 4 bands; for 4 images save it as "
        "(4, 16, 16, 1)."
    )
    for shape in ((1, 16, 16), (1, 4, 16, 16), (16, 16, 4), (16, 16), (12, 16, 16)):
        assert note_bands_first(write("r.npy", np.zeros(shape))) is None
