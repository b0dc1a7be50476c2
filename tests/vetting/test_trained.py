"""Size of cutouts for results that do not tell: that of the weights, or 64 with a warning."""

import pytest

from lenszoo import load_model
from lenszoo.vetting.trained import trained_inputs


def test_weights_tell_size_and_zero_point(caplog):
    assert trained_inputs(["lens_finder.hard_sim_image"]) == ((64, 64), True)
    assert trained_inputs(["lens_finder.easy_vis_sim"]).size == (101, 101)
    assert not caplog.messages


@pytest.mark.parametrize("name", ["gone.weights.h5", "m.keras"])
def test_what_does_not_tell_is_warned_of(tmp_path, caplog, name):
    load_model("lens_finder.easy_vis_sim").save(tmp_path / "m.keras")
    assert trained_inputs([str(tmp_path / name)]).size == (64, 64)
    (line,) = caplog.messages
    assert "utouts of 64 pixels are shown." in line
