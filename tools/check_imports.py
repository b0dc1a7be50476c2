"""Check that the package's imports run downward, from the command line to the errors.

Every module belongs to a floor; it may import modules of its own floor and of those below. A circle
of modules that import each other at the top of their files is an error too. Run by ``make check``.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "lenszoo"

# The floors from the top down, by the name of the module or the subpackage.
FLOORS = (
    ("__main__",),
    ("cli",),
    ("quickstart", "evaluation"),  # evaluation: the public names of metrics and reports
    ("vetting",),
    ("survey",),
    ("training",),
    ("tasks",),
    ("inference",),
    ("reporting",),
    ("pretrained",),
    ("models",),
    ("layers",),
    ("simulation",),
    ("data",),
    ("metrics",),
    ("provenance", "recipes"),
    ("registration",),  # names the layers, and imports them once Keras is there
    ("files", "trained_observation", "trained_scale"),
    (
        "errors",
        "_version",
        "lazy",
        "chatter",
        "heartbeat",
        "interrupt",
        "allocator",
        "masked",
        "flux_range",
    ),
)
HEIGHT = {name: len(FLOORS) - i for i, names in enumerate(FLOORS) for name in names}
# Subpackages that stand on each other's level and must not know each other.
APART = {("models", "data"), ("models", "simulation"), ("layers", "simulation"), ("layers", "data")}
# Packages that a subpackage must never load, however late.
FORBIDDEN = {"metrics": {"keras", "matplotlib", "tensorflow", "jax"}}


def modules() -> dict[str, Path]:
    """Name of each module of the package, and its file."""
    found = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(tree: ast.AST, names: dict[str, Path]) -> Iterator[tuple[str, int]]:
    """Yield the modules that a syntax tree imports, with the line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                member = f"{node.module}.{alias.name}"
                yield (member if member in names else node.module), node.lineno


def top_level(tree: ast.Module) -> ast.Module:
    """Return the statements that run when a module is imported."""
    kept = [n for n in tree.body if not isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return ast.Module(body=kept, type_ignores=[])


def floor(module: str) -> str:
    """Name the floor on which a module stands."""
    return module.split(".")[1] if "." in module else ""


def faults() -> list[str]:
    """Describe every import that runs upward, stands apart or closes a circle."""
    names = modules()
    trees = {name: ast.parse(path.read_text("utf-8")) for name, path in names.items()}
    lines = []
    for name, tree in trees.items():
        here = floor(name)
        if not here:
            continue
        if here not in HEIGHT:
            lines.append(f"{names[name].relative_to(ROOT)}: {here} has no floor in {__file__}")
            continue
        for other, line in imports(tree, names):
            where = f"{names[name].relative_to(ROOT)}:{line}"
            if other.split(".")[0] in FORBIDDEN.get(here, ()):
                lines.append(f"{where}: {here} must not import {other}")
            there = floor(other) if other.split(".")[0] == PACKAGE else ""
            if not there or there not in HEIGHT:
                continue
            if HEIGHT[there] > HEIGHT[here] or (here, there) in APART:
                lines.append(f"{where}: {here} must not import {other}")
    graph = {
        name: {other for other, _ in imports(top_level(tree), names) if other in names}
        for name, tree in trees.items()
    }
    lines += [f"circle of imports: {' -> '.join(circle)}" for circle in circles(graph)]
    return lines


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the circles in a graph of imports, each once."""
    state: dict[str, int] = {}
    path: list[str] = []
    result: list[list[str]] = []

    def visit(name: str) -> None:
        state[name] = 1
        path.append(name)
        for other in sorted(graph[name]):
            if other == name:
                continue
            if state.get(other) == 1:
                result.append([*path[path.index(other) :], other])
            elif other not in state:
                visit(other)
        path.pop()
        state[name] = 2

    for name in sorted(graph):
        if name not in state:
            visit(name)
    return result


def main() -> int:
    """Print the faults; return the exit status."""
    lines = faults()
    print("\n".join(lines) or f"imports run downward in {len(modules())} modules")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
