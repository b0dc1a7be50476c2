"""Store of grades: each is an event in a SQLite file, kept before it is acknowledged."""

import datetime
import secrets
import sqlite3
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from lenszoo.errors import LenszooError, one_line
from lenszoo.files import is_writable

GRADES = ("A", "B", "C", "X")
"""Grades of a candidate: a definite, a probable and a possible lens, and no lens."""

FILE = "grades.sqlite"
LONGEST_NAME = 60

_PATIENCE = 5.0  # s that a locked file is waited for
_VERSION = "1"
_TABLES = f"""
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  request TEXT NOT NULL UNIQUE,
  grader TEXT NOT NULL,
  candidate TEXT NOT NULL,
  grade TEXT CHECK (grade IN {GRADES}),
  undoes INTEGER REFERENCES events (number),
  blind INTEGER NOT NULL,
  seconds REAL,
  time TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS by_candidate ON events (grader, candidate, number);
"""
_NOW_VALID = """
SELECT grader, candidate, grade, blind, seconds, time, max(number) AS number FROM events
GROUP BY grader, candidate
"""


class Grade(NamedTuple):
    """The grade that a grader gives to a candidate now.

    Attributes:
        grader: name of the person.
        candidate: id of the candidate.
        grade: one of :data:`GRADES`.
        blind: whether it was given without score, rank and marks in sight.
        seconds: time for which the candidate was looked at; None where unknown.
        time: when it was given, ISO 8601 in UTC.
    """

    grader: str
    candidate: str
    grade: str
    blind: bool
    seconds: float | None
    time: str


class GradeStore:
    """Grades of several graders in one file, never overwritten: a change is a further event.

    An event is on the disk (write-ahead log, ``synchronous=FULL``) when the call that gave it
    returns. Calls may come from several threads, and several processes may use one file.

    Args:
        path: the file, made with its folder where it is missing.
        identity: hash of the candidates that it belongs to.

    Raises:
        LenszooError: the file is damaged, locked, of another search or cannot be written.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self.path = path
        if not path.exists() and (reason := is_writable(path.parent)) is not None:
            raise LenszooError(f"{path.parent}: cannot be written ({reason}).")
        self._lock = threading.Lock()
        with self._explained():
            self._file = sqlite3.connect(path, timeout=_PATIENCE, check_same_thread=False)
        try:
            with self._explained():
                self._open(identity)
        except BaseException:
            self._file.close()
            raise

    def _open(self, identity: str) -> None:
        self._file.row_factory = sqlite3.Row
        (state,) = self._file.execute("PRAGMA quick_check(1)").fetchone()
        if state != "ok":
            raise sqlite3.DatabaseError(state)
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("PRAGMA synchronous=FULL")
        self._file.executescript(_TABLES)
        fresh = {"version": _VERSION, "identity": identity, "salt": secrets.token_hex(16)}
        with self._file:
            self._file.executemany("INSERT OR IGNORE INTO facts VALUES (?, ?)", fresh.items())
        facts = dict(map(tuple, self._file.execute("SELECT name, value FROM facts")))
        if facts["version"] != _VERSION:
            raise LenszooError(
                f"{self.path}: was written by another version of lenszoo (format "
                f"{facts['version']}, not {_VERSION}); update lenszoo."
            )
        if facts["identity"] != identity:
            raise LenszooError(
                f"{self.path}: holds grades of another search; move it back to its own results, "
                "or move it away to begin anew."
            )
        self.salt = facts["salt"]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()

    def grade(
        self,
        request: str,
        grader: str,
        candidate: str,
        grade: str | None,
        *,
        blind: bool = False,
        seconds: float | None = None,
    ) -> None:
        """Keep a grade; None takes the candidate's grade away.

        Args:
            request: a name of this event that the caller chooses; an event that is there already
                is not repeated.
            grader, candidate, grade, blind, seconds: as in :class:`Grade`.

        Raises:
            LenszooError: an unknown grade, or a file that cannot be written.
        """
        if grade is not None and grade not in GRADES:
            raise LenszooError(f"{grade!r} is no grade; legal: {', '.join(GRADES)}.")
        row = (request, check_grader(grader), candidate, grade, None, int(blind), seconds, _now())
        with self._writing() as file:
            file.execute(_INSERT, row)

    def undo(self, request: str, grader: str) -> str | None:
        """Take back the last grade of a grader that still stands; undone ones are passed over.

        Returns:
            The candidate, which gets the grade that it had before; None where nothing is left.

        Raises:
            LenszooError: the file cannot be written.
        """
        grader = check_grader(grader)
        with self._writing() as file:
            done = file.execute(
                "SELECT candidate FROM events WHERE request = ?", (request,)
            ).fetchone()
            if done is not None:
                return done["candidate"]
            last = file.execute(_LAST, (grader,)).fetchone()
            if last is None:
                return None
            number, candidate = last["number"], last["candidate"]
            before = file.execute(_BEFORE, (grader, candidate, number)).fetchone()
            stands = (None, 0, None) if before is None else tuple(before)
            row = (request, grader, candidate, stands[0], number, *stands[1:], _now())
            file.execute(_INSERT, row)
            return candidate

    def grades(self, grader: str | None = None) -> list[Grade]:
        """Return the grades that stand now, of one grader or of all, in the order of time.

        Raises:
            LenszooError: the file cannot be read.
        """
        with self._lock, self._explained():
            rows = self._file.execute(_NOW_VALID).fetchall()
        rows.sort(key=lambda row: row["number"])
        standing = [row for row in rows if row["grade"] and grader in (None, row["grader"])]
        return [
            Grade(*(row[name] for name in Grade._fields))._replace(blind=bool(row["blind"]))
            for row in standing
        ]

    def grade_of(self, grader: str, candidate: str) -> str | None:
        """Return the grade that a grader gives to a candidate now.

        Raises:
            LenszooError: the file cannot be read.
        """
        with self._lock, self._explained():
            row = self._file.execute(_BEFORE, (grader, candidate, 2**62)).fetchone()
        return None if row is None else row["grade"]

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Yield the file within a transaction that is on the disk afterwards."""
        with self._lock, self._explained():
            self._file.execute("BEGIN IMMEDIATE")
            with self._file:
                yield self._file

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise LenszooError(_explain(self.path, error)) from error


_INSERT = """
INSERT OR IGNORE INTO events
  (request, grader, candidate, grade, undoes, blind, seconds, time) VALUES (?,?,?,?,?,?,?,?)
"""
_LAST = """
SELECT number, candidate FROM events AS e WHERE grader = ? AND undoes IS NULL
  AND NOT EXISTS (SELECT 1 FROM events WHERE undoes = e.number) ORDER BY number DESC LIMIT 1
"""
_BEFORE = """
SELECT grade, blind, seconds FROM events WHERE grader = ? AND candidate = ? AND number < ?
  ORDER BY number DESC LIMIT 1
"""


def check_grader(name: Any) -> str:
    """Return the name of a grader without blanks around it.

    Raises:
        LenszooError: it is empty, too long, or holds control characters.
    """
    text = unicodedata.normalize("NFC", name).strip() if isinstance(name, str) else ""
    if not text or len(text) > LONGEST_NAME or not text.isprintable():
        raise LenszooError(
            f"A grader's name has 1 to {LONGEST_NAME} characters, without control characters."
        )
    return text


_REMEDIES = {
    "locked": "another program holds it; close that and try again",
    "full": "free some space and try again",
    "readonly": "make it writable and try again",
    "unable to open": "make the file and its folder writable",
}


def _explain(path: Path, error: sqlite3.Error) -> str:
    text = one_line(error)
    for word, remedy in _REMEDIES.items():
        if word in text:
            return f"{path}: {text}; {remedy}."
    return (
        f"{path}: damaged ({text}); `sqlite3 {path.name} .recover` may save its grades, or move it "
        "away to begin anew."
    )


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
