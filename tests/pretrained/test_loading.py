import datetime
import json
import warnings

import keras
import numpy as np
import pytest
from entries import write_manifest as write
from pack import pack_weights

from lenszoo.errors import LenszooError
from lenszoo.pretrained.loading import (
    build_model,
    fingerprint,
    load_model,
    model_config,
    save_weights,
)
from lenszoo.pretrained.manifest import Fingerprint, Manifest, WeightsEntry, WeightsFile

TINY = {"input_shape": (32, 32, 1), "width": 2, "stem": "imagenet", "blocks": [1, 1]}


def tiny(name="resnet18_slim", **options):
    model = build_model(name, **{**TINY, **options})
    rng = np.random.default_rng(7)
    model.set_weights([rng.uniform(0.5, 1.5, w.shape).astype("float32") for w in model.weights])
    return model


def outputs(model, size=32, bands=1):
    images = np.random.default_rng(0).random((2, size, size, bands), dtype=np.float32)
    return keras.ops.convert_to_numpy(model(images, training=False))


def one_line(caught, *parts):
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert str(part) in message, message


def test_the_name_of_a_model_is_not_that_of_weights():
    with pytest.raises(LenszooError) as caught:
        load_model("simple_cnn")
    one_line(caught, "simple_cnn is a model, its weights are simple_cnn.common_test_sim")


# --- weights from a file, changed or not ---


@pytest.fixture(scope="module")
def trained():
    return tiny(dropout=0.1)


@pytest.fixture(scope="module", params=[".weights.h5", ".keras", "run"])
def source(request, trained, tmp_path_factory):
    """The same weights as a file, a model file and a run folder."""
    folder = tmp_path_factory.mktemp("source")
    if request.param == ".weights.h5":
        return save_weights(trained, folder / "a.weights.h5")
    if request.param == ".keras":
        trained.save(folder / "a.keras")
        return folder / "a.keras"
    (folder / "run.json").write_text(json.dumps({"model": model_config(trained)}))
    trained.save_weights(folder / "best.weights.h5")
    return folder


def test_the_weights_decide_shape_classes_and_options(source, trained):
    model = build_model("resnet18_slim", weights=str(source))
    assert model_config(model) == model_config(trained)
    np.testing.assert_allclose(outputs(model), outputs(trained), rtol=1e-6)


def test_another_number_of_classes_gives_a_new_head(source, trained):
    model = build_model("resnet18_slim", weights=source, num_classes=7, dropout=0.4)
    assert model_config(model)["num_classes"] == 7
    assert model.get_layer("dropout").rate == 0.4
    for layer in model.layers:
        if layer.weights and layer.name != "logits":
            for new, old in zip(
                layer.get_weights(), trained.get_layer(layer.name).get_weights(), strict=True
            ):
                np.testing.assert_array_equal(new, old)
    assert model.get_layer("logits").kernel.shape[-1] == 7
    assert outputs(model).shape == (2, 7)


def test_rates_of_dropout_are_no_part_of_the_weights(tmp_path):
    shape = {"input_shape": (32, 32, 1), "num_classes": 2}
    small = {"channels": (4, 4, 4, 4, 4, 4, 8), "dims": (8, 8, 8), "depths": (1, 1, 1)}
    taught = build_model("mobilevit_mini", **shape, **small, expansion=1, transformer_dropout=0.3)
    path = save_weights(taught, tmp_path / "a.weights.h5")
    model = build_model("mobilevit_mini", weights=path, transformer_dropout=0.0)
    rates = {x.rate for x in model.layers if "block" in x.name and "dropout" in x.name}
    assert rates == {0.0}
    assert model_config(model)["options"]["transformer_dropout"] == 0.0
    np.testing.assert_allclose(outputs(model), outputs(taught), rtol=1e-6)


def test_a_crop_is_no_part_of_the_weights(tmp_path):
    small = {"channels": [4] * 7, "dims": [4] * 3, "depths": [1] * 3, "expansion": 1}
    taught = build_model("mobilevit_mini", input_shape=(48, 48, 1), **small)
    save_weights(taught, path := tmp_path / "whole.weights.h5")
    model = build_model("mobilevit_mini", weights=path, crop=32)
    assert model_config(model)["options"]["crop"] == 32
    for ours, theirs in zip(model.get_weights(), taught.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_another_head_or_activation_on_the_same_backbone(trained, tmp_path):
    path = save_weights(trained, tmp_path / "a.weights.h5")
    softmax = outputs(build_model("resnet18_slim", weights=path, activation="softmax"))
    values = np.exp(outputs(trained) - outputs(trained).max(axis=1, keepdims=True))
    np.testing.assert_allclose(softmax, values / values.sum(axis=1, keepdims=True), rtol=1e-4)
    flat = build_model("resnet18_slim", weights=path, head="flatten")
    np.testing.assert_array_equal(
        flat.get_layer("stem_conv").get_weights()[0],
        trained.get_layer("stem_conv").get_weights()[0],
    )
    again = load_model(save_weights(flat, tmp_path / "b.weights.h5"))
    np.testing.assert_allclose(outputs(again), outputs(flat), rtol=1e-6)


def test_another_size_is_allowed_once_warned_about(trained, tmp_path):
    path = save_weights(trained, tmp_path / "a.weights.h5")
    with pytest.warns(UserWarning, match="are for 32 x 32 pixels and will see 48 x 40"):
        model = build_model("resnet18_slim", weights=path, input_shape=(48, 40, 1))
    assert model.input_shape == (None, 48, 40, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = build_model("resnet18_slim", weights=path, input_shape=(None, None, 1))
    np.testing.assert_allclose(outputs(model), outputs(trained), rtol=1e-6)


@pytest.mark.parametrize("bands", [3, 4])
def test_one_band_becomes_several_and_back(trained, tmp_path, bands):
    path = save_weights(trained, tmp_path / "a.weights.h5")
    with pytest.warns(UserWarning, match=rf"are for 1 band: .* shared out over {bands} bands"):
        several = build_model("resnet18_slim", weights=path, input_shape=(32, 32, bands))
    grey = np.random.default_rng(0).random((2, 32, 32, 1), dtype=np.float32)
    answers = trained.predict(grey, verbose=0)
    alike = several.predict(np.repeat(grey, bands, axis=3), verbose=0)
    np.testing.assert_allclose(alike, answers, rtol=1e-4)
    back = save_weights(several, tmp_path / "b.weights.h5")
    with pytest.warns(UserWarning, match="summed over the bands"):
        one = build_model("resnet18_slim", weights=back, input_shape=(32, 32, 1))
    np.testing.assert_allclose(one.predict(grey, verbose=0), answers, rtol=1e-4)
    with pytest.raises(LenszooError, match=rf"are for {bands} bands"):
        build_model("resnet18_slim", weights=back, input_shape=(32, 32, 2))


def test_what_weights_cannot_serve_is_said_in_one_line(trained, tmp_path):
    path = save_weights(trained, tmp_path / "a.weights.h5")
    for arguments, parts in (
        ({"width": 16}, ("width=2, got 16",)),
        ({"droput": 0.1}, ("Did you mean 'dropout'",)),
        ({"input_shape": (8, 8, 1)}, ("at least 32 x 32",)),
    ):
        with pytest.raises(LenszooError) as caught:
            build_model("resnet18_slim", weights=path, **arguments)
        one_line(caught, *parts)
    with pytest.raises(LenszooError) as caught:
        build_model("resnet18", weights=path)
    one_line(caught, path, "are for resnet18_slim, not for resnet18")
    flat = save_weights(tiny(head="flatten"), tmp_path / "flat.weights.h5")
    with pytest.raises(LenszooError) as caught:
        build_model("resnet18_slim", weights=flat, input_shape=(48, 48, 1))
    one_line(caught, flat, "head='flatten' for 32 x 32 pixels", "48 x 48")


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_weights_under_mixed_precision(trained, tmp_path, policy):
    path = save_weights(trained, tmp_path / "a.weights.h5")
    keras.config.set_dtype_policy(policy)
    try:
        model = load_model(path)
        assert keras.config.dtype_policy().name == policy
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("stem_conv").compute_dtype == policy.removeprefix("mixed_")
    np.testing.assert_array_equal(model.get_weights()[0], trained.get_weights()[0])


# --- weights by name, through the real store ---


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Publish a model as a manifest's entry; returns the name."""
    monkeypatch.setenv("LENSZOO_MANIFEST", str(tmp_path / "weights_manifest.json"))
    monkeypatch.setenv("LENSZOO_WEIGHTS_URL", str(tmp_path / "mirror"))
    monkeypatch.setenv("LENSZOO_CACHE", str(tmp_path / "cache"))
    (tmp_path / "mirror").mkdir()

    def publish(model, tag, logits=None, options=None):
        name = f"{model.name}.{tag}"
        config = model_config(model)
        raw = save_weights(model, tmp_path / "raw.weights.h5")
        file = pack_weights(raw, tmp_path / "mirror" / f"{name}.weights.h5")
        answer = fingerprint(model, 11)
        entry = WeightsEntry(
            name=name,
            model=model.name,
            input_shape=config["input_shape"],
            num_classes=config["num_classes"],
            options=config["options"] if options is None else options,
            files=(WeightsFile.of(file),),
            recipe="none.toml",
            licence="Apache-2.0",
            fingerprint=Fingerprint(
                seed=11,
                logits=(answer if logits is None else logits).tolist(),
                atol=1e-2 * float(np.abs(answer).max()),
            ),
            created=datetime.date(2026, 1, 1),
            lenszoo_version="0.1.0",
        )
        write(Manifest(entries=(entry,)), tmp_path / "weights_manifest.json")
        return name

    return publish


def test_by_full_name_and_by_tag(publish):
    model = tiny()
    name = publish(model, "noise_sim")
    for again in (
        load_model(name),
        build_model("resnet18_slim", weights="noise_sim"),
        build_model("resnet18_slim", weights=name),
    ):
        np.testing.assert_allclose(outputs(again), outputs(model), rtol=2e-2)
        assert model_config(again) == model_config(model)
    assert build_model("resnet18_slim", weights=name, num_classes=5).output_shape == (None, 5)
    with pytest.raises(LenszooError) as caught:
        build_model("resnet18", weights=name)
    one_line(caught, name, "are for resnet18_slim, not for resnet18")
    with pytest.raises(LenszooError) as caught:
        load_model("resnet18_slim.nose_sim")
    one_line(caught, f"Did you mean '{name}'")


def test_a_wrong_answer_is_refused(publish):
    model = tiny()
    name = publish(model, "noise_sim", logits=fingerprint(model, 12))
    with pytest.raises(LenszooError) as caught:
        load_model(name)
    one_line(caught, name, "does not answer as the manifest records")
    name = publish(model, "noise_sim", logits=fingerprint(model, 11)[:1])
    with pytest.raises(LenszooError):
        build_model("resnet18_slim", weights=name, num_classes=2)


def test_layers_in_each_others_place_are_refused(publish):
    """Two tensors of one shape that change places fit every check but the answer."""
    model = tiny()
    right = fingerprint(model, 11)
    for layer in ("stem_bn", "stage1_block1_bn1"):
        assert model.get_layer(layer).gamma.shape == (2,)
    a, b = model.get_layer("stem_bn"), model.get_layer("stage1_block1_bn1")
    swapped = a.get_weights(), b.get_weights()
    a.set_weights(swapped[1])
    b.set_weights(swapped[0])
    name = publish(model, "swapped", logits=right)
    with pytest.raises(LenszooError, match="does not answer as the manifest records"):
        load_model(name)


def test_the_fingerprint_is_checked_in_float32_under_any_policy(publish):
    name = publish(tiny(), "noise_sim")
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = load_model(name)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("stem_conv").compute_dtype == "float16"
    assert model.get_layer("logits").compute_dtype == "float32"


def test_fingerprint_is_fixed_and_tells_seeds_and_weights_apart():
    model = tiny()
    first = fingerprint(model, 1)
    assert first.shape == (2, 3)
    np.testing.assert_array_equal(first, fingerprint(model, 1))
    assert not np.allclose(first, fingerprint(model, 2))
    open_size = tiny(input_shape=(None, None, 1))
    np.testing.assert_allclose(fingerprint(open_size, 1, (32, 32, 1)), first, rtol=1e-5)
    with pytest.raises(LenszooError, match="takes any size: give fingerprint an input_shape"):
        fingerprint(open_size, 1)
    images = np.random.Generator(np.random.Philox(1)).random((2, 32, 32, 1), dtype=np.float32)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(model(images, training=False)), first)


@pytest.mark.parametrize("row", ["vit_ti16", "beit_b16"])
def test_a_transformer_moves_to_another_size_with_its_positions(row, tmp_path):
    tiny = {"patch": 8, "dim": 8, "depth": 1, "heads": 2, "mlp_dim": 8}
    keras.utils.set_random_seed(0)
    small = build_model(row, input_shape=(32, 32, 1), **tiny)
    path = save_weights(small, tmp_path / "small.weights.h5")
    with pytest.warns(UserWarning, match="32 x 32 pixels and will see 48 x 40"):
        large = build_model(row, input_shape=(48, 40, 1), weights=path)
    table = {"vit_ti16": "positions/table", "beit_b16": "block1_attention/bias_table"}[row]
    before, after = (
        next(keras.ops.convert_to_numpy(w) for w in model.weights if w.path == table)
        for model in (small, large)
    )
    assert before.shape != after.shape
    kept = slice(0, 1) if row == "vit_ti16" else slice(-3, None)  # what belongs to the class token
    axis = (slice(None), kept) if row == "vit_ti16" else (kept,)
    np.testing.assert_allclose(after[axis], before[axis], atol=1e-6)
    for layer in ("patch_embedding", "block1_mlp1", "logits"):
        for a, b in zip(
            small.get_layer(layer).get_weights(), large.get_layer(layer).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(a, b)
