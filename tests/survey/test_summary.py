import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tinystack import write_catalogue, write_stack

from lenszoo.inference.parts import write_part
from lenszoo.survey.plan import make_plan
from lenszoo.survey.ready_cutouts import find_cutouts, open_positions
from lenszoo.survey.settings import FAILED
from lenszoo.survey.summary import Done, finish

IMAGES = np.zeros((5, 4, 4, 1), np.float32)


def test_candidates_come_with_the_last_part_and_failures_are_counted(tmp_path):
    source = find_cutouts(write_stack(tmp_path / "s.npy", IMAGES), None, ())
    positions = open_positions(write_catalogue(tmp_path / "c.csv", 5), source, {}, ())
    (tmp_path / "parts").mkdir()
    plan = make_plan(tmp_path, positions, [source], part_rows=3)

    def answer(part, facts):
        rows = plan.read(part).append_column("logit", pa.array([0.5] * part.rows))
        write_part(tmp_path / "parts" / f"{part.key}.parquet", rows, facts)

    def result(**work):
        done = Done(**({"seconds": 1.0, "rate": 2.0, "failures": []} | work))
        return finish(tmp_path, plan, [source], {"lenszoo": "x"}, done, {"top": 4})

    answer(plan.parts[0], {})
    first = result()
    assert (first.candidates, first.complete, first.parts_done) == (None, False, 1)
    answer(plan.parts[1], {FAILED: "s.npy: gone"})
    second = result()
    assert (second.candidates, second.complete, second.failures) == (4, False, ["s.npy: gone"])
    answer(plan.parts[1], {})
    last = result()
    assert last.complete and last.tiles == 0 and last.scored == 5
    assert json.loads((tmp_path / "summary.json").read_text())["scored"] == 5
    assert pq.read_table(tmp_path / "candidates.parquet")["rank"].to_pylist() == [1, 2, 3, 4]
