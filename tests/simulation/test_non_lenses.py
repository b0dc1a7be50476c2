import numpy as np
import pytest
from scipy import stats

from lenszoo.simulation import get_preset, list_presets
from lenszoo.simulation.non_lenses import KINDS
from lenszoo.simulation.presets.lens_finding import MIXTURE
from lenszoo.simulation.random import scene_generator

NAMES = [name for name in list_presets() if name.startswith("lens_finding")]


def test_kinds_are_mixed_as_stated(drawn):
    kinds = drawn["kind"][drawn["kind"] != "lens"]
    assert len(kinds) == 250 and sum(MIXTURE.values()) == pytest.approx(1.0)
    assert {*MIXTURE, "pair"} == set(KINDS)  # pairs stand beside lensed quasars alone
    seen = [np.sum(kinds == kind) for kind in MIXTURE]
    assert stats.chisquare(seen, [250 * share for share in MIXTURE.values()]).pvalue > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_scenes_fit_their_slots(name):
    preset = get_preset(name)
    for i in range(60):
        scene = preset.draw(scene_generator(8, i), preset.classes[i % 2], 1.0)
        for profile, room in preset.draw.__self__.slots.items():
            assert scene.arrays[profile].shape[0] == room
            assert np.isfinite(scene.arrays[profile]).all()
        lensed = scene.arrays["source"][:, -1].sum() > 0
        assert lensed == (i % 2 == 1) == (scene.arrays["einstein_radius"][0] > 0)
