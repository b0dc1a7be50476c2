"""Keep a Ctrl-C that Python would drop."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def heard() -> Iterator[Callable[[], None]]:
    """Remember a Ctrl-C, and give a function that raises it again.

    Python drops a KeyboardInterrupt that falls into a destructor or into a callback of a library:
    a training would go on. Between epochs nothing can drop it.
    """
    pressed = False

    def remember(number: int, frame: Any) -> None:
        nonlocal pressed
        pressed = True
        signal.default_int_handler(number, frame)

    def check() -> None:
        if pressed:
            raise KeyboardInterrupt

    # another thread may set no handler, and a program's own handler is left alone
    own = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if own:
        signal.signal(signal.SIGINT, remember)
    try:
        yield check
    finally:
        if own:
            signal.signal(signal.SIGINT, signal.default_int_handler)
