import threading

import numpy as np
from tinysky import refusal
from tinystack import write_catalogue, write_stack

from lenszoo.survey.plan import answer_files, make_plan, sweep_answers, sweep_plans
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
    for name in ("plan-0123456789ab", "plan-for-2027"):
        (out / name).mkdir()
    sweep_plans(out, out / "plan-none")
    assert [path.name for path in out.iterdir()] == ["plan-for-2027"]  # no plan of a search


def test_answers_of_former_plans_are_passed_over_and_go_when_the_new_are_complete(tmp_path):
    source = find_cutouts(write_stack(tmp_path / "s.npy", IMAGES), None, ())
    positions = open_positions(write_catalogue(tmp_path / "c.csv", 30), source, {}, ())
    out, parts = tmp_path / "out", tmp_path / "out" / "parts"
    parts.mkdir(parents=True)
    (parts / "former.parquet").touch()
    assert [file.stem for file in answer_files(out)] == ["former"]  # whose plan is gone
    make_plan(out, positions, [source], part_rows=5)
    plan = make_plan(out, positions, [source], part_rows=8)
    keys = {part.key for part in plan.parts}
    for key in keys:
        (parts / f"{key}.parquet").touch()
    assert {file.stem for file in answer_files(out)} == keys
    sweep_answers(out, plan)
    assert {file.stem for file in parts.iterdir()} == keys
