"""Votes of graders: a consensus for each candidate, and a catalogue that a finder learns from."""

import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from lenszoo.data.checks import apply_policy
from lenszoo.errors import LenszooError, counted
from lenszoo.files import check_output, replacing
from lenszoo.inference.tables import write_table
from lenszoo.vetting.agreement import POINTS
from lenszoo.vetting.candidates import Candidates
from lenszoo.vetting.grades import Grade
from lenszoo.vetting.images import Images

log = logging.getLogger("lenszoo")

LENS, OTHER = 1.5, 0.5
"""Mean points of a candidate above which it counts as a lens, and below which as none."""

_SAFE = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]{0,99}")


class Vote(NamedTuple):
    """Consensus on a candidate.

    Attributes:
        candidate: its id.
        points: mean points of its grades, A 3, B 2, C 1, X 0.
        graders: how many graded it.
        label: 1 for a lens, 0 for none, None where it is undecided.
    """

    candidate: str
    points: float
    graders: int
    label: int | None


class VotesWritten(NamedTuple):
    """Outcome of an export.

    Attributes:
        table: the catalogue to train on.
        lenses, others: candidates in it by label.
        undecided: candidates whose mean grade is about C, an A and an X among them.
        faults: candidates without a usable image, and why.
    """

    table: Path
    lenses: int
    others: int
    undecided: int
    faults: list[str]


def consensus(grades: Iterable[Grade]) -> list[Vote]:
    """Return the mean of the grades of each candidate, in the order of their first grades.

    Example:
        >>> grade = Grade("Ann", "a", "A", False, None, "")
        >>> consensus([grade, grade._replace(grader="Bob", grade="C")])
        [Vote(candidate='a', points=2.0, graders=2, label=1)]
    """
    points: dict[str, list[int]] = defaultdict(list)
    for grade in grades:
        points[grade.candidate].append(POINTS[grade.grade])
    votes = []
    for candidate, values in points.items():
        mean = float(np.mean(values))
        label = 1 if mean > LENS else 0 if mean < OTHER else None
        votes.append(Vote(candidate, mean, len(values), label))
    return votes


def grades_table(grades: Sequence[Grade], candidates: Candidates) -> pa.Table:
    """Return all grades, a row each, with the facts of their candidates.

    ``listed`` is false for controls, and for candidates that are in the results no more.
    """
    row_of = {name: row for row, name in enumerate(candidates.ids)}
    rows = [row_of.get(grade.candidate) for grade in grades]
    columns: dict[str, list] = {
        "id": [grade.candidate for grade in grades],
        "grader": [grade.grader for grade in grades],
        "grade": [grade.grade for grade in grades],
        "blind": [grade.blind for grade in grades],
        "seconds": [grade.seconds for grade in grades],
        "time": [grade.time for grade in grades],
        "listed": [row is not None for row in rows],
    }
    for name in ("ra", "dec", "prob", "known"):
        if name in candidates.columns:
            values = candidates.columns[name]
            columns[name] = [None if row is None else values[row] for row in rows]
    return pa.table(columns)


def write_votes(
    grades: Sequence[Grade], candidates: Candidates, images: Images, out: Path
) -> VotesWritten:
    """Write candidates with a consensus as a catalogue with cutouts, to train a lens finder on.

    ``out/votes.csv`` has the columns ``id``, ``label``, ``ra``, ``dec`` and ``object`` (the
    candidate's own id), ``out/cutouts/ID.npy`` the images, and ``out/grades.csv`` every grade. A
    candidate about grade C is undecided and left out; so are controls.

    Args:
        grades: those that stand.
        candidates: the candidates.
        images: their images.
        out: a new or empty folder.

    Raises:
        LenszooError: no lens or no other among the votes, or a folder that holds other things.
    """
    check_output(out)
    row_of = {name: row for row, name in enumerate(candidates.ids)}
    votes = [vote for vote in consensus(grades) if vote.candidate in row_of]
    if not votes:
        raise LenszooError(f"{candidates.source}: no candidate is graded yet; grade some first.")
    labelled = sorted((v for v in votes if v.label is not None), key=lambda v: row_of[v.candidate])
    for label, noun, legal in ((1, "lens", "A or B"), (0, "non-lens", "X")):
        if not any(vote.label == label for vote in labelled):
            raise LenszooError(
                f"{candidates.source}: no {noun} among {counted(len(votes), 'vote')}; a finder "
                f"learns from both: grade some {legal}."
            )
    policy = candidates.search.get("on_bad", "skip")
    (out / "cutouts").mkdir(parents=True, exist_ok=True)
    rows: dict[str, list] = {name: [] for name in ("id", "label", "ra", "dec", "object")}
    faults = []
    for vote, name in zip(labelled, _file_names(labelled), strict=True):
        row = row_of[vote.candidate]
        try:
            stack = np.array(images.seen(row)[None], np.float32)
        except LenszooError as error:
            faults.append(f"{vote.candidate}: {error}")
            continue
        keep, _ = apply_policy(stack, [vote.candidate], policy)
        if not keep[0]:
            faults.append(f"{vote.candidate}: NaN, infinite or constant pixels")
            continue
        with replacing(out / "cutouts" / f"{name}.npy", sync=False) as (_, stream):
            np.save(stream, stack[0])
        place = [candidates.columns.get(c, [None] * len(candidates))[row] for c in ("ra", "dec")]
        for column, value in zip(rows, (name, vote.label, *place, vote.candidate), strict=True):
            rows[column].append(value)
    if len(set(rows["label"])) < 2:
        first = faults[0].rstrip(".")
        raise LenszooError(f"{out}: no images of lenses and of others. The first: {first}.")
    write_table(grades_table(grades, candidates), out / "grades.csv")
    table = write_table(pa.table(rows), out / "votes.csv")
    lenses = sum(rows["label"])
    return VotesWritten(
        table, lenses, len(rows["label"]) - lenses, len(votes) - len(labelled), faults
    )


def _file_names(votes: Sequence[Vote]) -> list[str]:
    """Return the ids where all of them are fit for names of files, else numbered names."""
    names = [vote.candidate for vote in votes]
    if all(map(_SAFE.fullmatch, names)) and len({n.casefold() for n in names}) == len(names):
        return names
    return [f"candidate_{k:05d}" for k in range(1, len(names) + 1)]
