"""The pages of docs/: their Python runs and prints what they say, their commands exist."""

import contextlib
import doctest
import importlib
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
WIDTH = 88  # characters of a block of code in a window of 1280 pixels
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


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_commands_of_a_page_are_seen_without_scrolling(page):
    shell = "".join(text for kind, text in blocks(page) if kind == "sh")
    assert not [line for line in shell.split("\n") if len(line) > WIDTH]


def commands() -> list[tuple[str, str]]:
    """Every line of a page's shell blocks that calls lenszoo, beside the page."""
    lines = []
    for page in PAGES:
        text = page.read_text("utf-8")
        shell = "\n".join(text for kind, text in blocks(page) if kind == "sh")
        indented = "\n".join(re.findall(r"^    (lenszoo .*)$", text, re.MULTILINE))
        whole = re.sub(r" \\\n +", " ", f"{shell}\n{indented}")  # lines that were broken
        lines += [(name(page), line) for line in whole.split("\n")]
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


def test_lines_break_in_names_and_not_in_figures(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    from line_breaks import breakable, is_figure

    link = '<a class="current reference internal" href="a_b.c.html">a_b.c</a>'
    assert breakable(link) == link.replace(">a_b.c", ">a_<wbr>b.<wbr>c")
    assert is_figure("0.9801 (0.9771 to 0.9826)") and is_figure("PSNR 40.28 (40.25 to 40.31) dB")
    assert not is_figure("0.5: it did not learn")


def test_the_table_of_commands_has_every_command_and_calls_that_exist():
    page = (ROOT / "docs" / "command_line.md").read_text("utf-8")
    rows = [row.split("|")[1:3] for row in page.split("\n") if row.startswith("| `")]
    listed = [verb for cell, _ in rows for verb in re.findall(r"`(\w+)`", cell)]
    verbs = typer.main.get_command(app).commands
    assert sorted(listed) == sorted(verb for verb, each in verbs.items() if not each.hidden)
    for module, call in re.findall(r"`(lenszoo[\w.]*)\.(\w+)`", page):
        assert call in importlib.import_module(module).__all__, f"{module}.{call}"


def described() -> set[tuple[str, str]]:
    """Modules and names that the pages of the API show."""
    pages = "\n".join(p.read_text("utf-8") for p in sorted((ROOT / "docs" / "api").glob("*.rst")))
    shown = re.findall(r"^\.\. api:: (\S+)((?: +\w+)*)$", pages.replace("\n  ", " "), re.MULTILINE)
    return {
        (module, each)
        for module, names in shown
        for each in names.split() or importlib.import_module(module).__all__
    }


def test_all_that_the_guides_import_is_described():
    python = "\n".join(text for page in PAGES for kind, text in blocks(page) if kind == "python")
    imported = {
        (module, each.partition(" as ")[0].strip())
        for module, names in re.findall(
            r"^from (lenszoo[\w.]*) import \(?([^()\n]+|[^()]+(?=\)))", python, re.MULTILINE
        )
        for each in names.split(",")
        if each.strip()
    }
    assert imported <= described()
