"""Python with little memory, where bombs go off, and with small files, as on a full disk."""

import contextlib
import os
import resource
import subprocess
import sys
from pathlib import Path

import lenszoo

# Python 3.11 and 3.12 keep a module's compiled file even where only a part of it could be written,
# and every later process fails on it: under such a limit nothing compiled may be kept.
_SMALL_FILES = """
import os, resource, sys
sys.dont_write_bytecode = True
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # for the processes that this one starts
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
"""

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


def small_files(limit: int) -> str:
    """Give the lines of Python after which no file of the process grows beyond so many bytes."""
    return _SMALL_FILES.format(limit=limit)


@contextlib.contextmanager
def full_disk(limit: int):
    """Keep every file that this process writes from growing beyond so many bytes for a while."""
    compiled, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        sys.dont_write_bytecode = compiled
