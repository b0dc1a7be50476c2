import numpy as np
import pytest
from oneline import one_line

from lenszoo.data import measured_columns
from lenszoo.errors import LenszooError
from lenszoo.simulation import get_preset, sample, sample_cutouts
from lenszoo.simulation.sample import SPLIT_START


def test_candidates_are_those_of_sample_with_what_is_measured_on_them():
    made = sample_cutouts("lens_finding_easy", 6, seed=3, split="val")
    seen = sample("lens_finding_easy", 6, 3, SPLIT_START["val"])
    assert np.array_equal(made.images, seen.images)
    assert made.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert made.columns == measured_columns(get_preset("lens_finding_easy").bands)
    assert made.table.shape == (6, len(made.columns))
    assert made.ids[2] == "val/2"
    assert made.provenance["pixel_scale"] == 0.2
    part = made.take([4, 1])
    assert part.truth["scene"].tolist() == [SPLIT_START["val"] + 4, SPLIT_START["val"] + 1]
    assert np.array_equal(part.table, made.table[[4, 1]])
    assert set(made.inputs()) == {"images", "table"}


def test_columns_may_be_chosen_and_images_left_out():
    made = sample_cutouts("lens_finding_easy", 2, columns=["asymmetry", "mag_g"], images=False)
    assert made.images is None
    assert made.columns == ("asymmetry", "mag_g")
    assert made.inputs() is made.table
    one_line(
        "neither images nor columns",
        lambda: sample_cutouts("lens_finding_easy", 2, columns=[], images=False).inputs(),
    )


def test_bands_may_be_chosen_and_the_table_is_measured_on_them():
    made = sample_cutouts("lens_finding_easy", 2, seed=3, bands=["r", "g"])
    every = sample_cutouts("lens_finding_easy", 2, seed=3)
    assert made.bands == ("r", "g")
    np.testing.assert_array_equal(made.images, every.images[..., [2, 1]])
    assert made.columns == measured_columns(["r", "g"])
    again = [every.columns.index(name) for name in ("mag_r", "mag_g")]
    found = [made.columns.index(name) for name in ("mag_r", "mag_g")]
    np.testing.assert_allclose(made.table[:, found], every.table[:, again], atol=0.2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("common_test_sim", 2), "no sky of lenses and other galaxies"),
        (("lens_finding_easy", 2, 0, "trian"), "Did you mean 'train'"),
    ],
)
def test_what_is_refused(arguments, message):
    with pytest.raises(LenszooError, match=message):
        sample_cutouts(*arguments)
    one_line(
        "Did you mean 'mag_g'", lambda: sample_cutouts("lens_finding_easy", 2, columns=["mag_gg"])
    )
    with pytest.raises(LenszooError, match=r"Unknown band.*'k'"):
        sample_cutouts("lens_finding_easy", 2, bands=["g", "k"])
    one_line("asked for twice", lambda: sample_cutouts("lens_finding_easy", 2, bands=["g", "g"]))
