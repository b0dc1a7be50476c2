import numpy as np
import pytest
from oneline import one_line
from safetensors.numpy import save_file

from lenszoo.models.convnext import convnext
from lenszoo.pretrained.imported import convnext as published
from lenszoo.pretrained.imported.transfer import backbone_variables
from lenszoo.pretrained.loading import build_model

TINY = {"depths": (1, 2, 1, 1), "dims": (3, 4, 5, 6)}


@pytest.mark.parametrize("layout", published.LAYOUTS)
def test_every_variable_below_the_head_has_a_name_of_its_own(layout):
    model = convnext((32, 32, 2), 3, **TINY)
    parts = published.names(model, layout)
    assert set(parts) == set(backbone_variables(model))
    theirs = {part.name for part in parts.values()}
    assert len(theirs) == len(parts)
    assert published.layout_of(theirs) == layout
    assert published.names(model, {f"encoder.{name}" for name in theirs}) == {
        path: part._replace(name=f"encoder.{part.name}") for path, part in parts.items()
    }


def tensors_of(model, bands=3, prefix=""):
    """Random tensors of timm's names and shapes for a model."""
    rng = np.random.default_rng(0)
    tensors = {}
    for path, part in published.names(model, "timm").items():
        shape = backbone_variables(model)[path].shape
        if path == "stem_conv/kernel":
            shape = (*shape[:2], bands, shape[3])
        if len(shape) == 4:  # (h, w, in, out), of a depthwise kernel (h, w, channels, 1)
            order = (2, 3, 0, 1) if "depth" in path else (3, 2, 0, 1)
            shape = tuple(shape[axis] for axis in order)
        elif len(shape) == 2:  # timm's small networks have 1x1 convolutions
            shape = (*shape[::-1], 1, 1)
        tensors[prefix + part.name] = rng.normal(0, 0.3, shape).astype(np.float32)
    return tensors


def test_a_grey_encoder_of_zoobot_fills_any_bands(tmp_path):
    model = build_model("convnext_nano", input_shape=(32, 32, 2), **TINY)
    tensors = tensors_of(model, bands=1, prefix="encoder.")
    tensors["head.output.weight"] = np.zeros((34, 6), np.float32)
    save_file(tensors, tmp_path / "zoobot.safetensors")
    images = np.random.default_rng(1).random((2, 32, 32, 1), dtype=np.float32)
    options = {"weights": tmp_path / "zoobot.safetensors", "mean": 0.0, "std": 1.0, **TINY}
    answers = []
    for bands in (1, 2, 5):
        model = build_model("convnext_nano", input_shape=(32, 32, bands), **options)
        features = model.get_layer("norm").output
        features = type(model)(model.input, features)(images.repeat(bands, axis=-1))
        answers.append(np.asarray(features))
        np.testing.assert_allclose(answers[-1], answers[0], rtol=1e-4, atol=1e-5)
    stem = tensors["encoder.stem.0.weight"].transpose(2, 3, 1, 0)
    kernel = build_model("convnext_nano", input_shape=(32, 32, 1), **options).get_layer("stem_conv")
    np.testing.assert_array_equal(kernel.get_weights()[0], stem)


def test_files_that_do_not_fit_are_named_with_the_tensor(tmp_path):
    sound = tensors_of(build_model("convnext_nano", input_shape=(32, 32, 3), **TINY))
    path = tmp_path / "encoder.safetensors"
    gamma = "stages.1.blocks.1.gamma"
    two = {f"teacher.{name}": value for name, value in sound.items()} | sound
    cases = [
        ({k: v for k, v in sound.items() if k != gamma}, f"lacks {gamma}: is it for"),
        (
            sound | {"stages.1.blocks.2.gamma": sound[gamma]},
            "no place for: stages.1.blocks.2.gamma",
        ),
        (sound | {gamma: sound[gamma][:2]}, f"{gamma} has the shape (2,), but"),
        (sound | {"stem.0.weight": sound["stem.0.bias"]}, "stem.0.weight has the shape (3,), but"),
        (sound | {gamma: sound[gamma] * np.float32("nan")}, f"{gamma} holds NaN or infinite"),
        ({"conv1.weight": np.zeros((4, 3, 7, 7), np.float32)}, "encoder.safetensors lacks"),
        (two, "several networks (no prefix, teacher.): save one of them alone"),
    ]
    for tensors, message in cases:
        save_file(tensors, path)
        error = one_line(message, lambda: build_model("convnext_nano", weights=path, **TINY))
        assert str(path) in error
    save_file(sound, path)
    larger = TINY | {"dims": (3, 4, 5, 8)}
    one_line(
        "convnext_nano needs (2, 2, 5, 8)",
        lambda: build_model("convnext_nano", weights=path, **larger),
    )
    one_line(
        "'zoobot' of convnext_nano was trained on pixels of mean=0 and std=1",
        lambda: build_model("convnext_nano", weights="zoobot"),
    )
