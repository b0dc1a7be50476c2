import os
import sys

import pytest
from ownprocess import printed

from lenszoo import allocator

ROUNDS, ARRAYS, SIDE = 20, 4, 10 * 2**20
# a step's worth of arrays, freed together, again and again: pages that Linux must clear a round
SCRIPT = f"""
import resource, sys
import numpy as np
from lenszoo.allocator import keep_freed_memory

def step():
    return [np.ones({SIDE}, np.uint8) for _ in range({ARRAYS})]

def steps():
    step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range({ROUNDS}):
        step()
    print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / {ROUNDS})

if "keep" in sys.argv:
    print(keep_freed_memory())
steps()
"""

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or "glibc" not in os.confstr("CS_GNU_LIBC_VERSION"),
    reason="glibc alone has these settings",
)


def test_steps_use_the_memory_of_the_step_before():
    told, kept = printed(SCRIPT, "keep")
    assert told == "True"
    (cleared,) = printed(SCRIPT)
    assert float(kept) < 0.01 * ARRAYS * SIDE / os.sysconf("SC_PAGE_SIZE") < float(cleared) / 10


@pytest.mark.parametrize("name", ["MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"])
def test_settings_of_the_user_stay(name):
    value = "131072" if name.startswith("MALLOC") else "glibc.malloc.trim_threshold=131072"
    told, faults = printed(SCRIPT, "keep", **{name: value})
    assert told == "False"
    assert float(faults) > 100


def test_another_system_has_none(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not allocator.keep_freed_memory()
