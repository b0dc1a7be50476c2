import json
import warnings
import zipfile

import h5py
import keras
import numpy as np
import pytest
from limited import full_disk
from pack import pack_weights

from lenszoo.errors import LenszooError
from lenszoo.pretrained.loading import build_model, load_model
from lenszoo.pretrained.saving import load_weights, model_config, save_weights


def tiny(**options):
    """A small model whose every tensor differs from every other and from a fresh model's."""
    model = build_model("simple_cnn", **{"input_shape": (16, 16, 1), "width": 2, **options})
    rng = np.random.default_rng(7)
    model.set_weights([rng.uniform(0.5, 1.5, w.shape).astype("float32") for w in model.weights])
    return model


def pictures(n=2):
    return np.random.default_rng(0).random((n, 16, 16, 1), dtype=np.float32)


def outputs(model):
    return keras.ops.convert_to_numpy(model(pictures(), training=False))


def one_line(caught, *parts):
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    for part in parts:
        assert str(part) in message, message


# --- round trips ---


def test_a_weights_file_is_enough(tmp_path):
    model = tiny(num_classes=4, dropout=0.2, head="flatten")
    path = save_weights(model, tmp_path / "a.weights.h5")
    again = load_model(path)
    assert model_config(again) == model_config(model)
    for old, new in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(old.numpy(), new.numpy())
    assert [p.name for p in tmp_path.iterdir()] == ["a.weights.h5"]


def test_keras_itself_reads_our_files(tmp_path):
    model = tiny()
    path = save_weights(model, tmp_path / "a.weights.h5")
    other = build_model("simple_cnn", input_shape=(16, 16, 1), width=2)
    other.load_weights(path)
    np.testing.assert_array_equal(outputs(other), outputs(model))


def test_the_optimizer_stays_out_and_in_files_of_others_it_is_passed_over(tmp_path):
    model = tiny(dropout=0.3)
    model.compile(keras.optimizers.Adam(1e-3), "mse", run_eagerly=True)
    model.train_on_batch(pictures(), np.zeros((2, 3), "f"))
    ours = save_weights(model, tmp_path / "ours.weights.h5")
    theirs = tmp_path / "theirs.weights.h5"
    model.save_weights(theirs)
    with h5py.File(ours) as a, h5py.File(theirs) as b:
        assert "optimizer" not in a
        assert "optimizer" in b
    assert model.optimizer.iterations.numpy() == 1, "saving must not disturb the model"
    again = build_model("simple_cnn", input_shape=(16, 16, 1), width=2, weights=theirs)
    np.testing.assert_array_equal(outputs(again), outputs(model))
    np.testing.assert_array_equal(outputs(load_model(ours)), outputs(model))


def test_a_packed_file_loads(tmp_path):
    model = tiny()
    packed = pack_weights(save_weights(model, tmp_path / "a.weights.h5"), tmp_path / "b.weights.h5")
    again = load_model(packed)
    assert again.get_layer("conv1").kernel.dtype == "float32"
    np.testing.assert_allclose(outputs(again), outputs(model), rtol=5e-3)
    assert not np.array_equal(outputs(again), outputs(model))


def test_identity_from_a_run_json_beside_the_file(tmp_path):
    model = tiny()
    (tmp_path / "run.json").write_text(json.dumps({"model": model_config(model), "seed": 1}))
    model.save_weights(tmp_path / "best.weights.h5")
    for path in (tmp_path, tmp_path / "best.weights.h5"):
        np.testing.assert_array_equal(outputs(load_model(path)), outputs(model))


def test_a_model_that_is_not_ours_has_no_identity(tmp_path):
    inputs = keras.Input((4,))
    other = keras.Model(inputs, keras.layers.Dense(2)(inputs), name="mine")
    with pytest.raises(LenszooError) as caught:
        save_weights(other, tmp_path / "a.weights.h5")
    one_line(caught, "'mine'", "not made by lenszoo.build_model")


def test_keras_files_of_others_load_too(tmp_path):
    inputs = keras.Input((4,))
    other = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    other.save(tmp_path / "mine.keras")
    assert load_model(tmp_path / "mine.keras").output_shape == (None, 2)


# --- nothing is loaded into the wrong place ---


def test_every_tensor_is_set_and_none_left_over(tmp_path):
    model = tiny()
    path = save_weights(model, tmp_path / "a.weights.h5")
    for change in ("drop", "add", "rename"):
        broken = tmp_path / f"{change}.weights.h5"
        broken.write_bytes(path.read_bytes())
        with h5py.File(broken, "r+") as file:
            if change == "drop":
                del file["layers/batch_normalization_2/vars/3"]
            elif change == "add":
                file["layers/conv2d_4/vars/0"] = np.zeros((3, 3, 16, 32), "f")
            else:  # as many tensors of the same shapes, elsewhere
                file.move("layers/conv2d_1", "layers/conv2d_9")
        fresh = build_model("simple_cnn", input_shape=(16, 16, 1), width=2)
        with pytest.raises(LenszooError) as caught:
            load_weights(fresh, broken)
        one_line(caught, broken, "does not fit simple_cnn")


def test_what_keras_would_skip_with_a_warning_is_an_error(tmp_path):
    path = save_weights(tiny(), tmp_path / "a.weights.h5")
    with h5py.File(path, "r+") as file:
        file.move("layers", "stack")
    with pytest.raises(LenszooError) as caught:
        load_model(path)
    one_line(caught, path, "no group 'layers'")


def test_another_number_of_classes_names_both(tmp_path):
    model = tiny(num_classes=5)
    path = tmp_path / "plain.weights.h5"
    model.save_weights(path)  # a plain Keras file, which does not say what it is
    with pytest.raises(LenszooError) as caught:
        build_model("simple_cnn", input_shape=(16, 16, 1), width=2, num_classes=3, weights=path)
    one_line(caught, path, "output (3,)", "(16, 3)", "(16, 5)")
    with pytest.raises(LenszooError) as caught:
        load_model(path)
    one_line(caught, path, "does not say which model it holds", "build_model(NAME, weights=PATH)")


# --- damage ---


def test_truncated_and_damaged_weights(tmp_path):
    path = save_weights(tiny(), tmp_path / "a.weights.h5")
    whole = path.read_bytes()
    contents = [b"", b"not HDF5 at all", whole[: len(whole) // 2], whole[:-100], bytes(len(whole))]
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(LenszooError) as caught:
            load_model(path)
        one_line(caught, path, "damaged")


def test_any_single_flipped_byte_is_refused_in_one_line(tmp_path):
    path = save_weights(tiny(), tmp_path / "a.weights.h5")
    whole = path.read_bytes()
    rng = np.random.default_rng(3)
    places = [*range(0, 96, 8), *rng.integers(0, len(whole), 20), *range(-80, 0, 10)]
    assert len(places) == 40
    for where in places:
        content = bytearray(whole)
        content[where] ^= 0xFF
        path.write_bytes(content)
        with pytest.raises(LenszooError) as caught:
            load_model(path)
        one_line(caught, path)
    for length in (len(whole) - 1, len(whole) - 40):
        path.write_bytes(whole[:length])
        with pytest.raises(LenszooError) as caught:
            load_model(path)
        one_line(caught, path, "checksum")
    path.write_bytes(whole)
    load_model(path)


@pytest.mark.parametrize("text", ["{", "[]", '{"model": 3}', '{"model": {"model": "resnet18"}}'])
def test_damaged_run_json(tmp_path, text):
    tiny().save_weights(tmp_path / "best.weights.h5")
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(LenszooError) as caught:
        load_model(tmp_path)
    one_line(caught, tmp_path / "run.json")


def test_run_folder_without_weights_and_folder_without_run(tmp_path):
    with pytest.raises(LenszooError) as caught:
        load_model(tmp_path)
    one_line(caught, tmp_path, "is no run folder: it has no run.json")
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(LenszooError) as caught:
        load_model(tmp_path)
    one_line(caught, tmp_path, "has no best.weights.h5")


@pytest.mark.parametrize("name", ["no.weights.h5", "no.keras", "no/where", "old.h5"])
def test_missing_files(tmp_path, name):
    with pytest.raises(LenszooError) as caught:
        load_model(tmp_path / name)
    one_line(caught, f"There is no file {tmp_path / name}")


def test_other_kinds_of_files(tmp_path):
    path = tmp_path / "old.h5"
    path.write_bytes(b"x")
    with pytest.raises(LenszooError) as caught:
        load_model(path)
    one_line(caught, path, "expected .weights.h5 or .keras")
    with pytest.raises(LenszooError) as caught:
        save_weights(tiny(), tmp_path / "a.h5")
    one_line(caught, "a.h5", "must end in .weights.h5")


def test_damaged_keras_files(tmp_path):
    path = tmp_path / "a.keras"
    tiny().save(path)
    whole = path.read_bytes()
    for content in (b"", b"no zip", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(LenszooError) as caught:
            load_model(path)
        one_line(caught, path, "damaged or no .keras file")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "a zip of something else")
    with pytest.raises(LenszooError) as caught:
        load_model(path)
    one_line(caught, path, "damaged or no .keras file")
    # A whole archive around a damaged file of weights.
    path.write_bytes(whole)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["model.weights.h5"] = members["model.weights.h5"][:2000]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(LenszooError) as caught:
        load_model(path)
    one_line(caught, f"{path} is damaged")


@pytest.mark.parametrize("load", [load_model, lambda p: build_model("resnet18", weights=p)])
def test_a_lambda_is_refused(tmp_path, load):
    inputs = keras.Input((2,))
    inner = keras.Model(inputs, keras.layers.Lambda(lambda x: 2 * x)(inputs))
    keras.Sequential([keras.Input((2,)), inner]).save(tmp_path / "bad.keras")
    with pytest.raises(LenszooError) as caught:
        load(tmp_path / "bad.keras")
    one_line(caught, "bad.keras", "holds a Lambda layer", "refused")


def test_unknown_layers_are_one_line(tmp_path):
    path = tmp_path / "a.keras"
    tiny().save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["config.json"] = members["config.json"].replace(b"NonFiniteGuard", b"SomeOtherGuard")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(LenszooError) as caught:
        load_model(path)
    one_line(caught, f"Cannot load {path}", "SomeOtherGuard")


# --- writing ---


def test_read_only_and_missing_folders(tmp_path):
    with pytest.raises(LenszooError) as caught:
        save_weights(tiny(), tmp_path / "nowhere" / "a.weights.h5")
    one_line(caught, "Cannot write", "nowhere")


def test_a_full_disk_leaves_the_old_file_and_the_process(tmp_path):
    """A limit on the size of files stands for a full disk; HDF5 itself would crash on it."""
    path = save_weights(tiny(), tmp_path / "a.weights.h5")
    before = path.read_bytes()
    with full_disk(20_000), pytest.raises(LenszooError) as caught:
        save_weights(tiny(width=8), path)
    one_line(caught, f"Cannot write {path}:")
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.weights.h5"]


def test_no_warning_on_the_good_path(tmp_path):
    path = save_weights(tiny(), tmp_path / "a.weights.h5")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_model(path)
