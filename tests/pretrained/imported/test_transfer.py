import importlib
import itertools
import re

import keras
import numpy as np
import pytest
from oneline import one_line
from safetensors.numpy import save_file
from tinyresnet import TINY, published

from lenszoo.errors import LenszooError
from lenszoo.pretrained.imported.transfer import adapt_bands, backbone_variables
from lenszoo.pretrained.loading import build_model

# options of small networks, by row of the catalogue
FAMILIES = {
    "resnet18": TINY,
    "mobilevit_xxs": {"channels": [4, 4, 8, 8, 8, 8, 16], "dims": [8, 8, 8], "depths": [1, 1, 1]},
    "vit_ti16": {"dim": 8, "depth": 2, "heads": 2, "mlp_dim": 12},
    "beit_b16": {"dim": 8, "depth": 2, "heads": 2, "mlp_dim": 12},
    "convnext_atto": {"depths": [1, 1, 1, 1], "dims": [4, 5, 6, 7]},
}
LAYOUTS = {"vit_ti16": ["huggingface"], "convnext_atto": ["timm"]}
LEFT_OUT = {
    "resnet18": {"classifier.1.bias": (1000,), "resnet.x.num_batches_tracked": ()},
    "mobilevit_xxs": {"classifier.bias": (1000,), "mobilevit.x.num_batches_tracked": ()},
    "vit_ti16": {"classifier.bias": (1000,), "vit.pooler.dense.bias": (8,)},
    "beit_b16": {"classifier.bias": (1000,), "beit.embeddings.mask_token": (1, 1, 8)},
    "convnext_atto": {"head.fc.bias": (1000,)},
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
    parts = family.names(theirs, *LAYOUTS.get(row, ()))
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


def test_every_tensor_is_accounted_for_both_ways(tmp_path):
    _, tensors = published()
    name = "resnet.encoder.stages.1.layers.0.shortcut.convolution.weight"
    turned = tensors[name].transpose(1, 0, 2, 3)
    cases = {
        "lacks": {k: v for k, v in tensors.items() if k != name},
        "place for: extra": tensors | {"extra": np.zeros(2, np.float32)},
        "holds int8, which are no weights": tensors | {name: tensors[name].astype(np.int8)},
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
    one_line("lacks", lambda: build_model("resnet18", weights=path, width=4, blocks=(2, 1)))


@pytest.mark.parametrize("bands", [1, 2, 3, 4, 7])
def test_bands_keep_the_answer_to_grey_and_the_size_of_the_answer(bands):
    kernel = np.random.default_rng(0).random((5, 5, 3, 2), dtype=np.float32)
    ours = adapt_bands(kernel, (5, 5, bands, 2))
    assert ours.shape == (5, 5, bands, 2)
    if bands in (1, 3):
        np.testing.assert_allclose(ours.sum(axis=2), kernel.sum(axis=2), rtol=1e-6)
    else:
        np.testing.assert_allclose(ours.mean() * bands, kernel.mean() * 3, rtol=0.2)
