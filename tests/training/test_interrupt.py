import signal

import pytest

from lenszoo.training.interrupt import heard


class Careless:
    """Is interrupted while it is destroyed, which Python reports and forgets."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_in_a_destructor_is_raised_at_the_next_check():
    with heard() as check:
        check()
        careless = Careless()
        del careless
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


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
