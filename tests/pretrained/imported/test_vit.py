import numpy as np
import pytest
from oneline import one_line

from lenszoo.errors import LenszooError
from lenszoo.models.vit import vit
from lenszoo.pretrained.imported import vit as published
from lenszoo.pretrained.imported.transfer import backbone_variables, transfer


def tiny(input_shape=(12, 8, 2), **options):
    """A small vit; its tables are of 3 x 2 patches."""
    sizes = {"patch": 4, "dim": 6, "depth": 2, "heads": 3, "mlp_dim": 10}
    return vit(input_shape, 5, **sizes, **options)


def test_resizing_positions_keeps_the_class_token_and_constants():
    table = np.concatenate([np.full((1, 1, 3), 7.0), np.full((1, 12, 3), 2.0)], axis=1)
    for rule in ("bicubic", "bilinear", "corners"):
        resized = published.resize_positions(table, (3, 4), (5, 2), rule)
        assert resized.shape == (1, 11, 3)
        np.testing.assert_allclose(resized[0, 0], 7.0)
        np.testing.assert_allclose(resized[0, 1:], 2.0, rtol=1e-12)
    same = published.resize_positions(table, (3, 4), (3, 4))
    np.testing.assert_array_equal(same, table)


def test_a_table_of_another_grid_is_refused():
    one_line(
        "is not one of 2 x 2 patches",
        lambda: published.resize_positions(np.zeros((1, 6, 3)), (2, 2), (3, 3)),
    )
    with pytest.raises(LenszooError, match="7 positions is not that of a square"):
        part = published.names(tiny(), "npz")["positions/table"]
        part.convert(np.zeros((1, 8, 6)))


@pytest.mark.parametrize("layout", published.LAYOUTS)
@pytest.mark.parametrize("representation", [None, 7])
def test_every_variable_below_the_head_has_a_name_of_its_own(layout, representation):
    more = {"registers": 3, "layer_scale": 0.1} if "dinov2" in layout or layout == "timm" else {}
    model = tiny(representation=representation, **more)
    parts = published.names(model, layout)
    assert set(parts) == set(backbone_variables(model))
    theirs = {part.name for part in parts.values()}
    fused = 2 * 2 * 2 if "blocks.0.attn.qkv.weight" in theirs else 0  # two thirds in two blocks
    assert len(theirs) == len(parts) - fused
    extra = {"mask_token"} if layout == "dinov2" else set()  # Meta's alone
    assert published.layout_of(theirs | extra) == layout


def test_timms_table_with_registers_has_no_place_for_the_class_token():
    model = tiny((16, 8, 1), registers=3)  # 4 x 2 patches
    table = np.random.default_rng(0).normal(size=(1, 9, 6))
    known = ["patch_embed.proj.weight", "reg_token"]
    part = published.names(model, known)["positions/table"]
    whole = np.concatenate([np.zeros((1, 1, 6)), table], axis=1)
    expected = published.resize_positions(whole, (3, 3), (4, 2), "bicubic-antialias")
    np.testing.assert_array_equal(part.convert(table), expected)
    assert published.names(model, known)["registers/tokens"].name == "reg_token"


def test_a_google_file_of_another_size_and_three_bands_fills_the_model():
    model = tiny((16, 8, 1))  # 4 x 2 patches
    rng = np.random.default_rng(3)
    parts = published.names(model, "npz")
    tensors = {
        part.name: rng.normal(size=variable.shape).astype("float32")
        for (path, variable), part in (
            (item, parts[item[0]]) for item in backbone_variables(model).items()
        )
    }
    tensors["embedding/kernel"] = rng.normal(size=(4, 4, 3, 6)).astype("float32")
    table = rng.normal(size=(1, 10, 6)).astype("float32")
    tensors["Transformer/posembed_input/pos_embedding"] = table
    tensors["head/kernel"] = np.zeros((6, 1000), "float32")
    transfer(model, tensors, published.names(model, tensors), "file", ignored=published.IGNORED)
    expected = published.resize_positions(table, (3, 3), (4, 2), "corners")
    np.testing.assert_array_equal(model.get_layer("positions").get_weights()[0], expected)
    stem = model.get_layer("patch_embedding").get_weights()[0]
    np.testing.assert_allclose(
        stem, tensors["embedding/kernel"].sum(axis=2, keepdims=True), rtol=1e-6
    )
    query = model.get_layer("block2_attention").get_weights()[0]
    name = "Transformer/encoderblock_1/MultiHeadDotProductAttention_1/query/kernel"
    np.testing.assert_array_equal(query, tensors[name])
