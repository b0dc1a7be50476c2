import numpy as np
import pytest
from oneline import one_line
from safetensors.numpy import save_file
from tinyresnet import TINY, published

from lenszoo.errors import LenszooError
from lenszoo.pretrained.loading import build_model


def test_npz_is_read_and_no_pickle(tmp_path):
    theirs, tensors = published()
    np.savez(tmp_path / "good.npz", **tensors)
    ours = build_model("resnet18", input_shape=(32, 32, 3), weights=tmp_path / "good.npz", **TINY)
    np.testing.assert_array_equal(
        ours.get_layer("stem_conv").get_weights()[0], theirs.get_layer("stem_conv").get_weights()[0]
    )
    np.savez(tmp_path / "bad.npz", **tensors, evil=np.array([{}], dtype=object))
    one_line(
        "bad.npz: evil.npy holds values of type object",
        lambda: build_model("resnet18", weights=tmp_path / "bad.npz", **TINY),
    )


def test_damaged_files_are_named(tmp_path):
    _, tensors = published()
    path = tmp_path / "model.safetensors"
    save_file(tensors, path)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"not a file of weights"):
        path.write_bytes(content)
        with pytest.raises(LenszooError, match=r"^Cannot read .*Get it again"):
            build_model("resnet18", weights=path, **TINY)
    with pytest.raises(LenszooError, match=r"^There is no file"):
        build_model("resnet18", weights=tmp_path / "absent.safetensors", **TINY)
