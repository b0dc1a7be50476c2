import keras
import numpy as np
import pytest
from oneline import one_line

from lenszoo import build_model, load_model
from lenszoo.models.lens_finder import attention_maps, branch
from lenszoo.pretrained.loading import fingerprint, model_config, save_weights

COLUMNS = ["mag_r", "color_g_r", "ellipticity"]


def built(**options):
    keras.utils.set_random_seed(1)
    return build_model("lens_finder", **{"width": 8, "dim": 16, **options})


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(6, 32, 32, 2)).astype(np.float32)
    table = rng.normal(size=(6, 3)).astype(np.float32)
    table[0, 1] = np.nan
    return {"images": images, "table": table}


@pytest.fixture(scope="module")
def model(inputs):
    model = built(input_shape=(32, 32, 2), columns=COLUMNS)
    model.get_layer("stretch").adapt(inputs["images"])
    model.get_layer("columns").adapt(inputs["table"])
    return model


def answers(model, inputs):
    return model.predict(inputs, verbose=0)[:, 0]


def test_one_float32_logit_that_knows_its_columns(model, inputs):
    logits = model.predict(inputs, verbose=0)
    assert logits.shape == (6, 1)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()
    assert model_config(model)["options"]["columns"] == COLUMNS


def test_a_nan_pixel_is_no_answer_and_a_gap_in_the_table_is_none_the_less_one(model, inputs):
    broken = inputs["images"].copy()
    broken[2, 5, 5, 1] = np.nan
    seen = answers(model, inputs | {"images": broken})
    assert np.flatnonzero(np.isnan(seen)).tolist() == [2]
    empty = np.full_like(inputs["table"], np.nan)
    assert np.isfinite(answers(model, inputs | {"table": empty})).all()


@pytest.mark.parametrize("unit", [1e-3, 363.0, 1e9])
def test_with_the_noise_stretch_units_and_sky_do_not_matter(unit):
    rng = np.random.default_rng(4)
    images = rng.normal(0.0, 0.02, (5, 32, 32, 2)).astype(np.float32)
    images[:, 12:20, 12:20] += rng.random((5, 1, 1, 2), np.float32)
    finder = built(input_shape=(32, 32, 2), stretch="noise")
    moved = np.float32(unit) * (images + np.float32(0.1))
    assert answers(finder, moved) == pytest.approx(answers(finder, images), abs=1e-4)


def test_weights_of_one_stretch_fit_another(inputs, model, tmp_path):
    options = {"input_shape": (32, 32, 2), "columns": COLUMNS, "stretch": "noise"}
    other = built(**options, weights=save_weights(model, tmp_path / "w.weights.h5"))
    assert len(other.weights) == len(model.weights)
    for one, two in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert answers(other, inputs) != pytest.approx(answers(model, inputs), abs=1e-6)


def test_with_the_noise_stretch_an_image_without_noise_has_no_answer(inputs):
    finder = built(input_shape=(32, 32, 2), columns=3, stretch="noise")
    flat = inputs["images"].copy()
    flat[1] = 0.5
    flat[2, 9, 9] = np.nan
    for net, data in ((finder, inputs | {"images": flat}), (branch(finder, "image"), flat)):
        assert np.flatnonzero(np.isnan(answers(net, data))).tolist() == [1, 2]


@pytest.mark.parametrize("use", ["image", "table"])
def test_one_branch_alone(use):
    rng = np.random.default_rng(2)
    alone = built(input_shape=(24, 24, 1), columns=4, use=use)
    shape = (5, 24, 24, 1) if use == "image" else (5, 4)
    seen = answers(alone, rng.normal(size=shape).astype(np.float32))
    assert seen.shape == (5,)
    assert len(set(seen.tolist())) == 5


def test_a_branch_of_both_does_not_see_the_other(model, inputs):
    rng = np.random.default_rng(3)
    for use, key in (("image", "images"), ("table", "table")):
        only = branch(model, use)
        expected = answers(only, inputs[key])
        other = "table" if key == "images" else "images"
        # what training shows an example that has lost the other branch
        noise = inputs | {other: rng.normal(size=inputs[other].shape).astype(np.float32)}
        tokens = keras.Model(model.inputs, [model.get_layer("tokens").output])(noise)
        n = model.get_layer("image_tokens").output.shape[1]
        weights = np.zeros(tokens.shape[:2], np.float32)
        weights[:, :n] = use == "image"
        weights[:, n:] = use == "table"
        x = model.get_layer("attention_norm")(tokens)
        x = tokens + model.get_layer("attention")(x, x, attention_mask=weights[:, None] > 0.5)
        x = model.get_layer("features")(model.get_layer("norm")(x), weights)
        for layer in ("dense1", "dense2", "logits"):
            x = model.get_layer(layer)(x)
        seen = keras.ops.convert_to_numpy(x)[:, 0]
        assert seen == pytest.approx(expected, abs=1e-5)


def test_attention_can_be_read(model, inputs):
    maps, grid = attention_maps(model, inputs)
    assert grid == (8, 8)
    assert maps.shape == (6, 4, 64 + 3, 64 + 3)
    assert maps.sum(-1) == pytest.approx(np.ones(maps.shape[:3]), abs=1e-5)


@pytest.mark.parametrize("ending", ["m.weights.h5", "m.keras"])
def test_files_give_the_same_answers(model, inputs, tmp_path, ending):
    if ending.endswith(".keras"):
        model.save(tmp_path / ending)
    else:
        save_weights(model, tmp_path / ending)
    again = load_model(tmp_path / ending)
    assert np.array_equal(answers(again, inputs), answers(model, inputs))
    assert np.array_equal(fingerprint(again, 1), fingerprint(model, 1))


def test_it_learns_from_either_branch(inputs):
    """Brightness in the image and a column of the table each tell the classes apart."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 2, (256, 1)).astype(np.float32)
    images = rng.normal(size=(256, 12, 12, 1)).astype(np.float32)
    images[:, 4:8, 4:8] += 3 * labels[:, :, None, None]
    table = rng.normal(size=(256, 2)).astype(np.float32)
    table[:, :1] += 4 * labels
    model = built(input_shape=(12, 12, 1), columns=2, branch_dropout=0.5)
    model.compile(keras.optimizers.Adam(5e-3), keras.losses.BinaryCrossentropy(from_logits=True))
    model.fit({"images": images, "table": table}, labels, epochs=10, batch_size=32, verbose=0)
    for seen in (
        answers(model, {"images": images, "table": table}),
        answers(branch(model, "image"), images),
        answers(branch(model, "table"), table),
    ):
        assert np.mean((seen > 0) == (labels[:, 0] > 0)) > 0.9


@pytest.mark.parametrize(
    "backbone",
    ["resnet18_slim"]
    + [pytest.param(row, marks=pytest.mark.slow) for row in ("vit_ti16", "mobilenet_v3_small")],
)
def test_backbones_of_the_catalogue(backbone, inputs):
    model = built(input_shape=(32, 32, 2), columns=COLUMNS, backbone=backbone)
    assert np.isfinite(answers(model, inputs)).all()


def test_mixed_precision_answers_float32(inputs):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        logits = built(input_shape=(32, 32, 2), columns=COLUMNS).predict(inputs, verbose=0)
    finally:
        keras.config.set_dtype_policy(before)
    assert logits.dtype == np.float32
    assert len(np.unique(logits)) == 6


def test_no_branch_to_take():
    one_line("has not two branches", lambda: branch(built(), "table"))
