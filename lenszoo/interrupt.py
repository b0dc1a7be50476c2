"""Keep a Ctrl-C that Python or a library would drop."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

_pressed = False


@contextlib.contextmanager
def heard() -> Iterator[Callable[[], None]]:
    """Remember a Ctrl-C, and give a function that raises it again.

    Python drops a KeyboardInterrupt that falls into a destructor or into a callback of a library,
    and a library may turn it into an error of its own: work would go on, or fail with a message
    about something else. Between epochs and parts nothing can drop it. Calls may be nested.
    """
    global _pressed
    # another thread may set no handler, and a program's own handler is left alone
    own = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if own:
        _pressed = False
        signal.signal(signal.SIGINT, _remember)
    try:
        yield check
    finally:
        if own:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            _pressed = False


def pressed() -> bool:
    """Tell whether Ctrl-C was pressed since the outermost :func:`heard` began."""
    return _pressed


def check() -> None:
    """Raise KeyboardInterrupt where Ctrl-C was pressed since the outermost :func:`heard` began."""
    if _pressed:
        raise KeyboardInterrupt


def _remember(number: int, frame: Any) -> None:
    global _pressed
    _pressed = True
    signal.default_int_handler(number, frame)
