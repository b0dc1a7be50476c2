"""Files as vit-keras writes them, made by hand with h5py: no vit-keras is needed."""

import io
import json
import math
import re
import zipfile
from types import SimpleNamespace

import h5py
import keras
import numpy as np
import pytest
from oneline import one_line

from lenszoo.errors import LenszooError
from lenszoo.pretrained.imported.vit_keras import from_vit_keras
from lenszoo.pretrained.loading import load_model, model_config, save_weights

PATCH, DIM, HEADS, MLP, CLASSES, DEPTH = 16, 12, 3, 10, 4, 2


def fine_tune(grid=(2, 2), bands=3, head="head", pre_logits=None):
    """Random tensors of a vit-keras model: {(layer, ..., layer, variable): array}."""
    rng = np.random.default_rng(0)
    tensors = {}

    def add(*path, shape, offset=0.0):
        tensors[path] = (offset + rng.normal(0, 0.4, shape)).astype("float32")

    def dense(*path, shape):
        add(*path, "kernel", shape=shape)
        add(*path, "bias", shape=shape[-1:])

    def norm(*path):
        add(*path, "gamma", shape=(DIM,), offset=1.0)
        add(*path, "beta", shape=(DIM,))

    dense("embedding", shape=(PATCH, PATCH, bands, DIM))
    add("class_token", "cls", shape=(1, 1, DIM))
    add("Transformer_posembed_input", "pos_embedding", shape=(1, 1 + math.prod(grid), DIM))
    for n in range(DEPTH):
        block = f"Transformer_encoderblock_{n}"
        for part in ("query", "key", "value", "out"):
            dense(block, "MultiHeadDotProductAttention_1", part, shape=(DIM, DIM))
        dense(block, "MlpBlock_3", f"{block}_Dense_0", shape=(DIM, MLP))
        dense(block, "MlpBlock_3", f"{block}_Dense_1", shape=(MLP, DIM))
        norm(block, "LayerNorm_0")
        norm(block, "LayerNorm_2")
    norm("Transformer_encoder_norm")
    if pre_logits:
        dense("pre_logits", shape=(DIM, pre_logits))
    if head:
        dense(head, shape=(pre_logits or DIM, CLASSES))
    return tensors


def numpy_vit_keras(tensors, pixels):
    """What vit-keras computes, on what it is fed; the grid must fit the images."""
    weights = {"/".join(path): value.astype(float) for path, value in tensors.items()}

    def dense(x, name):
        return x @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]

    def norm(x, name):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
        return x * weights[f"{name}/gamma"] + weights[f"{name}/beta"]

    n, height, width, bands = pixels.shape
    h, w = height // PATCH, width // PATCH
    cut = pixels.reshape(n, h, PATCH, w, PATCH, bands).transpose(0, 1, 3, 2, 4, 5)
    x = cut.reshape(n, h * w, -1) @ weights["embedding/kernel"].reshape(-1, DIM)
    x = x + weights["embedding/bias"]
    x = np.concatenate([np.repeat(weights["class_token/cls"], n, axis=0), x], axis=1)
    x = x + weights["Transformer_posembed_input/pos_embedding"]
    for k in range(DEPTH):
        block = f"Transformer_encoderblock_{k}"
        attention = f"{block}/MultiHeadDotProductAttention_1"
        y = norm(x, f"{block}/LayerNorm_0")
        q, key, v = (
            dense(y, f"{attention}/{part}").reshape(n, -1, HEADS, DIM // HEADS).swapaxes(1, 2)
            for part in ("query", "key", "value")
        )
        scores = np.exp(q @ key.swapaxes(-1, -2) / math.sqrt(DIM // HEADS))
        y = (scores / scores.sum(-1, keepdims=True) @ v).swapaxes(1, 2).reshape(n, -1, DIM)
        x = x + dense(y, f"{attention}/out")
        y = dense(norm(x, f"{block}/LayerNorm_2"), f"{block}/MlpBlock_3/{block}_Dense_0")
        y = y * (1 + np.vectorize(math.erf)(y / math.sqrt(2))) / 2
        x = x + dense(y, f"{block}/MlpBlock_3/{block}_Dense_1")
    x = norm(x, "Transformer_encoder_norm")[:, 0]
    if "pre_logits/kernel" in weights:
        x = np.tanh(dense(x, "pre_logits"))
    return dense(x, "head")


def write_keras2(path, tensors, whole=False, nested=""):
    """vit-keras 0.1 on Keras 2: names with slashes, ``:0`` at the end, flat MLP."""
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if whole else file
        for (*layers, variable), value in tensors.items():
            names = [re.sub("^Transformer_", "Transformer/", name) for name in layers]
            inside = names
            if "MlpBlock_3" in names:
                inside = [names[0], names[-1][-7:]]
            root[f"{nested or names[0]}/{'/'.join(inside)}/{variable}:0"] = value
        if whole:
            file.attrs["model_config"] = json.dumps({"config": {"num_heads": HEADS}})
            file["optimizer_weights/Adam/iter:0"] = np.int64(7)
    return path


_ATTRIBUTES = {
    "query": "att/query_dense", "key": "att/key_dense", "value": "att/value_dense",
    "out": "att/combine_heads", "LayerNorm_0": "layernorm1", "LayerNorm_2": "layernorm2",
}  # fmt: skip


def write_keras3(path, tensors):
    """vit-keras 0.2 on Keras 3: groups by class and attribute, names as attributes."""
    with h5py.File(path, "w") as file:
        groups = {}
        for (*layers, variable), value in tensors.items():
            top = groups.setdefault(layers[0], f"layers/group_{len(groups)}")
            last = layers[-1]
            own = f"{top}/{_ATTRIBUTES.get(last, last)}" if len(layers) > 1 else top
            for group, name in ((top, layers[0]), (own, last)):
                file.require_group(f"{group}/vars").attrs["name"] = name
            if "att/" in own:
                file.require_group(f"{top}/att/vars").attrs["name"] = layers[1]
            number = {"bias": "1", "beta": "1"}.get(variable, "0")
            file[f"{own}/vars/{number}"] = value
        file["layers/dropout/seed_generator/vars/0"] = np.zeros(2, "uint32")
    return path


def write_archive(path, tensors):
    """A whole Keras 3 model: its file holds a Lambda, which nobody runs."""
    memory = io.BytesIO()
    write_keras3(memory, tensors)
    lambda_layer = {"class_name": "Lambda", "config": {"function": "evil()"}}
    with zipfile.ZipFile(path, "w") as archive:
        layers = [lambda_layer, {"config": {"num_heads": HEADS}}]
        archive.writestr("config.json", json.dumps(layers))
        archive.writestr("model.weights.h5", memory.getvalue())
    return path


def pictures(*size, bands=3):
    return np.random.default_rng(1).random((3, *size, bands), dtype=np.float32)


def answers(model, images):
    return keras.ops.convert_to_numpy(model(images, training=False))


def check(model, tensors, images, low=-1.0, high=1.0):
    expected = numpy_vit_keras(tensors, low + (high - low) * images.astype(float))
    assert np.ptp(expected, axis=0).max() > 0.1  # the image matters
    np.testing.assert_allclose(answers(model, images), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("pre_logits", [None, 5])
@pytest.mark.parametrize("write", [write_keras2, write_keras3])
def test_a_file_of_weights_answers_as_vit_keras_does(tmp_path, write, pre_logits):
    tensors = fine_tune(pre_logits=pre_logits)
    model = from_vit_keras(write(tmp_path / "old.h5", tensors), heads=HEADS)
    assert model.input_shape == (None, 32, 32, 3)
    check(model, tensors, pictures(32, 32))


def test_a_whole_model_knows_its_heads_and_none_of_its_code_runs(tmp_path):
    tensors = fine_tune()
    for path in (
        write_keras2(tmp_path / "old.h5", tensors, whole=True),
        write_archive(tmp_path / "old.keras", tensors),
    ):
        check(from_vit_keras(path), tensors, pictures(32, 32))


class Weight:
    """A variable, as every Keras has them."""

    def __init__(self, path, value):
        self.path, self.name, self.value = path, path.rpartition("/")[2], value

    def __array__(self, dtype=None, copy=None):
        return self.value


def test_a_loaded_model_of_any_keras():
    """Only weights, names and shapes are looked at."""
    tensors = fine_tune(grid=(2, 3))
    weights = [Weight("/".join(path), value) for path, value in tensors.items()]
    block = SimpleNamespace(num_heads=HEADS)
    old = SimpleNamespace(
        weights=weights,
        layers=[SimpleNamespace(layers=[block])],
        name="vit",
        input_shape=(None, 32, 48, 3),
    )
    check(from_vit_keras(old), tensors, pictures(32, 48))


def test_a_dense_layer_of_any_name_on_a_nested_model_is_the_head(tmp_path):
    tensors = fine_tune()
    path = tmp_path / "old.h5"
    nested = {p: v for p, v in tensors.items() if p[0] != "head"}
    write_keras2(path, nested, nested="vit-b16")
    with h5py.File(path, "a") as file:
        for variable in ("kernel", "bias"):
            file[f"dense_4/dense_4/{variable}:0"] = tensors["head", variable]
    check(from_vit_keras(path, heads=HEADS), tensors, pictures(32, 32))


@pytest.mark.parametrize("pixels", [(0, 1), (0, 255)])
def test_pixels_that_were_not_preprocessed(tmp_path, pixels):
    tensors = fine_tune()
    tensors["embedding", "kernel"] /= np.float32(pixels[1])
    path = write_keras3(tmp_path / "old.h5", tensors)
    model = from_vit_keras(path, heads=HEADS, pixels=pixels)
    check(model, tensors, pictures(32, 32), *pixels)


def test_one_band_is_grey_and_another_size_resamples_the_positions(tmp_path):
    tensors = fine_tune()
    path = write_keras3(tmp_path / "old.h5", tensors)
    grey = pictures(32, 32, bands=1)
    one = from_vit_keras(path, heads=HEADS, input_shape=(32, 32, 1))
    colour = from_vit_keras(path, heads=HEADS)
    np.testing.assert_allclose(
        answers(one, grey), answers(colour, grey.repeat(3, -1)), rtol=1e-4, atol=1e-4
    )
    larger = from_vit_keras(path, heads=HEADS, input_shape=(48, 48, 3))
    name = "Transformer_posembed_input", "pos_embedding"
    old = tensors[name][0]
    table = np.asarray(larger.get_layer("positions").table)[0]
    np.testing.assert_allclose(table[[0, 1, 3, 7, 9]], old, atol=1e-6)  # token and four corners
    np.testing.assert_allclose(table[5], old[1:].mean(axis=0), atol=1e-6)


def test_the_result_is_a_model_of_the_zoo(tmp_path):
    path = write_keras3(tmp_path / "old.h5", fine_tune(pre_logits=5))
    model = from_vit_keras(path, heads=HEADS, activation="softmax")
    images = pictures(32, 32)
    np.testing.assert_allclose(answers(model, images).sum(axis=1), 1, rtol=1e-5)
    assert model_config(model)["model"] == "vit_b16"
    assert model_config(model)["options"]["representation"] == 5
    again = load_model(save_weights(model, tmp_path / "new.weights.h5"))
    np.testing.assert_array_equal(answers(again, images), answers(model, images))


def test_a_new_head_leaves_the_old_layers_behind(tmp_path):
    tensors = fine_tune(head="dense")
    for name in ("gamma", "beta", "moving_mean", "moving_variance"):
        tensors["batch_normalization", name] = np.ones(DIM, "float32")
    path = write_keras2(tmp_path / "old.h5", tensors)
    one_line("no place for (batch_normalization, dense)", lambda: from_vit_keras(path, heads=HEADS))
    model = from_vit_keras(path, heads=HEADS, num_classes=7)
    assert model.output_shape == (None, 7)
    query = model.get_layer("block2_attention").get_weights()[0]
    block = "Transformer_encoderblock_1", "MultiHeadDotProductAttention_1", "query", "kernel"
    np.testing.assert_array_equal(query.reshape(DIM, DIM), tensors[block])


# --- nasty files -------------------------------------------------------------------------------


def _without(*start):
    return lambda tensors: [tensors.pop(p) for p in list(tensors) if p[: len(start)] == start]


def _with(path, value):
    return lambda tensors: tensors.update({path: value})


_BLOCK = "Transformer_encoderblock_1"
_QUERY = (_BLOCK, "MultiHeadDotProductAttention_1", "query")


@pytest.mark.parametrize(
    ("damage", "options", "message"),
    [
        (_without("embedding"), {}, "holds no vit-keras model: it has no embedding/kernel"),
        (_without("Transformer_posembed_input"), {}, "it has no Transformer/posembed_input"),
        (_without("class_token"), {}, "lacks cls"),
        (_without("Transformer_encoder_norm"), {}, "lacks Transformer/encoder_norm/"),
        (_without(*_QUERY), {}, "lacks Transformer/encoderblock_1/MultiHeadDotProductAttention_1/"),
        (_without("Transformer_encoderblock_0"), {}, "it has no Transformer/encoderblock_0"),
        (_with((*_QUERY, "kernel"), np.zeros((5, 7), "f")), {}, "has the shape (5, 7)"),
        (_with(("embedding", "kernel"), np.zeros((7,), "f")), {}, "its embedding/kernel is (7,)"),
        (
            _with(("embedding", "bias"), np.zeros((7,), "f")),
            {},
            "embedding/bias has the shape (7,)",
        ),
        (
            _with(("Transformer_encoderblock_5", "LayerNorm_0", "beta"), np.zeros(DIM, "f")),
            {},
            "lacks some of the transformer's blocks",
        ),
        (_with(("head", "kernel"), np.zeros((7, 4), "f")), {}, "no place for (head)"),
        (_with(("head", "kernel"), np.array(["x"], "S")), {}, "not real numbers"),
        (_without("head"), {}, "has no head: give num_classes"),
        (_with(("extra", "alpha"), np.zeros(3, "f")), {}, "no place for (extra, head)"),
        (lambda tensors: None, {"heads": None}, "how many attention heads its 12 channels"),
        (lambda tensors: None, {"heads": 5}, "heads must divide"),
        (lambda tensors: None, {"heads": 0}, "heads must be a positive integer, got 0"),
        (lambda tensors: None, {"pixels": (1, 0)}, "pixels must be two rising numbers"),
        (lambda tensors: None, {"pixels": 255}, "pixels must be two rising numbers"),
        (lambda tensors: None, {"input_shape": (32, 32)}, "must be (height, width, bands)"),
        (lambda tensors: None, {"activation": "relu"}, "Unknown activation 'relu'"),
    ],
)
def test_nasty_contents(tmp_path, damage, options, message):
    tensors = fine_tune()
    damage(tensors)
    path = write_keras2(tmp_path / "old.h5", tensors)
    with pytest.raises(LenszooError, match=re.escape(message)) as caught:
        from_vit_keras(path, **{"heads": HEADS, **options})
    assert "\n" not in str(caught.value)


def test_shapes_that_only_the_caller_can_settle(tmp_path):
    tensors = fine_tune(grid=(2, 3))
    path = write_keras2(tmp_path / "old.h5", tensors)
    one_line(
        "6 patches, which are not square: give input_shape",
        lambda: from_vit_keras(path, heads=HEADS),
    )
    model = from_vit_keras(path, heads=HEADS, input_shape=(32, 48, 3))
    check(model, tensors, pictures(32, 48))
    path = write_keras2(tmp_path / "four.h5", fine_tune(bands=4))
    one_line("is for 4 bands", lambda: from_vit_keras(path, heads=HEADS, input_shape=(32, 32, 1)))


def test_nasty_files(tmp_path):
    whole = write_keras2(tmp_path / "old.h5", fine_tune()).read_bytes()
    files = {
        "empty.h5": b"",
        "text.h5": b"no HDF5 at all",
        "half.h5": whole[: len(whole) // 2],
        "fake.keras": whole,
        "pickle.h5": b"\x80\x04\x95.",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(LenszooError, match=f"{name} is damaged or no") as caught:
            from_vit_keras(path)
        assert "\n" not in str(caught.value)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["dense/dense/kernel:0"] = np.zeros((3, 3), "float32")
    one_line("holds no vit-keras model", lambda: from_vit_keras(tmp_path / "other.h5"))
    with pytest.raises(LenszooError, match=r"There is no file .*nothing\.h5"):
        from_vit_keras(tmp_path / "nothing.h5")
    one_line("takes a model or the path of a file, got int", lambda: from_vit_keras(7))


def test_two_transformers_in_one_file(tmp_path):
    path = write_keras2(tmp_path / "old.h5", fine_tune())
    with h5py.File(path, "a") as file:
        file["twin/embedding/kernel:0"] = np.zeros((16, 16, 3, DIM), "float32")
    one_line("holds more than one transformer", lambda: from_vit_keras(path, heads=HEADS))


def test_a_number_of_heads_with_5000_digits_is_none(tmp_path):
    path = write_keras2(tmp_path / "old.h5", fine_tune(), whole=True)
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = '{"num_heads": ' + "9" * 5000 + "}"
    one_line("does not say how many attention heads", lambda: from_vit_keras(path))
