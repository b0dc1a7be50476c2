"""Table of a selection function: counts, intervals and bins without a lens."""

import numpy as np
import pyarrow as pa
import pytest

from lenszoo.metrics.intervals import grouped_interval, wilson_interval
from lenszoo.simulation import PaintLaw
from lenszoo.tasks.find_lenses.selection_axes import cells, parse_axes
from lenszoo.tasks.find_lenses.selection_table import completeness_table, joint_intervals


def lenses():
    return pa.table(
        {
            "id": ["a", "b", "a", None, None, None],
            "bin": [0, 0, 0, 0, 1, 1],
            "floor": [None, None, None, "magnification", "einstein_radius", "magnification"],
            "tries": [2, 1, 1, 9, 9, 9],
            "logit": [1.0, -1.0, None, None, None, None],
            "z_source": [1.5, 2.5, 1.5, None, None, None],
        }
    )


def test_counts_of_a_painted_axis():
    axes = parse_axes(["einstein_radius=1,2,3"])
    law = PaintLaw()
    rows = completeness_table(lenses(), axes, cells(axes, law), 0.0, law).to_pylist()
    first, second = rows
    assert (first["lenses"], first["found"], first["tries"]) == (2, 1, 13)
    assert first["passed"] == pytest.approx(2 / 13) and first["completeness"] == 0.5
    assert [first["low"], first["high"]] == wilson_interval(1, 2).tolist()
    assert first["floor"] is None
    # a bin without a lens: unknown, not 0 and no division
    assert (second["lenses"], second["found"], second["tries"]) == (0, 0, 18)
    assert second["completeness"] is second["low"] is second["high"] is None
    assert second["floor"] == "no Einstein radius within this bin"


def test_bins_put_together():
    axes, law = parse_axes(["einstein_radius=1,2,3"]), PaintLaw()
    joint = joint_intervals(lenses(), axes, cells(axes, law), 0.0)
    assert joint["all"] == [wilson_interval(1, 2).tolist()]
    assert joint["einstein_radius"] == [wilson_interval(1, 2).tolist(), None]


def test_many_lenses_on_few_galaxies_tell_little_of_others():
    axes, law, count = parse_axes(["einstein_radius=1,2"]), PaintLaw(), 90
    found = np.repeat([1.0, 1.0, -1.0], 30)
    crowd = pa.table(
        {
            "id": np.repeat(["a", "b", "c"], 30).tolist(),
            "bin": [0] * count,
            "floor": pa.array([None] * count, pa.string()),
            "tries": [1] * count,
            "logit": found,
        }
    )
    (row,) = completeness_table(crowd, axes, cells(axes, law), 0.0, law).to_pylist()
    assert [row["low"], row["high"]] == grouped_interval(found > 0, crowd["id"]).tolist()
    assert row["low"] < 0.3 and row["high"] > 0.9
    alone = crowd.set_column(0, "id", pa.array([str(k) for k in range(count)]))
    (row,) = completeness_table(alone, axes, cells(axes, law), 0.0, law).to_pylist()
    assert [row["low"], row["high"]] == wilson_interval(60, 90).tolist()


def test_an_axis_that_lenses_are_sorted_along_afterwards():
    axes = parse_axes(["z_source=1,2,3,4"])
    law = PaintLaw()
    rows = completeness_table(lenses(), axes, cells(axes, law), 0.0, law).to_pylist()
    assert [row["lenses"] for row in rows] == [1, 1, 0]
    assert [row["completeness"] for row in rows] == [1.0, 0.0, None]
    assert [row["tries"] for row in rows] == [None] * 3
    assert rows[2]["floor"] == "no lens fell into this bin"
