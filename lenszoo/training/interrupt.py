"""Ctrl-C that is not lost."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def heard() -> Iterator[Callable[[], None]]:
    """Remember a Ctrl-C, and give a function that raises it again.

    Python drops a KeyboardInterrupt that falls into a destructor or into a callback of a library:
    a training would go on as if nobody had asked. Between epochs nothing can drop it.
    """
    asked = False

    def remember(number: int, frame: Any) -> None:
        nonlocal asked
        asked = True
        signal.default_int_handler(number, frame)

    def check() -> None:
        if asked:
            raise KeyboardInterrupt

    # another thread may set no handler, and a program's own handler is left alone
    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if ours:
        signal.signal(signal.SIGINT, remember)
    try:
        yield check
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
