"""Progress of a search: objects a second and the time left, in plain lines."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger("lenszoo")

SECONDS = 30.0
"""Seconds between two lines."""


def duration(seconds: float) -> str:
    """Return a duration in words.

    >>> duration(3.2), duration(200), duration(7300), duration(200_000)
    ('3 s', '3 min 20 s', '2 h 1 min', '2 d 7 h')
    """
    whole = max(0, round(seconds))
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    parts: list[str] = []
    for name, size in units:
        if whole >= size or (name == "s" and not parts):
            parts.append(f"{whole // size} {name}")
        elif parts:
            break
        whole %= size
    return " ".join(parts[:2])


class Meter:
    """Counts objects as they are done, and says how fast and how long.

    Args:
        total: objects to do.
        progress: is told (objects done, objects in all); without it the lines are logged.
    """

    def __init__(self, total: int, progress: Callable[[int, int], None] | None = None) -> None:
        self.total, self.done = total, 0
        self._progress = progress
        self._start = self._last = time.monotonic()

    def begin(self) -> None:
        """Start the clock anew: what came before was preparation."""
        self._start = self._last = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    @property
    def rate(self) -> float:
        """Objects a second."""
        return self.done / max(self.seconds, 1e-9)

    def add(self, objects: int) -> None:
        """Count objects that are done."""
        self.done += objects
        if self._progress is not None:
            self._progress(self.done, self.total)
        if time.monotonic() - self._last >= SECONDS:
            self._last = time.monotonic()
            log.log(logging.INFO if self._progress is None else logging.DEBUG, "%s", self)

    def __str__(self) -> str:
        left = (self.total - self.done) / max(self.rate, 1e-9)
        return f"{self.done:,} of {self.total:,} objects, {self.rate:,.0f}/s, {duration(left)} left"


def log_to(path: Path) -> logging.Handler:
    """Write the log of lenszoo to a file as well, one plain line each with the time."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    handler.setLevel(logging.DEBUG)
    return handler
