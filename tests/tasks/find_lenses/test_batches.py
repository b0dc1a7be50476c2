import numpy as np
import pytest

from lenszoo.simulation import SimulatedDataset, sample_cutouts
from lenszoo.tasks.find_lenses.batches import StreamedBatches, as_targets


def test_labels_have_the_shape_of_answers():
    targets = as_targets(np.array([0, 1, 1]))
    assert targets.dtype == np.float32 and targets.tolist() == [[0], [1], [1]]


def test_a_stream_gives_what_cutouts_of_the_same_scenes_hold():
    chosen = {"bands": ("r", "g"), "columns": ("mag_g", "ellipticity")}
    held = sample_cutouts("lens_finding_easy", 4, seed=3, **chosen)
    batches = StreamedBatches(SimulatedDataset("lens_finding_easy", 4, 3, 2), **chosen)
    assert len(batches) == 2
    for i, rows in enumerate((slice(2), slice(2, 4))):
        inputs, targets = batches[i]
        np.testing.assert_array_equal(inputs["images"], held.images[rows])
        np.testing.assert_array_equal(inputs["table"], held.table[rows])
        np.testing.assert_array_equal(targets, as_targets(held.labels[rows]))


@pytest.mark.parametrize("images", [True, False])
def test_of_one_branch_the_other_is_left_out(images):
    stream = SimulatedDataset("lens_finding_easy", 2, 3, 2)
    columns = () if images else ("mag_g",)
    inputs, _ = StreamedBatches(stream, ("g",), columns, images)[0]
    assert inputs.shape == ((2, 64, 64, 1) if images else (2, 1))
