import os
import subprocess
import sys
from pathlib import Path

import pytest

# A process of its own for each: an interrupt that went astray would end the others' tests. Python
# looks for signals where a loop turns.
PREPARE = """
import signal
from lenszoo.interrupt import heard, pressed
signal.signal(signal.SIGINT, signal.default_int_handler)

def interrupt():
    signal.raise_signal(signal.SIGINT)
    for _ in range(1000):
        len("")
"""
DESTRUCTOR = """
class Careless:
    def __del__(self):
        interrupt()

with heard() as check:
    check()
    careless = Careless()
    del careless
    try:
        check()
    except KeyboardInterrupt:
        print("raised")
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""
TURNED_INTO_AN_ERROR = """
with heard(), heard() as check:  # a training within a verb
    assert not pressed()
    turned = False
    try:
        try:
            interrupt()
        except KeyboardInterrupt:
            raise ValueError("callback failed") from None
    except ValueError:
        turned = True
    assert turned and pressed()
    try:
        check()
    except KeyboardInterrupt:
        print("raised")
assert not pressed()
"""


HANDLER_OF_A_PROGRAM = """
caught = []

def remember(number, frame):
    caught.append(number)

signal.signal(signal.SIGINT, remember)
with heard() as check:
    interrupt()
    check()
assert caught == [signal.SIGINT] and not pressed()
assert signal.getsignal(signal.SIGINT) is remember
print("raised")
"""


@pytest.mark.parametrize(
    "code",
    [DESTRUCTOR, TURNED_INTO_AN_ERROR],
    ids=["dropped in a destructor", "turned into an error of a library"],
)
def test_a_lost_interrupt_is_raised_at_the_next_check(code):
    assert _printed(code) == "raised\n"


def test_a_programs_own_handler_stays():
    assert _printed(HANDLER_OF_A_PROGRAM) == "raised\n"


def _printed(code):
    done = subprocess.run(
        [sys.executable, "-c", PREPARE + code],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
