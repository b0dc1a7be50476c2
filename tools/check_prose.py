"""Check the prose of package, benchmarks and examples: docstrings, comments, names of variables.

It fails on a docstring whose first line is empty or runs on into a second, on a sentence of a
docstring or comment that begins with "What", and on a variable that is named by a participle or a
pronoun instead of a noun. It prints each fault as ``file:line: fault``. Run by ``make check``.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("lenszoo", "benchmarks", "examples")
# rooms not yet held to the rules: remove a line when its room is done
ALLOWED = (
    "lenszoo/metrics/lens_baselines.py",
    "lenszoo/metrics/lens_yield.py",
    "lenszoo/metrics/shortcut.py",
    "lenszoo/reporting/",
)
NO_NOUNS = {"found", "known", "wanted", "given", "asked", "theirs", "ours"}
# at the start of a text, or after the end of a sentence
WHAT = re.compile(r"(?:\A\s*[Ww]hat|(?<=[.!?:])\s+What|\n\s*\n\s*What)\b")
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

Fault = tuple[int, str]


def faults(text: str) -> Iterator[Fault]:
    """Line and description of each fault in the source text of a module."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, DOCUMENTED):
            yield from docstring_faults(node)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield from name_faults(node.id, node.lineno)
        elif isinstance(node, ast.arg):
            yield from name_faults(node.arg, node.lineno)
    for line, comment in comments(text):
        if WHAT.search(comment):
            yield line, "a sentence of the comment begins with 'What'"


def docstring_faults(node: DOCUMENTED) -> Iterator[Fault]:
    """Faults of the docstring of a module, class or function; none where it has no docstring."""
    docstring = ast.get_docstring(node)
    if docstring is None:
        return
    line = node.body[0].lineno
    first, *rest = docstring.split("\n")
    if not first.strip() or (rest and rest[0].strip()):
        yield line, "the docstring's first sentence must stand on its first line, alone"
    if WHAT.search(docstring):
        yield line, "a sentence of the docstring begins with 'What'"


def name_faults(name: str, line: int) -> Iterator[Fault]:
    """The fault of a variable that is named by no noun."""
    if name in NO_NOUNS:
        yield line, f"the variable {name!r} is no noun: name the thing"


def comments(text: str) -> Iterator[tuple[int, str]]:
    """First line and text of each comment; the lines of one block of comments together."""
    block: list[str] = []
    start = last = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        if block and token.start[0] != last + 1:
            yield start, " ".join(block)
            block = []
        start = start if block else token.start[0]
        last = token.start[0]
        block.append(token.string.lstrip("#: "))
    if block:
        yield start, " ".join(block)


def main() -> int:
    """Print the faults of every module that is held to the rules; 1 if there are any."""
    paths = sorted(p for folder in FOLDERS for p in (ROOT / folder).rglob("*.py"))
    names = {path.relative_to(ROOT).as_posix(): path for path in paths}
    lines = [
        f"{name}:{line}: {fault}"
        for name, path in names.items()
        if not name.startswith(ALLOWED)
        for line, fault in sorted(faults(path.read_text(encoding="utf-8")))
    ]
    print("\n".join(lines) or f"check_prose: {len(names)} modules, no fault")
    return bool(lines)


if __name__ == "__main__":
    sys.exit(main())
