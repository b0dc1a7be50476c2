import importlib
import itertools
import re

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from lenszoo.errors import LenszooError
from lenszoo.pretrained.imported import SOURCES, resnet
from lenszoo.pretrained.imported.sources import Source
from lenszoo.pretrained.imported.transfer import adapt_bands, backbone_variables
from lenszoo.pretrained.loading import build_model

TINY = {"width": 4, "blocks": (1, 1)}


def published(prefix="resnet."):
    """Tensors as the hub names them, of a random resnet of three bands; and that net."""
    keras.utils.set_random_seed(0)
    model = build_model("resnet18", input_shape=(None, None, 3), **TINY)
    variables = backbone_variables(model)
    for path, variable in variables.items():
        if path.endswith("moving_variance"):
            variable.assign(np.random.default_rng(1).uniform(0.5, 1.5, variable.shape))
    tensors = {}
    for path, part in resnet.names(model).items():
        value = keras.ops.convert_to_numpy(variables[path])
        value = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value
        tensors[prefix + part.name.removeprefix("resnet.")] = np.ascontiguousarray(value)
    if prefix:
        tensors["classifier.1.weight"] = np.zeros((1000, 8), np.float32)
        tensors["classifier.1.bias"] = np.zeros(1000, np.float32)
    tensors[f"{prefix}embedder.embedder.normalization.num_batches_tracked"] = np.zeros((), np.int64)
    return model, tensors


def features(model, images):
    part = keras.Model(model.input, model.get_layer("features").output)
    return keras.ops.convert_to_numpy(part(images, training=False))


@pytest.mark.parametrize("prefix", ["resnet.", ""])
def test_one_band_answers_as_grey_repeated(prefix, tmp_path):
    theirs, tensors = published(prefix)
    path = tmp_path / "model.safetensors"
    save_file(tensors, path)
    ours = build_model(
        "resnet18", input_shape=(33, 40, 1), num_classes=7, weights=path, dropout=0.1, **TINY
    )
    assert ours.output_shape == (None, 7)
    images = np.random.default_rng(2).random((2, 33, 40, 1), dtype=np.float32)
    expected = features(theirs, np.repeat(images, 3, axis=-1))
    np.testing.assert_allclose(features(ours, images), expected, rtol=1e-5, atol=1e-5)


# options of small networks, by row of the catalogue
FAMILIES = {
    "resnet18": TINY,
    "mobilevit_xxs": {"channels": [4, 4, 8, 8, 8, 8, 16], "dims": [8, 8, 8], "depths": [1, 1, 1]},
    "vit_ti16": {"dim": 8, "depth": 2, "heads": 2, "mlp_dim": 12},
    "beit_b16": {"dim": 8, "depth": 2, "heads": 2, "mlp_dim": 12},
}
LEFT_OUT = {
    "resnet18": {"classifier.1.bias": (1000,), "resnet.x.num_batches_tracked": ()},
    "mobilevit_xxs": {"classifier.bias": (1000,), "mobilevit.x.num_batches_tracked": ()},
    "vit_ti16": {"classifier.bias": (1000,), "vit.pooler.dense.bias": (8,)},
    "beit_b16": {"classifier.bias": (1000,), "beit.embeddings.mask_token": (1, 1, 8)},
}


def original(value, part):
    """A tensor that ``part.convert`` turns into ``value``, by where it puts each number."""
    rows, columns = value.shape[0], value.shape[-1]
    for shape in (
        value.shape,
        *itertools.permutations(value.shape),
        (value.size,),
        (value.size // rows, rows),
        (columns, value.size // columns),
    ):
        places = np.arange(value.size, dtype=np.float32).reshape(shape)
        try:
            put = part.convert(places)
        except (ValueError, LenszooError):
            continue
        if put.shape == value.shape:
            found = np.empty(value.size, value.dtype)
            found[put.ravel().astype(int)] = value.ravel()
            return found.reshape(shape)
    raise AssertionError(f"{part.name}: nothing becomes {value.shape}")


@pytest.mark.parametrize("head", ["pool", "flatten"])
@pytest.mark.parametrize("row", FAMILIES)
def test_every_family_takes_its_file_whatever_the_head(row, head, tmp_path):
    shape, options = (32, 32, 3), FAMILIES[row]
    keras.utils.set_random_seed(0)
    theirs = build_model(row, input_shape=shape, **options)
    family = importlib.import_module(f"lenszoo.pretrained.imported.{re.match('[a-z]+', row)[0]}")
    layout = ("huggingface",) if row.startswith("vit") else ()
    parts = family.names(theirs, *layout)
    variables = backbone_variables(theirs)
    rng = np.random.default_rng(1)
    tensors = {name: np.zeros(size, np.float32) for name, size in LEFT_OUT[row].items()}
    for path, variable in variables.items():
        variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        value = keras.ops.convert_to_numpy(variable)
        tensors[parts[path].name] = np.ascontiguousarray(original(value, parts[path]))
    save_file(tensors, tmp_path / "model.safetensors")
    ours = build_model(
        row, input_shape=shape, weights=tmp_path / "model.safetensors", head=head, **options
    )
    filled = backbone_variables(ours)
    assert filled.keys() == variables.keys()
    for path, variable in variables.items():
        expected = keras.ops.convert_to_numpy(variable)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(filled[path]), expected, rtol=1e-6)


def test_npz_is_read_and_no_pickle(tmp_path):
    theirs, tensors = published()
    np.savez(tmp_path / "good.npz", **tensors)
    ours = build_model("resnet18", input_shape=(32, 32, 3), weights=tmp_path / "good.npz", **TINY)
    np.testing.assert_array_equal(
        ours.get_layer("stem_conv").get_weights()[0], theirs.get_layer("stem_conv").get_weights()[0]
    )
    np.savez(tmp_path / "bad.npz", **tensors, evil=np.array([{}], dtype=object))
    with pytest.raises(LenszooError, match=r"bad\.npz: evil\.npy holds values of type object"):
        build_model("resnet18", weights=tmp_path / "bad.npz", **TINY)


def test_every_tensor_is_accounted_for_both_ways(tmp_path):
    _, tensors = published()
    name = "resnet.encoder.stages.1.layers.0.shortcut.convolution.weight"
    turned = tensors[name].transpose(1, 0, 2, 3)
    cases = {
        "lacks": {k: v for k, v in tensors.items() if k != name},
        "place for: extra": tensors | {"extra": np.zeros(2, np.float32)},
        "has the shape": tensors | {name: np.ascontiguousarray(turned)},
    }
    for message, changed in cases.items():
        path = tmp_path / "model.safetensors"
        save_file(changed, path)
        with pytest.raises(LenszooError, match=message) as caught:
            build_model("resnet18", weights=path, **TINY)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    save_file(tensors, path)
    with pytest.raises(LenszooError, match="lacks"):  # the file of a net that is less deep
        build_model("resnet18", weights=path, width=4, blocks=(2, 1))


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


@pytest.mark.parametrize("bands", [1, 2, 3, 4, 7])
def test_bands_keep_the_answer_to_grey_and_the_size_of_the_answer(bands):
    kernel = np.random.default_rng(0).random((5, 5, 3, 2), dtype=np.float32)
    ours = adapt_bands(kernel, (5, 5, bands, 2))
    assert ours.shape == (5, 5, bands, 2)
    if bands in (1, 3):
        np.testing.assert_allclose(ours.sum(axis=2), kernel.sum(axis=2), rtol=1e-6)
    else:
        np.testing.assert_allclose(ours.mean() * bands, kernel.mean() * 3, rtol=0.2)


def test_a_tag_that_a_row_does_not_have():
    with pytest.raises(LenszooError, match="Unknown published weights of resnet18 'imagenet21k'"):
        build_model("resnet18", weights="imagenet21k")


def test_cached_names_are_plain_and_differ():
    sources = [source for tags in SOURCES.values() for source in tags.values() if source]
    names = [name for source in sources for name in source.addresses]
    assert len(set(names)) == len(names)
    assert not any("/" in name or ":" in name for name in names)


def test_the_hub_may_be_a_mirror(monkeypatch):
    source = Source("owner/net")
    for hub in ("https://huggingface.co", "http://mirror.example/hf"):
        assert source.addresses == {
            f"owner--net--{file}": f"{hub}/owner/net/resolve/main/{file}"
            for file in ("model.safetensors", "pytorch_model.bin")
        }
        monkeypatch.setenv("HF_ENDPOINT", "http://mirror.example/hf/")
