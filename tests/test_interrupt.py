import signal

import pytest

from lenszoo.interrupt import heard, pressed


@pytest.fixture(autouse=True)
def default_handler():
    """Python's own handler, whatever libraries of earlier tests in this process left."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before or signal.default_int_handler)


class Careless:
    """Is interrupted while it is destroyed, which Python reports and forgets."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)
        for _ in range(1000):  # Python looks for signals where a loop turns
            len("")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_in_a_destructor_is_raised_at_the_next_check():
    with heard() as check:
        check()
        careless = Careless()
        del careless
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_that_a_library_turns_into_its_own_error_is_remembered():
    with heard(), heard() as check:  # a training within a verb
        assert not pressed()
        with pytest.raises(ValueError):
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                raise ValueError("callback failed") from None
        assert pressed()
        with pytest.raises(KeyboardInterrupt):
            check()
    assert not pressed()


def test_a_programs_own_handler_stays():
    caught = []
    before = signal.signal(signal.SIGINT, lambda number, frame: caught.append(number))
    try:
        with heard() as check:
            signal.raise_signal(signal.SIGINT)
            check()
        assert caught == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)
