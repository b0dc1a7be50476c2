"""state_dicts of PyTorch, read without it; ``state_dict.pth`` was written by PyTorch itself."""

import collections
import io
import pickle
import sys
import tracemalloc
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest
from oneline import one_line

from lenszoo.errors import LenszooError
from lenszoo.pretrained.imported import torch_file
from lenszoo.pretrained.imported.tensors import read_tensors


class Storage:
    """One storage, which pickle writes as PyTorch does: by reference."""

    def __init__(self, key, values, kind="FloatStorage"):
        self.key, self.values, self.kind = key, values, kind


@pytest.fixture
def torch(monkeypatch):
    """Enough of PyTorch for ``pickle`` to write its names into a file."""
    package, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ("FloatStorage", "BFloat16Storage", "LongStorage"):
        setattr(package, name, type(name, (), {"__module__": "torch"}))

    def rebuild(storage, offset, shape, strides, *_):
        raise AssertionError("only written, never run")

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = rebuild
    monkeypatch.setitem(sys.modules, "torch", package)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return package


class Tensor:
    """A part of a storage."""

    def __init__(self, storage, shape, strides, offset=0):
        self.parts = (storage, offset, shape, strides, False, collections.OrderedDict())

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.parts


def write(path, torch, content, counts=None):
    """Write a file as ``torch.save`` lays it out."""
    storages = {}

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            if not isinstance(thing, Storage):
                return None
            storages[thing.key] = thing.values
            count = (counts or {}).get(thing.key, len(thing.values))
            return ("storage", getattr(torch, thing.kind), thing.key, "cpu", count)

    stream = io.BytesIO()
    Pickler(stream, protocol=2).dump(content)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", stream.getvalue())
        for key, values in storages.items():
            archive.writestr(f"net/data/{key}", values.tobytes())
        archive.writestr("net/version", "3\n")
    return path


def test_parts_of_storages(torch, tmp_path):
    """Shared, transposed, shifted, empty, without axes, brain floats and integers."""
    grid = Storage("0", np.arange(12, dtype=np.float32))
    brain = Storage("1", np.array([0x3F80, 0x4020, 0xC040], np.uint16), "BFloat16Storage")
    count = Storage("2", np.array([7]), "LongStorage")
    content = collections.OrderedDict(
        whole=Tensor(grid, (3, 4), (4, 1)),
        turned=Tensor(grid, (4, 3), (1, 4)),
        part=Tensor(grid, (2, 2), (4, 1), 5),
        none=Tensor(grid, (0, 4), (4, 1)),
        brain=Tensor(brain, (3,), (1,)),
        count=Tensor(count, (), ()),
    )
    content._metadata = collections.OrderedDict([("", {"version": 1})])
    found = read_tensors(write(tmp_path / "pytorch_model.bin", torch, content))
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_array_equal(found["whole"], values)
    np.testing.assert_array_equal(found["turned"], values.T)
    np.testing.assert_array_equal(found["part"], values[1:, 1:3])
    assert found["none"].shape == (0, 4)
    np.testing.assert_array_equal(found["brain"], np.float32([1, 2.5, -3]))
    assert found["brain"].dtype == np.float32
    assert found["count"] == 7 and found["count"].shape == ()


def grid_of(shape, strides, offset=0):
    return {"w": Tensor(Storage("0", np.zeros(12, np.float32)), shape, strides, offset)}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (grid_of((3, 5), (5, 1)), "lies outside of its 12 numbers"),
        (grid_of((3, 4), (4, 1), 1), "lies outside"),
        (grid_of((3, 4), (4, 1), -1), "lies outside"),
        (grid_of((2, 2), (-4, 1), 8), "lies outside"),
        (grid_of((10**6, 10**6), (0, 0)), "lies outside"),
        ({"w": print}, "refused, it wants (builtins|__builtin__).print"),
        ({"w": Path("x")}, "refused, it wants pathlib"),
        ({"state_dict": grid_of((3, 5), (5, 1)), "epoch": 3}, "lies outside"),
        ({"state_dict": {}, "epoch": 3}, "holds no tensors by name"),
        (
            {"state_dict": grid_of((3, 4), (4, 1)), "hyper_parameters": Path("x")},
            "refused, it wants pathlib.*Of a whole checkpoint save the state_dict alone",
        ),
        ({"model": grid_of((3, 4), (4, 1))}, "'model' is no tensor: save model.state_dict"),
        ({"w": 3.0}, "'w' is no tensor"),
        ([1, 2], "holds no tensors by name"),
        ({}, "holds no tensors by name"),
    ],
)
def test_what_is_no_state_dict(torch, tmp_path, content, reason):
    path = write(tmp_path / "net.pth", torch, content)
    with pytest.raises(LenszooError, match=reason) as caught:
        read_tensors(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_checkpoint_of_lightning_is_its_state_dict(torch, tmp_path):
    moments = {"state": {0: {"exp_avg": grid_of((3, 4), (4, 1))["w"]}}}
    content = {
        "epoch": 3,
        "pytorch-lightning_version": "2.1.0",
        "state_dict": collections.OrderedDict(grid_of((2, 2), (4, 1))),
        "optimizer_states": [moments],
        "hyper_parameters": {"learning_rate": 1e-4, "name": None},
    }
    tensors = read_tensors(write(tmp_path / "last.ckpt", torch, content))
    assert {name: value.shape for name, value in tensors.items()} == {"w": (2, 2)}


def test_code_in_the_pickle_is_not_run(torch, tmp_path):
    class Attack:
        def __reduce__(self):
            import os

            return os.mkdir, (str(tmp_path / "owned"),)

    path = write(tmp_path / "pytorch_model.bin", torch, {"w": Attack()})
    one_line("nothing of it was run", lambda: read_tensors(path))
    assert not (tmp_path / "owned").exists()


def test_damaged_and_old_files(torch, tmp_path):
    path = write(tmp_path / "pytorch_model.bin", torch, grid_of((3, 4), (4, 1)))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LenszooError, match=r"^Cannot read .*Get it again"):
        read_tensors(path)
    write(path, torch, grid_of((3, 4), (4, 1)), counts={"0": 13})
    one_line("storage 0 has 12 numbers, not 13", lambda: read_tensors(path))
    path.write_bytes(pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2) + b"rest")
    one_line("by PyTorch before 1.6", lambda: read_tensors(path))


def test_a_file_that_pytorch_wrote():
    """``torch.save`` of PyTorch 2.13: a state_dict, and beside it what tensors can be like."""
    found = read_tensors(Path(__file__).with_name("state_dict.pth"))
    grid = np.arange(12, dtype=np.float32).reshape(3, 4)
    expected = {
        "0.weight": np.arange(18, dtype=np.float32).reshape(2, 1, 3, 3),
        "0.bias": np.float32([0, 1]),
        "1.weight": np.float32([0, 1]),
        "1.bias": np.float32([0, 1]),
        "1.running_mean": np.float32([0, 0]),
        "1.running_var": np.float32([1, 1]),
        "1.num_batches_tracked": np.array(0),
        "grid": grid,
        "turned": grid.T,
        "parameter": grid[1:, 1:3],
        "half": np.float16(grid[0]),
        "brain": grid[0],
        "flag": np.array([True, False]),
    }
    assert list(found) == list(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
        assert found[name].dtype == values.dtype


def program(tail):
    """A pickle that begins by naming PyTorch's function for tensors."""
    return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n" + tail


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        (b"}X\x04\x00\x00\x00evilK\x01sb.", "changes what is no part of it"),
        (b"N}X\x0c\x00\x00\x00__defaults__)s\x86b.", "changes what is no part of it"),
        (b"0ccollections\nOrderedDict\n}X\x04\x00\x00\x00evilK\x01sb.", "changes what is no part"),
        (b"0Nr\xff\xff\xff\x0f.", "no tensors by name"),
        (b"0\x96" + (4 << 30).to_bytes(8, "little") + b".", "claims 4,294,967,296 bytes"),
    ],
)
def test_pickles_change_nothing_here_and_take_no_memory(tmp_path, tail, reason):
    before = dict(vars(torch_file._tensor)), torch_file._tensor.__defaults__
    path = tmp_path / "pytorch_model.bin"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", program(tail))
    tracemalloc.start()
    with pytest.raises(LenszooError, match=reason):
        read_tensors(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**24
    assert (dict(vars(torch_file._tensor)), torch_file._tensor.__defaults__) == before


def test_many_tensors_of_one_storage_take_its_memory_once(torch, tmp_path):
    storage = Storage("0", np.arange(2**20, dtype=np.float32))
    content = {f"w{i}": Tensor(storage, (2**20,), (1,)) for i in range(1000)}
    path = write(tmp_path / "net.pth", torch, content)
    tracemalloc.start()
    tensors = read_tensors(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(tensors) == 1000 and peak < 2**25
    np.testing.assert_array_equal(tensors["w999"], storage.values)
