import pytest

from lenszoo.cli._recipe import run_recipe
from lenszoo.errors import LenszooError

FIELDS = {"model": "simple_cnn", "data": {"preset": "common_test_sim"}}


@pytest.mark.parametrize(
    ("options", "settings", "presets", "message"),
    [
        ({"epochs": 0}, None, (), "epochs: "),
        ({"epochs": 3}, ["epochs=0"], (), "epochs: "),  # --set comes last
        ({"optimizer.learning_rate": -1.0}, None, (), "optimizer.learning_rate: "),
        ({}, ["optimizer.clip_nrm=1"], (), "'optimizer.clip_nrm'"),
        ({}, ["epochs"], (), "give FIELD=VALUE"),
        ({"data.images": 5}, None, (None,), "--images counts simulated images"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_trained(
    options, settings, presets, message, tmp_path
):
    fields = {**FIELDS, "data": dict(FIELDS["data"])}
    with pytest.raises(LenszooError, match=message):
        run_recipe(fields, tmp_path / "run", options, settings, *presets)
    assert not (tmp_path / "run").exists()
