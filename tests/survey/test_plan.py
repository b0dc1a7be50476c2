import threading

import numpy as np
from tinysky import refusal
from tinystack import write_catalogue, write_stack

from lenszoo.survey.footprints import Tile
from lenszoo.survey.plan import Plan, make_plan, sweep_plans
from lenszoo.survey.ready_cutouts import find_cutouts, open_positions

IMAGES = np.zeros((30, 4, 4, 1), np.float32)


def test_a_plan_is_made_once_also_by_two_at_the_same_time(tmp_path):
    source = find_cutouts(write_stack(tmp_path / "s.npy", IMAGES), None, ())
    positions = open_positions(write_catalogue(tmp_path / "c.csv", 30), source, {}, ())
    (tmp_path / "out").mkdir()
    plans = []

    def run():
        plans.append(make_plan(tmp_path / "out", positions, [source], part_rows=8))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(plans) == 4 and len(set(map(str, plans))) == 1
    (folder,) = (tmp_path / "out").iterdir()
    assert folder == plans[0].folder and [part.rows for part in plans[0].parts] == [8, 8, 8, 6]
    assert plans[0].read(plans[0].parts[3])["path"].to_pylist()[-1] == "s.npy[29]"
    made = (folder / "plan.json").stat().st_mtime_ns
    run()
    assert (folder / "plan.json").stat().st_mtime_ns == made


def test_plans_that_were_cut_off_or_refused_leave_nothing(tmp_path):
    source = find_cutouts(write_stack(tmp_path / "s.npy", IMAGES), None, ())
    positions = open_positions(write_catalogue(tmp_path / "c.csv", 29), source, {}, ())
    out = tmp_path / "out"
    (out / ".plan-0123-abc").mkdir(parents=True)
    refusal(lambda: make_plan(out, positions, [source]), "29 rows")
    plan = Plan(out / "plan-none", (), 0, {})
    sweep_plans(out, plan, [source])
    assert not list(out.iterdir())


def test_answers_of_a_former_plan_go_unless_a_tile_cannot_be_read(tmp_path):
    source = find_cutouts(write_stack(tmp_path / "s.npy", IMAGES), None, ())
    positions = open_positions(write_catalogue(tmp_path / "c.csv", 30), source, {}, ())
    parts = tmp_path / "out" / "parts"
    parts.mkdir(parents=True)
    plan = make_plan(tmp_path / "out", positions, [source], part_rows=8)
    keys = {part.key for part in plan.parts}
    for key in (*keys, "former"):
        (parts / f"{key}.parquet").touch()
    sweep_plans(tmp_path / "out", plan, [Tile("t", (), (), "t.fits: damaged")])
    assert {file.stem for file in parts.iterdir()} == {*keys, "former"}
    sweep_plans(tmp_path / "out", plan, [source])
    assert {file.stem for file in parts.iterdir()} == keys
