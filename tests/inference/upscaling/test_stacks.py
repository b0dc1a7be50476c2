import h5py
import numpy as np
import pyarrow as pa
import pytest
from oneline import one_line
from tinyupscaler import tiny_upscaler

from lenszoo.data import DatasetIndex
from lenszoo.data.cutting import Cut
from lenszoo.data.listing import ImageTable
from lenszoo.errors import LenszooError
from lenszoo.inference.upscaling import open_upscaler, upscale, upscale_array


@pytest.fixture(scope="module")
def tiny():
    return open_upscaler(tiny_upscaler())


@pytest.mark.parametrize("name", ["s.npy", "s.npz", "s.h5", "s.h5[group/images]"])
def test_a_stack_becomes_one_stack_of_its_axes(tiny, tmp_path, name):
    images = np.random.default_rng(0).random((3, 1, 12, 14), dtype=np.float32)
    file = tmp_path / name.partition("[")[0]
    if name.endswith(".npy"):
        np.save(file, images)
    elif name.endswith(".npz"):
        np.savez(file, images=images)
    else:
        with h5py.File(file, "w") as stream:
            stream["group/images"] = images
    (result,) = upscale(tiny, tmp_path / name, tmp_path / "out")
    assert result.target == tmp_path / "out" / "s.npy" and result.status == "written"
    fine = np.load(result.target)
    assert fine.shape == (3, 1, 24, 28) and fine.dtype == np.float32
    for row in range(3):
        expected = upscale_array(tiny, images[row, 0])
        np.testing.assert_array_equal(fine[row, 0], expected[..., 0])
    assert upscale(tiny, tmp_path / name, tmp_path / "out", skip_existing=True)[0].status == "kept"


def test_an_image_of_a_stack_that_cannot_be_upscaled_is_named(tiny, tmp_path):
    images = np.random.default_rng(0).random((3, 12, 14, 1))
    images[1] = 1e300
    np.save(tmp_path / "s.npy", images)
    with pytest.raises(LenszooError, match=r"s\.npy\[1\]: its pixels go beyond float32"):
        upscale(tiny, tmp_path / "s.npy", tmp_path / "fine.npy")
    assert not (tmp_path / "fine.npy").exists()
    one_line("is an input itself", lambda: upscale(
        tiny, tmp_path / "s.npy", tmp_path / "s.npy", overwrite=True))  # fmt: skip


def test_a_part_of_a_file_never_stands_for_the_whole_of_it(tiny, tmp_path):
    np.save(tmp_path / "wide.npy", np.ones((40, 60)))
    table = pa.table({"path": [str(tmp_path / "wide.npy")], "x": [20], "y": [20]})
    np.save(tmp_path / "s.npy", np.ones((3, 12, 14, 1)))
    for inputs in (
        ImageTable(table, cut=Cut(8)),
        DatasetIndex.from_stack(tmp_path / "s.npy"),
    ):
        one_line("whole files are upscaled", lambda i=inputs: upscale(tiny, i, tmp_path / "out"))


def test_a_stack_without_images_is_refused(tiny, tmp_path):
    np.savez(tmp_path / "s.npz", images=np.zeros((0, 12, 14, 1)))
    np.save(tmp_path / "s.npy", np.zeros((0, 12, 14, 1)))
    for name in ("s.npz", "s.npy"):
        one_line("holds no", lambda n=name: upscale(tiny, tmp_path / n, tmp_path / "out"))
    assert not (tmp_path / "out").exists()
