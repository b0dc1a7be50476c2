"""The observation that a run folder stores is read back, and nonsense is none."""

import json
from dataclasses import asdict

import pytest

from lenszoo.errors import LenszooError
from lenszoo.trained_observation import Observation, stored_observation

PAIR = (-1.5, 0.25)
WHOLE = Observation(PAIR, PAIR, PAIR, PAIR, PAIR, PAIR, PAIR)


def test_round_trip_through_json():
    assert stored_observation(json.loads(json.dumps(asdict(WHOLE)))) == WHOLE


@pytest.mark.parametrize(
    "change",
    [
        {"noise": [1.0]}, {"noise": [1.0, 0.0]}, {"noise": [float("nan"), 1.0]},
        {"noise": "ab"}, {"noise": None}, {"colour": [0.0, 1.0]},
    ],
)  # fmt: skip
def test_nonsense_is_none(change):
    assert stored_observation(asdict(WHOLE) | change) is None


def test_a_part_alone_is_none():
    assert stored_observation({"noise": [0.0, 1.0]}) is None
    assert stored_observation(None) is None


def test_a_deviation_of_nothing_is_refused():
    with pytest.raises(LenszooError, match="deviations above 0"):
        Observation((0.0, 0.0), PAIR, PAIR, PAIR, PAIR, PAIR, PAIR)
