"""Facts of how images were taken: kept as JSON, and refused where they are damaged."""

import json

import numpy as np
import pytest
from oneline import one_line

from lenszoo.data.scaling import scale_image
from lenszoo.inference.inputs import Fit
from lenszoo.inference.preparing import Preparation
from lenszoo.inference.taken import TAKEN, read_facts, read_taken, taken_facts


def facts(**changes):
    preparation = Preparation(crop=8, zero_point=22.5, scaling="minmax", target=25.0)
    return taken_facts(Fit((8, 8, 2), "a", "zero", bands=(2, 0), preparation=preparation)) | changes


def test_images_are_read_again_as_they_were_taken(tmp_path):
    image = np.random.default_rng(0).random((12, 12, 3)).astype(np.float32)
    image[5, 5, 0] = -99.0
    np.save(tmp_path / "a.npy", image)
    kept = json.loads(json.dumps({TAKEN: facts(first={"mask_value": -99.0})}))
    found = read_taken(tmp_path / "a.npy", read_facts(kept))
    image[5, 5, 0] = np.nan
    cut = scale_image(image[2:10, 2:10] * np.float32(10), "minmax")[..., [2, 0]]
    np.testing.assert_allclose(found, np.nan_to_num(cut), atol=1e-6)
    assert read_facts({}) is None


def test_numbers_of_numpy_are_kept_as_numbers():
    preparation = Preparation(zero_point=np.float32(22.5), scaling=(0, np.float32(2)), target=25)
    bands = tuple(np.array([2, 0]))
    kept = taken_facts(Fit((8, 8, 2), "a", bands=bands, preparation=preparation), {"mask_value": 0})
    taken = read_facts({TAKEN: json.loads(json.dumps(kept))})
    assert (taken.zero_point, taken.scaling, taken.bands) == (22.5, (0.0, 2.0), (2, 0))
    assert taken.first.mask_value == 0.0


@pytest.mark.parametrize(
    "changes",
    [{"zero_point": "x"}, {"zero_point": True}, {"bands": 5}, {"bands": ["a"]}, {"shape": [8, 8]},
     {"shape": [10**9, 8, 3]}, {"crop": 0}, {"sky": "blue"}, {"more": 1},
     {"first": {"mask_value": "abc"}}, {"target": float("nan")}],
)  # fmt: skip
def test_damaged_facts_are_one_line(changes):
    message = "says in 'taken' how images were taken, and is damaged"
    one_line(message, lambda: read_facts({TAKEN: facts(**changes)}))
