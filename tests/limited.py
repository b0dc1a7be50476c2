"""Python in a process of its own with little memory, where bombs go off."""

import os
import subprocess
import sys
from pathlib import Path

import lenszoo

_START = """
import resource
resource.setrlimit(resource.RLIMIT_DATA, ({limit}, {limit}))
from lenszoo.errors import LenszooError
def attempt(name, call):
    try:
        print(name, "was read:", str(call())[:80], flush=True)
    except LenszooError as error:
        print(name, "refused:", error, flush=True)
"""


def limited(code: str, mebibytes: int) -> dict[str, str]:
    """Run Python code that may use so much memory; return its printed lines by their first word.

    In the code, ``attempt(NAME, CALL)`` prints how a call ends, if it raises no raw error.
    """
    root = str(Path(lenszoo.__file__).resolve().parents[1])
    start = _START.format(limit=mebibytes << 20)
    process = subprocess.run(
        [sys.executable, "-c", start + code],
        env=os.environ | {"PYTHONPATH": root, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert process.returncode == 0, process.stderr[-2000:]
    lines = (line.partition(" ") for line in process.stdout.splitlines())
    return {name: rest for name, _, rest in lines}
