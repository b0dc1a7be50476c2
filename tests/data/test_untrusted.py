"""Files of strangers: nothing outside of the file is read, and no more than it stores."""

import io
import json
import sys
import zipfile

import h5py
import numpy as np
import pytest
from limited import limited
from oneline import one_line

from lenszoo import build_model, from_vit_keras, load_model, predict
from lenszoo.data.untrusted import open_hdf5, open_zip
from lenszoo.errors import LenszooError
from lenszoo.pretrained.saving import save_weights


def write(path, fill):
    with h5py.File(path, "w") as file:
        layers = file.create_group("layers")
        fill(file, layers)
    return path


def external_storage(secret):
    def fill(file, layers):
        layers.create_dataset("bias", (3,), "f4", external=[(str(secret), 0, 12)])

    return fill


def external_link(secret):
    def fill(file, layers):
        layers["bias"] = h5py.ExternalLink(str(secret), "/value")

    return fill


def soft_link(secret):
    def fill(file, layers):
        layers["bias"] = h5py.SoftLink("/layers")

    return fill


def virtual(secret):
    def fill(file, layers):
        layout = h5py.VirtualLayout((3,), "f4")
        layout[:] = h5py.VirtualSource(str(secret), "value", (3,))
        layers.create_virtual_dataset("bias", layout)

    return fill


def complex_numbers(secret):
    def fill(file, layers):
        layers["bias"] = np.ones(3, "c8")

    return fill


def in_a_circle(secret):
    def fill(file, layers):
        layers["again"] = file

    return fill


def one_tensor_under_many_names(secret):
    def fill(file, layers):
        layers["bias"] = np.ones(3, "f4")
        layers["bias2"] = layers["bias"]

    return fill


def many_tensors_of_nothing(secret):
    def fill(file, layers):
        for i in range(200):  # each of 1 MB, none of it stored
            layers.create_dataset(f"bias{i}", (2**18,), "f4")

    return fill


def many_groups(secret):
    def fill(file, layers):
        for i in range(20_000):
            layers.create_group(str(i))

    return fill


def groups_in_each_other(secret):
    def fill(file, layers):
        for _ in range(60):
            layers = layers.create_group("a")

    return fill


def compressed_zeros(secret):
    def fill(file, layers):
        data = np.zeros((64, 1 << 16), "f4")
        layers.create_dataset("kernel", data=data, compression="gzip", chunks=(1, 1 << 16))

    return fill


@pytest.mark.parametrize(
    "fill",
    [
        external_storage,
        external_link,
        soft_link,
        virtual,
        compressed_zeros,
        complex_numbers,
        in_a_circle,
        one_tensor_under_many_names,
        many_tensors_of_nothing,
        many_groups,
        groups_in_each_other,
    ],
)
@pytest.mark.parametrize("read", [load_model, from_vit_keras])
def test_nodes_that_lead_elsewhere_or_claim_too_much_are_refused(fill, read, tmp_path):
    secret = tmp_path / "secret"
    with h5py.File(secret, "w") as file:
        file["value"] = np.arange(3, dtype="f4")
    path = write(tmp_path / "a.weights.h5", fill(secret))
    with pytest.raises(LenszooError, match=r"a\.weights\.h5.*refused") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_plain_files_open_from_disk_and_from_memory(tmp_path):
    def fill(file, layers):
        layers["kernel"] = np.random.default_rng(0).random((100, 100))
        layers.create_dataset("scalar", data=1.0)

    path = write(tmp_path / "a.h5", fill)
    for content in (None, io.BytesIO(path.read_bytes())):
        with open_hdf5(path, content) as file:
            assert file["layers/kernel"].shape == (100, 100)


def test_archives_that_claim_too_much_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.npy", bytes(2**24))
    with (
        pytest.raises(LenszooError, match=r"a\.npz: zeros\.npy claims 16,777,216 bytes"),
        open_zip(tmp_path / "a.npz"),
    ):
        raise AssertionError
    one_line("a.npz: zeros.npy claims", lambda: build_model("vit_b16", weights=tmp_path / "a.npz"))


def test_weights_inside_a_model_file_are_looked_at_too(tmp_path):
    build_model("simple_cnn", input_shape=(16, 16, 1), width=2).save(tmp_path / "a.keras")
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    inner = tmp_path / "model.weights.h5"
    inner.write_bytes(members["model.weights.h5"])
    with h5py.File(inner, "r+") as file:
        file["layers/elsewhere"] = h5py.ExternalLink("/etc/hostname", "/x")
    members["model.weights.h5"] = inner.read_bytes()
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    one_line("a.keras: /layers/elsewhere is a link", lambda: load_model(tmp_path / "a.keras"))


def test_a_negative_variance_is_no_answer(tmp_path):
    model = build_model("simple_cnn", input_shape=(16, 16, 1), width=2)
    images = np.zeros((1, 16, 16, 1), "f4")
    variance = next(w for w in model.weights if w.path.endswith("moving_variance"))
    variance.assign(-np.ones(variance.shape))
    one_line("negative variance", lambda: predict(model, images))


def rewritten(source, target, **changes):
    """Copy an archive; members of these names (dots as double underscores) get other content."""
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members |= {name.replace("__", "."): content for name, content in changes.items()}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def as_bytes(**tensors):
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        for name, options in tensors.items():
            file.create_dataset(name, **options)
    return stream.getvalue()


ZEROS = {"data": np.zeros((64, 1 << 20), "f4"), "compression": "gzip", "chunks": (1, 1 << 20)}
LOAD = """
from pathlib import Path
from lenszoo import build_model, from_vit_keras, load_model
for file in sorted(Path({folder!r}).iterdir()):
    published = file.suffix in (".bin", ".npz")
    if published:
        attempt(file.name, lambda: build_model("vit_ti16", weights=file))
    else:
        attempt(file.name, lambda: load_model(file))
        attempt("vit-" + file.name, lambda: from_vit_keras(file))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
def test_small_files_take_little_memory(tmp_path):
    model = build_model("simple_cnn", input_shape=(16, 16, 1), width=2)
    model.save(tmp_path / "whole.keras")
    folder = tmp_path / "files"
    folder.mkdir()
    whole, inner = tmp_path / "whole.keras", as_bytes(**{"layers/kernel": ZEROS})
    lists = b"[" + b"[]," * 30_000_000 + b"[]]"
    rewritten(whole, folder / "lists.keras", config__json=lists)
    digits = np.random.default_rng(0).choice(list(b"01[],"), 2**23 + 1).astype("u1").tobytes()
    rewritten(whole, folder / "text.keras", config__json=digits)
    with zipfile.ZipFile(whole) as archive:
        config = archive.read("config.json")
    assert b'"units": 3' in config
    units = config.replace(b'"units": 3', b'"units": 300000000')
    rewritten(whole, folder / "units.keras", config__json=units)
    rewritten(whole, folder / "inner.keras", model__weights__h5=inner)
    (folder / "zeros.weights.h5").write_bytes(inner)
    for name, member in (("a.bin", "archive/data.pkl"), ("a.npz", "cls.npy")):
        with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(member, bytes(2**28))
    with zipfile.ZipFile(folder / "claim.npz", "w") as archive:
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 2)}\n"
        archive.writestr("cls.npy", b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") + header)
    with zipfile.ZipFile(folder / "memo.bin", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x04Nr\xff\xff\xff\x7f.")
    deep = build_model("srresnet_1", width=4, blocks=1)
    save_weights(deep, folder / "deep.weights.h5")
    with h5py.File(folder / "deep.weights.h5", "r+") as file:
        stored = json.loads(file.attrs["lenszoo"])
        stored["options"]["blocks"] = 1000
        file.attrs["lenszoo"] = json.dumps(stored)
    for name, options in (("wide", {"width": 65_536}), ("classes", {})):
        save_weights(model, folder / f"{name}.weights.h5")
        with h5py.File(folder / f"{name}.weights.h5", "r+") as file:
            stored = json.loads(file.attrs["lenszoo"])
            stored["options"] |= options
            stored["num_classes"] = 3 if options else 100_000
            file.attrs["lenszoo"] = json.dumps(stored)
    assert max(path.stat().st_size for path in folder.iterdir()) < 2**22
    lines = limited(LOAD.format(folder=str(folder)), 1500)
    assert len(lines) == len(list(folder.iterdir())) * 2 - 4
    messages = {
        "text.keras": "at most 8,388,608 are read",
        "units.keras": "asks for a network of",
        "deep.weights.h5": "asks for a network of 1,000 blocks",
        "wide.weights.h5": "asks for a network of 1,623,503,732,739 parameters",
        "claim.npz": "claims 34,359,738,368 bytes",
        "memo.bin": "holds no tensors by name",
    }
    for name, line in lines.items():
        assert line.startswith("refused: "), f"{name} {line}"
        assert messages.get(name, "") in line
