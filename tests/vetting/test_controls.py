import numpy as np
from oneline import one_line
from tinyvetting import write_controls

from lenszoo.vetting.controls import open_controls


def test_controls_of_a_simulated_sky_are_drawn_once_and_kept(tmp_path):
    first = open_controls(tmp_path, "lens_finding_hard", 6, ("g", "r", "i"))
    assert first.images.shape == (6, 64, 64, 3) and first.lenses.sum() == 3
    assert first.scale == 0.2
    again = open_controls(tmp_path, None, 6, ())
    np.testing.assert_array_equal(again.images, first.images)
    assert again.ids == first.ids and again.scale == 0.2 and again.bands == ("g", "r", "i")
    one_line("holds controls of", lambda: open_controls(tmp_path, "lens_finding_easy", 6, ()))


def test_controls_of_a_catalogue_with_labels(tmp_path):
    path = write_controls(tmp_path)
    controls = open_controls(tmp_path / "vetting", path, 4, ("g", "r", "i"))
    assert len(controls) == 4 and controls.lenses.tolist() == [True, True, False, False]
    assert controls.read(0).shape == (64, 64, 3) and controls.scale is None


def test_controls_that_cannot_be_had_are_refused(tmp_path):
    assert open_controls(tmp_path, None, 6, ()) is None
    one_line("Unknown preset", lambda: open_controls(tmp_path, "lens_finding_hrad", 6, ()))
    one_line("give the catalogue", lambda: open_controls(tmp_path, tmp_path, 6, ()))
    one_line("at least 2", lambda: open_controls(tmp_path, "lens_finding_hard", 1, ()))
    (tmp_path / "controls.npz").write_bytes(b"nonsense")
    one_line("damaged", lambda: open_controls(tmp_path, None, 6, ()))
