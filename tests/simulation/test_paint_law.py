import pytest
from oneline import one_line
from pydantic import ValidationError

from lenszoo.simulation.paint_law import PaintLaw, check_index


@pytest.mark.parametrize(
    "fields",
    [
        {"einstein_radius_arcsec": (2.0, 1.0)},
        {"einstein_radius_arcsec": (0.0, 1.0)},
        {"source_magnitude": (25.0, 25.0)},
        {"magnification": -1.0},
        {"arc_contrast": float("nan")},
        {"source_offset": 0.0},
        {"clumps": 5},
        {"law": "uniform"},
        {"einstein_radius": (1.0, 2.0)},
    ],
)
def test_a_field_out_of_range_is_named(fields):
    (name,) = fields
    with pytest.raises(ValidationError, match=name):
        PaintLaw(**fields)


def test_a_law_survives_json():
    law = PaintLaw(law="natural", einstein_radius_arcsec=(0.5, 2.0), clumps=0)
    assert PaintLaw.model_validate_json(law.model_dump_json()) == law


def test_paintings_are_counted_from_0_and_seeds_fit_into_64_bits():
    check_index(2**63 - 1, 0, 1)
    for seed, start, n in ((-1, 0, 1), (2**63, 0, 1)):
        one_line("seed must not be", lambda s=seed, a=start, k=n: check_index(s, a, k))
    for start, n in ((-1, 1), (0, 0)):
        one_line("counted from 0", lambda a=start, k=n: check_index(1, a, k))
