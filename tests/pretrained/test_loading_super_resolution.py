"""build_model, files and fingerprints of rows that have no classes."""

import datetime
import json

import keras
import numpy as np
import pytest
from entries import write_manifest
from oneline import one_line
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
from lenszoo.pretrained.source import resolve


def tiny(name="srresnet_1", **options):
    keras.utils.set_random_seed(4)
    return build_model(name, **{"width": 4, **options})


def outputs(model):
    images = np.random.default_rng(0).random((2, 5, 4, 1), dtype=np.float32)
    return keras.ops.convert_to_numpy(model(images, training=False))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 3}, "srresnet_1 has no classes: leave num_classes out."),
        ({"weights": "imagenet"}, "Nobody published ImageNet weights of srresnet_1"),
        ({"weights": "a.safetensors"}, "Nobody published ImageNet weights of srresnet_1"),
        ({"head": "pool"}, "Unknown option of srresnet_1 'head'."),
        ({"input_shape": (0, 5, 1)}, "srresnet_1 needs images of at least 1 x 1 pixels"),
        ({"input_shape": (5, 5, 0)}, "srresnet_1 needs one band or more"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(LenszooError) as caught:
        build_model("srresnet_1", **arguments)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_config_without_classes_rebuilds_the_model(tmp_path):
    model = tiny(input_shape=(None, None, 2), scale=4, upsampling="resize")
    config = model_config(model)
    assert config["num_classes"] is None
    assert config["options"] == {
        "scale": 4, "blocks": 1, "width": 4, "batch_norm": True,
        "upsampling": "resize", "skip": None,
    }  # fmt: skip
    again = build_model(config["model"], input_shape=config["input_shape"], **config["options"])
    assert model_config(again) == config
    (tmp_path / "run.json").write_text(json.dumps({"model": config}))
    model.save_weights(tmp_path / "best.weights.h5")
    assert resolve(tmp_path).config.options == config["options"]
    assert model_config(load_model(tmp_path)) == config
    del config["num_classes"]
    (tmp_path / "run.json").write_text(json.dumps({"model": config}))
    one_line("does not say which model it is", lambda: load_model(tmp_path))


def test_what_weights_cannot_serve(tmp_path):
    path = save_weights(tiny(), tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(outputs(load_model(path)), outputs(tiny()))
    for arguments, message in (
        ({"scale": 4}, "are for scale=2, got 4"),
        ({"skip": "bicubic"}, "are for skip=None, got 'bicubic'"),
        ({"input_shape": (None, None, 3)}, "are for 1 band"),
        ({"num_classes": 2}, "srresnet_1 has no classes"),
    ):
        with pytest.raises(LenszooError) as caught:
            build_model("srresnet_1", weights=path, **arguments)
        assert message in str(caught.value)


def test_a_fixed_size_takes_weights_of_any_size(tmp_path):
    path = save_weights(tiny(), tmp_path / "a.weights.h5")
    fixed = build_model("srresnet_1", weights=path, input_shape=(5, 4, 1))
    assert fixed.output_shape == (None, 10, 8, 1)
    np.testing.assert_allclose(outputs(fixed), outputs(tiny()), rtol=1e-5)


def test_fingerprint():
    model = tiny(scale=4)
    answer = fingerprint(model, 1)
    assert answer.shape == (2, 32 * 32)
    images = np.random.Generator(np.random.Philox(1)).random((2, 8, 8, 1), dtype=np.float32)
    expected = keras.ops.convert_to_numpy(model(images, training=False))
    np.testing.assert_array_equal(answer, expected.reshape(2, -1))
    np.testing.assert_array_equal(answer, fingerprint(model, 1, (None, None, 1)))
    assert fingerprint(tiny(input_shape=(3, 2, 1)), 1).shape == (2, 24)


@pytest.mark.parametrize("name", ["srresnet_1", "srgan"])
def test_weights_by_name_and_their_fingerprint(name, tmp_path, monkeypatch):
    monkeypatch.setenv("LENSZOO_MANIFEST", str(tmp_path / "weights_manifest.json"))
    monkeypatch.setenv("LENSZOO_WEIGHTS_URL", str(tmp_path / "mirror"))
    monkeypatch.setenv("LENSZOO_CACHE", str(tmp_path / "cache"))
    (tmp_path / "mirror").mkdir()
    model = tiny(name, **({"discriminator_width": 2} if name == "srgan" else {}))
    config, answer = model_config(model), fingerprint(model, 11)
    full = f"{name}.noise_sim"

    def publish(logits, file):
        raw = save_weights(model, tmp_path / "raw.weights.h5")
        packed = pack_weights(raw, tmp_path / "mirror" / file)
        entry = WeightsEntry(
            name=full,
            model=name,
            input_shape=config["input_shape"],
            options=config["options"],
            files=(WeightsFile.of(packed),),
            recipe="none.toml",
            licence="Apache-2.0",
            fingerprint=Fingerprint(seed=11, logits=logits.tolist(), atol=1e-2),
            created=datetime.date(2026, 1, 1),
            lenszoo_version="0.1.0",
        )
        write_manifest(Manifest(entries=(entry,)), tmp_path / "weights_manifest.json")

    publish(answer, "a.weights.h5")
    for again in (load_model(full), build_model(name, weights="noise_sim")):
        assert model_config(again) == config
        np.testing.assert_allclose(outputs(again), outputs(model), atol=1e-2)
    if name == "srresnet_1":
        gan = build_model("srgan", weights=full, discriminator_width=2)
        np.testing.assert_allclose(outputs(gan), outputs(model), atol=1e-2)
    publish(answer + 0.1, "b.weights.h5")
    one_line("does not answer as the manifest records", lambda: load_model(full))
