import csv

import numpy as np
import pytest
from oneline import one_line
from tinyvetting import EVIL, open_results

from lenszoo.data import read_catalogue
from lenszoo.vetting.grades import Grade
from lenszoo.vetting.votes import consensus, grades_table, write_votes


def vote(session, grader, letters):
    for k, letter in enumerate(letters):
        if letter != "-":
            session.grades.grade(f"{grader}-{k:06d}", grader, session.candidates.ids[k], letter)


def export(session, out):
    return write_votes(session.grades.grades(), session.candidates, session.images, out)


@pytest.mark.parametrize(
    ("letters", "label"),
    [
        ("A", 1),
        ("B", 1),
        ("C", None),
        ("X", 0),
        ("AB", 1),
        ("AX", None),
        ("AAX", 1),
        ("BC", None),
        ("CX", None),
        ("CXX", 0),
        ("BX", None),
    ],
)
def test_the_mean_of_the_grades_decides(letters, label):
    grades = [Grade(f"g{k}", "a", letter, False, None, "") for k, letter in enumerate(letters)]
    (vote,) = consensus(grades)
    assert vote.label == label and vote.graders == len(letters)


def test_votes_become_a_catalogue_that_is_read_with_its_images(session, tmp_path):
    vote(session, "Ann", "ABCXX-X")
    vote(session, "Bob", "A--AX")
    written = export(session, tmp_path / "votes")
    assert (written.lenses, written.others, written.undecided) == (2, 2, 2)
    assert not written.faults
    data = read_catalogue(written.table, label="label")
    ids = session.candidates.ids
    assert data.ids == tuple(ids[k] for k in (0, 1, 4, 6))
    assert data.known_labels().tolist() == [1, 1, 0, 0]
    np.testing.assert_array_equal(data.images[0], session.images.read(0))
    with (tmp_path / "votes" / "grades.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 9 and rows[0]["grader"] == "Ann" and rows[0]["listed"] == "true"


def test_ids_that_are_no_names_of_files_are_numbered(tmp_path):
    ids = [EVIL, "../../escape", "a/b", "A", "a", ".hidden", *map(str, range(6))]
    session = open_results(tmp_path, top=12)
    session = type(session)(
        type(session.candidates)(**{**vars(session.candidates), "ids": tuple(ids)}),
        session.images,
        session.grades,
    )
    vote(session, "Ann", "AXAXXX")
    written = export(session, tmp_path / "votes")
    assert sorted(p.name for p in (tmp_path / "votes" / "cutouts").iterdir()) == [
        f"candidate_{k:05d}.npy" for k in range(1, 7)
    ]
    assert not list(tmp_path.parent.glob("escape*"))
    data = read_catalogue(written.table, label="label")
    assert data.known_labels().tolist() == [1, 0, 1, 0, 0, 0]
    with written.table.open(newline="") as stream:
        assert [row["object"] for row in csv.DictReader(stream)][1] == "../../escape"


def test_votes_of_one_kind_or_none_are_refused(session, tmp_path):
    one_line("no candidate is graded", lambda: export(session, tmp_path / "v"))
    vote(session, "Ann", "AAC")
    one_line("no non-lens among 3 votes", lambda: export(session, tmp_path / "v"))
    vote(session, "Bob", "--XX")
    session.grades.grade("control-1", "Ann", "control/x/0", "X")
    export(session, tmp_path / "v")
    one_line("is not empty", lambda: export(session, tmp_path / "v"))


def test_candidates_without_an_image_are_left_out_and_named(session, tmp_path):
    vote(session, "Ann", "AX" * 6)
    t1 = [k for k, tile in enumerate(session.candidates.columns["tile"]) if tile == "t1"]
    (tmp_path / "tiles" / "t1" / "g.fits").write_bytes(b"")
    written = export(session, tmp_path / "votes")
    assert len(written.faults) == len(t1) and "g.fits" in written.faults[0]
    assert written.lenses + written.others == 12 - len(t1)


def test_grades_of_candidates_that_are_gone_are_kept_and_marked(session):
    vote(session, "Ann", "A")
    session.grades.grade("gone-0001", "Ann", "gone", "B")
    table = grades_table(session.grades.grades(), session.candidates).to_pylist()
    assert [row["listed"] for row in table] == [True, False]
    assert table[1]["ra"] is None and session.gone() == 1
