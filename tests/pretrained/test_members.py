"""An ensemble knows its members, also from a file; any other model has none."""

import numpy as np

from lenszoo import build_model, load_model
from lenszoo.pretrained.members import measures_each_image, members
from lenszoo.pretrained.saving import save_weights


def test_members_are_those_that_were_joined(tmp_path):
    models = [build_model("simple_cnn", input_shape=(24, 24, 1), width=4) for _ in range(2)]
    paths = [save_weights(model, tmp_path / f"{k}.weights.h5") for k, model in enumerate(models)]
    joined = load_model(paths)
    joined.save(tmp_path / "both.keras")
    for ensemble in (joined, load_model(tmp_path / "both.keras")):
        for member, model in zip(members(ensemble), models, strict=True):
            for own, other in zip(member.get_weights(), model.get_weights(), strict=True):
                np.testing.assert_array_equal(own, other)
    assert members(models[0]) == []


def test_an_ensemble_measures_each_image_where_every_member_does(tmp_path):
    paths = {}
    for stretch in ("noise", "asinh"):
        model = build_model(
            "lens_finder", input_shape=(24, 24, 1), use="image", width=4, stretch=stretch
        )
        paths[stretch] = save_weights(model, tmp_path / f"{stretch}.weights.h5")
    measures = {
        (one, other): measures_each_image(load_model([paths[one], paths[other]]))
        for one in paths
        for other in paths
    }
    assert [pair for pair, each in measures.items() if each] == [("noise", "noise")]
    assert measures_each_image(load_model(paths["noise"]))
    assert not measures_each_image(load_model(paths["asinh"]))
