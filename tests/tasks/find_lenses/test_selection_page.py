"""Page of a selection function: grids of one to four axes are drawn, empty bins listed."""

import json

import numpy as np
import pyarrow as pa
import pytest

from lenszoo.simulation import PaintLaw
from lenszoo.tasks.find_lenses.selection_axes import cells, parse_axes
from lenszoo.tasks.find_lenses.selection_page import selection_report
from lenszoo.tasks.find_lenses.selection_table import completeness_table, joint_intervals

AXES = ["einstein_radius=1,2,3,4", "source_magnitude=22,23,24", "z_source=0,1,2", "z_lens=0,1,2"]


def page(count, empty=False):
    axes, law, rng = parse_axes(AXES[:count]), PaintLaw(), np.random.default_rng(0)
    grid = cells(axes, law)
    number = rng.integers(1 if len(grid) > 1 else 0, len(grid), 400)
    lenses = pa.table(
        {
            "id": pa.array([None if empty else f"g{k % 40}" for k in range(400)], pa.string()),
            "bin": number,
            "floor": pa.array(["magnification" if empty else None] * 400, pa.string()),
            "tries": np.ones(400, int),
            "logit": rng.normal(0, 1, 400),
            "z_source": rng.uniform(0, 2, 400),
            "z_lens": rng.uniform(0, 2, 400),
        }
    )
    table = completeness_table(lenses, axes, grid, 0.5, law)
    intervals = joint_intervals(lenses, axes, grid, 0.5)
    facts = {
        "survey": {"name": "kids_ugri"}, "galaxies": 9, "per_bin": 7, "notes": [], "law": {},
        "threshold": 0.5, "threshold_rule": "logit 0.5", "weights": "w", "weights_sha256": "0",
        "seed": 0, "intervals": intervals,
    }  # fmt: skip
    return selection_report(
        table.replace_schema_metadata({b"lenszoo": json.dumps(facts)}), axes, "finder"
    )


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_grids_of_any_number_of_axes_are_drawn(count, tmp_path):
    report = page(count)
    assert report.metrics["lenses"] == 400 and 0.2 < report.metrics["completeness"] < 0.4
    assert {figure.name for figure in report.figures} == {"along", "map"}
    for figure in report.figures:
        figure.draw().canvas.draw()
    # the first bin of the Einstein radius holds no painting
    assert report.metrics["empty_bins"] >= 1
    assert any("hold no lens" in note for note in report.notes)
    assert any(table.title == "Bins without a lens" for table in report.tables)


def test_a_grid_without_a_lens_is_told():
    report = page(2, empty=True)
    assert "nothing was measured" in report.summary and not report.figures
    assert report.metrics["completeness"] is None and report.metrics["interval"] is None
    json.loads(report.to_json(), parse_constant=pytest.fail)
