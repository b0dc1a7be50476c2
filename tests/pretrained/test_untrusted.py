"""Files of strangers: nothing outside of the file is read, and no more than it stores."""

import io
import zipfile

import h5py
import numpy as np
import pytest

from lenszoo import build_model, from_vit_keras, load_model, predict
from lenszoo.errors import LenszooError
from lenszoo.pretrained.untrusted import open_hdf5, open_zip


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


def compressed_zeros(secret):
    def fill(file, layers):
        data = np.zeros((64, 1 << 16), "f4")
        layers.create_dataset("kernel", data=data, compression="gzip", chunks=(1, 1 << 16))

    return fill


@pytest.mark.parametrize(
    "fill", [external_storage, external_link, soft_link, virtual, compressed_zeros]
)
@pytest.mark.parametrize("read", [load_model, from_vit_keras])
def test_nodes_that_lead_elsewhere_or_claim_too_much_are_refused(fill, read, tmp_path):
    secret = tmp_path / "secret"
    with h5py.File(secret, "w") as file:
        file["value"] = np.arange(3, dtype="f4")
    path = write(tmp_path / "a.weights.h5", fill(secret))
    with pytest.raises(LenszooError, match=r"a\.weights\.h5: /layers/.*refused") as caught:
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
    with pytest.raises(LenszooError, match=r"a\.npz: zeros\.npy claims"):
        build_model("vit_b16", weights=tmp_path / "a.npz")


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
    with pytest.raises(LenszooError, match=r"a\.keras: /layers/elsewhere is a link"):
        load_model(tmp_path / "a.keras")


def test_a_negative_variance_is_no_answer(tmp_path):
    model = build_model("simple_cnn", input_shape=(16, 16, 1), width=2)
    images = np.zeros((1, 16, 16, 1), "f4")
    variance = next(w for w in model.weights if w.path.endswith("moving_variance"))
    variance.assign(-np.ones(variance.shape))
    with pytest.raises(LenszooError, match="negative variance"):
        predict(model, images)
