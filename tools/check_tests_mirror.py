"""Check that each module of lenszoo has a test file of its name: ``a/b.py``, ``tests/a/test_b.py``.

    python tools/check_tests_mirror.py

A leading underscore does not count; packages (``__init__``) are tested by their modules.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SKIPPED = ("__init__.py", "__main__.py", "_version.py")


def untested() -> list[Path]:
    """Modules without a test file of their name, below ``lenszoo``."""
    package, tests = ROOT / "lenszoo", ROOT / "tests"
    modules = [path.relative_to(package) for path in sorted(package.rglob("*.py"))]
    return [
        module
        for module in modules
        if module.name not in SKIPPED
        and not (tests / module.parent / f"test_{module.name.lstrip('_')}").is_file()
    ]


if __name__ == "__main__":
    missing = untested()
    for module in missing:
        print(f"lenszoo/{module}: no tests/{module.parent}/test_{module.name.lstrip('_')}")
    sys.exit(bool(missing))
