"""Errors that a user can cause, as one line."""

from collections.abc import Callable

import pytest

from lenszoo.errors import LenszooError


def one_line(message: str, call: Callable[[], object]) -> str:
    """Check that a call is refused in one line that holds ``message``; return the line."""
    with pytest.raises(LenszooError) as caught:
        call()
    text = str(caught.value)
    assert message in text
    assert "\n" not in text
    return text
