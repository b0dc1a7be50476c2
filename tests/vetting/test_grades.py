"""The store: nothing that was acknowledged is lost, whatever happens."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from oneline import one_line

from lenszoo.vetting.grades import GradeStore

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path):
    store = GradeStore(tmp_path / "grades.sqlite", "search")
    yield store
    store.close()


def standing(store, grader=None):
    return [(each.grader, each.candidate, each.grade) for each in store.grades(grader)]


def test_a_later_grade_replaces_an_earlier_one_and_graders_are_kept_apart(store):
    store.grade("r1-00000", "Ann", "a", "A", blind=True, seconds=2.5)
    store.grade("r2-00000", "Ann", "b", "X")
    store.grade("r3-00000", "Bob", "a", "C")
    store.grade("r4-00000", "Ann", "a", "B")
    assert standing(store) == [("Ann", "b", "X"), ("Bob", "a", "C"), ("Ann", "a", "B")]
    store.grade("r5-00000", "Ann", "b", None)
    assert standing(store, "Ann") == [("Ann", "a", "B")]
    assert store.grade_of("Ann", "a") == "B" and store.grade_of("Ann", "b") is None
    (row,) = store.grades("Bob")
    assert not row.blind and row.seconds is None and row.time.startswith("20")


def test_a_request_that_comes_twice_counts_once(store):
    for _ in range(2):
        store.grade("same-request", "Ann", "a", "A")
    store.grade("other-request", "Ann", "a", "B")
    store.grade("same-request", "Ann", "a", "A")  # a late repetition changes nothing
    assert standing(store) == [("Ann", "a", "B")]
    assert store.undo("undo-once", "Ann") == "a"
    assert store.undo("undo-once", "Ann") == "a"
    assert standing(store) == [("Ann", "a", "A")]


def test_undo_goes_back_step_by_step_over_a_restart(tmp_path):
    path = tmp_path / "grades.sqlite"
    store = GradeStore(path, "search")
    store.grade("r1-00000", "Ann", "a", "A")
    store.grade("r2-00000", "Ann", "a", "B")
    store.grade("r3-00000", "Bob", "a", "X")
    store.grade("r4-00000", "Ann", "b", "C")
    store.close()
    store = GradeStore(path, "search")
    steps = [(store.undo(f"u{k}-00000", "Ann"), standing(store, "Ann")) for k in range(4)]
    assert [candidate for candidate, _ in steps] == ["b", "a", "a", None]
    assert [left for _, left in steps] == [[("Ann", "a", "B")], [("Ann", "a", "A")], [], []]
    store.grade("r5-00000", "Ann", "c", "A")
    assert store.undo("u9-00000", "Ann") == "c"
    assert store.undo("ua-00000", "Ann") is None
    assert standing(store) == [("Bob", "a", "X")]
    store.close()


def test_two_graders_at_once_from_two_processes_are_both_kept(tmp_path):
    stores = [GradeStore(tmp_path / "grades.sqlite", "search") for _ in range(2)]

    def work(store, grader):
        for k in range(50):
            store.grade(f"{grader}-request-{k}", grader, f"c{k}", "ABCX"[k % 4])

    threads = [
        threading.Thread(target=work, args=pair)
        for pair in zip(stores, ("Ann", "Bob"), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores[0].grades()) == len(stores[1].grades()) == 100
    for store in stores:
        store.close()


SCRIPT = """
import sys
from pathlib import Path
from lenszoo.vetting.grades import GradeStore
store = GradeStore(Path(sys.argv[1]), "search")
for k in range(100_000):
    store.grade(f"request-{k:06d}", "Ann", f"c{k}", "A")
    print(k, flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_kill_in_the_middle_loses_nothing_that_was_acknowledged(tmp_path):
    path = tmp_path / "grades.sqlite"
    for count in (40, 1, 90):
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(path)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        acknowledged = [process.stdout.readline() for _ in range(count)]
        process.send_signal(signal.SIGKILL)
        acknowledged += process.communicate()[0].splitlines()
        store = GradeStore(path, "search")
        kept = {grade.candidate for grade in store.grades()}
        store.close()
        assert {f"c{int(line)}" for line in acknowledged} <= kept


def test_a_file_that_cannot_be_used_is_told_of_in_one_line(tmp_path, monkeypatch):
    path = tmp_path / "grades.sqlite"
    GradeStore(path, "search").close()
    one_line("holds grades of another search", lambda: GradeStore(path, "other"))
    monkeypatch.setattr("lenszoo.vetting.grades._PATIENCE", 0.05)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    store = None
    line = one_line("locked", lambda: GradeStore(path, "search").grade("r-000000", "A", "a", "A"))
    assert "another program holds it" in line
    holder.execute("ROLLBACK")
    holder.close()
    store = GradeStore(path, "search")
    store.grade("r-000000", "A", "a", "A")
    store.close()
    path.write_bytes(b"no database " * 400)
    assert ".recover" in one_line("damaged", lambda: GradeStore(path, "search"))
    (tmp_path / "file").touch()
    line = one_line(str(tmp_path), lambda: GradeStore(tmp_path / "file" / "g.sqlite", "search"))


def test_a_page_of_a_damaged_file_is_noticed(tmp_path):
    path = tmp_path / "grades.sqlite"
    store = GradeStore(path, "search")
    for k in range(400):
        store.grade(f"request-{k:05d}", "Ann", f"candidate {k}", "A")
    store.close()
    content = bytearray(path.read_bytes())
    content[8192:16384] = os.urandom(8192)
    path.write_bytes(content)
    one_line("damaged", lambda: GradeStore(path, "search"))


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "\x1b[2J", "x" * 61, None, 3])
def test_a_name_that_is_none_is_refused(store, name):
    one_line("name", lambda: store.grade("request-1", name, "a", "A"))
    assert store.grades() == []


def test_a_grade_that_is_none_is_refused(store):
    one_line("legal: A, B, C, X", lambda: store.grade("request-1", "Ann", "a", "D"))
    store.grade("request-2", "  Zoë ", "a", "A")
    assert standing(store) == [("Zoë", "a", "A")]


def test_undo_gives_back_the_grade_as_it_was_given(store):
    store.grade("r0-00000", "Ann", "a", "A", blind=True, seconds=3.0)
    before = store.grades("Ann")
    store.grade("r1-00000", "Ann", "a", "X", blind=False, seconds=1.0)
    store.undo("u0-00000", "Ann")
    (now,) = store.grades("Ann")
    assert now._replace(time="") == before[0]._replace(time="")
