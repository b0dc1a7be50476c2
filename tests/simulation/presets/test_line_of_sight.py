import numpy as np

from lenszoo.simulation import get_preset, sample, sample_scenes

SEED = 4


def test_scenes_are_those_of_the_common_test_with_halos():
    los, plain = (sample(f"common_test_{name}", 12, seed=SEED) for name in ("los", "sim"))
    assert los.images.shape == (12, 100, 100, 1)
    np.testing.assert_array_equal(los.labels, plain.labels)
    for name in ("einstein_radius", "source_x", "substructure_mass_fraction"):
        np.testing.assert_array_equal(los.truth[name], plain.truth[name])
    assert (los.truth["los_mass"] > 1e9).all() and "los_mass" not in plain.truth
    middle = plain.images[:, 25:125, 25:125]
    alike = [
        np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(los.images, middle, strict=True)
    ]
    assert 0.9 < np.median(alike) < 0.9999  # halos move the arcs a little


def test_a_scene_is_the_same_alone_and_in_company():
    los = sample("common_test_los", 4, seed=SEED)
    again = sample_scenes("common_test_los", [2], SEED)
    np.testing.assert_array_equal(again.images[0], los.images[2])
    assert get_preset("common_test_los").pixel_scale == 0.05
