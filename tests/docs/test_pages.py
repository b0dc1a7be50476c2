"""The pages of docs/: their Python runs and prints what they say, their commands exist."""

import contextlib
import doctest
import io
import re
import shlex
from pathlib import Path

import pytest
import typer

from lenszoo.cli import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += sorted((ROOT / "docs" / "guides").glob("*.md"))
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SAME = doctest.OutputChecker()
_LOOSE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(page: Path) -> list[tuple[str, str]]:
    """The fenced blocks of a page: language and content."""
    return _BLOCK.findall(page.read_text("utf-8"))


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


WITH_PYTHON = [page for page in PAGES if any(kind == "python" for kind, _ in blocks(page))]


@pytest.fixture
def real_zoo(monkeypatch, tmp_path):
    """The checkout's weights, no server, and a folder of its own to write to."""
    monkeypatch.setenv("LENSZOO_OFFLINE", "1")
    monkeypatch.setenv("LENSZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LENSZOO_WEIGHTS_URL", raising=False)
    monkeypatch.delenv("LENSZOO_MANIFEST", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name)
def test_the_python_of_a_page_runs_and_prints_what_the_page_shows(page, real_zoo):
    variables: dict[str, object] = {"__name__": "__main__"}
    printed = ""
    for kind, text in blocks(page):
        if kind == "python":
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(compile(text, name(page), "exec"), variables)
            printed = output.getvalue()
        elif kind == "text":
            assert _SAME.check_output(text, printed, _LOOSE), f"{text}--- but printed:\n{printed}"


def commands() -> list[tuple[str, str]]:
    """Every line of a page's shell blocks that calls lenszoo, beside the page."""
    lines = []
    for page in PAGES:
        text = page.read_text("utf-8")
        shell = "\n".join(text for kind, text in blocks(page) if kind == "sh")
        indented = "\n".join(re.findall(r"^    (lenszoo .*)$", text, re.MULTILINE))
        lines += [(name(page), line) for line in f"{shell}\n{indented}".split("\n")]
    return [(page, line) for page, line in lines if line.startswith("lenszoo ")]


@pytest.mark.parametrize(("page", "line"), commands(), ids=lambda text: text[:60])
def test_a_command_of_a_page_exists_with_its_options(page, line):
    command = typer.main.get_command(app)
    words = shlex.split(line, comments=True)[1:]
    while words and hasattr(command, "commands"):
        assert words[0] in command.commands, f"{page}: no such command: {line}"
        command = command.commands[words.pop(0)]
    options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    assert {word for word in words if word.startswith("--")} <= options, f"{page}: {line}"


def test_the_links_of_every_page_lead_to_a_file():
    dead = []
    for page in [*PAGES, *(ROOT / "docs").glob("*/*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                dead.append(f"{name(page)}: {target}")
    assert not dead
