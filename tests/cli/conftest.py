import os
import subprocess
import sys
from pathlib import Path

import pytest
from tinyzoo import tiny_zoo
from typer.testing import CliRunner

from lenszoo.cli import app

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def zoo():
    return tiny_zoo()


@pytest.fixture
def own_manifest(zoo, monkeypatch, tmp_path):
    """A zoo of its own, out of reach of the user's cache and settings."""
    for name in ("LENSZOO_WEIGHTS_URL", "LENSZOO_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LENSZOO_MANIFEST", str(zoo.manifest))
    monkeypatch.setenv("LENSZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))


@pytest.fixture
def lenszoo():
    """Run the command line in this process; return its result (exit_code, stdout, stderr)."""

    def run(*arguments, code=0):
        result = CliRunner().invoke(app, [str(a) for a in arguments], prog_name="lenszoo")
        assert result.exit_code == code, (result.exit_code, result.output, result.exception)
        return result

    return run


@pytest.fixture
def refused(lenszoo):
    """Run a command that must fail on bad input: exit code 2, one line; return the line."""

    def run(*arguments, code=2):
        line = lenszoo(*arguments, code=code).stderr
        assert line.startswith("lenszoo: ") and line.count("\n") == 1, line
        return line

    return run


@pytest.fixture
def fresh():
    """Run ``python -m lenszoo`` as a process of its own."""

    def run(*arguments, python=("-m", "lenszoo"), **environment):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("TF_CPP")}
        return subprocess.run(
            [sys.executable, *python, *map(str, arguments)],
            env={**kept, "PYTHONPATH": str(ROOT), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    return run
