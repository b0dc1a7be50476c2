"""Heartbeat: a line in the log about a long computation, at least once a minute."""

import logging
import time

log = logging.getLogger("lenszoo")

FIRST, EVERY = 10.0, 60.0
"""Seconds before the first line, and between two lines."""


class Heartbeat:
    """A function of (done, total) that logs ``simulating 1,280/20,000`` when it is time.

    Args:
        title: the work, such as "simulating".
        first, every: seconds before the first line, and between two.

    Example:
        >>> from lenszoo.heartbeat import Heartbeat
        >>> beat = Heartbeat("simulating")
        >>> beat(1, 2)
    """

    def __init__(self, title: str, first: float = FIRST, every: float = EVERY) -> None:
        self.title, self.every = title, every
        self._due = time.monotonic() + first

    def __call__(self, done: int, total: int | None) -> None:
        """Say how far the work is; the end of it needs no line."""
        now = time.monotonic()
        if now < self._due or done == total:
            return
        self._due = now + self.every
        log.info("%s %s%s", self.title, f"{done:,}", "" if total is None else f"/{total:,}")
