"""Public names of a package, imported when they are first used.

``import lenszoo`` costs no backend and no NumPy, and ``lenszoo.evaluation`` no Keras, because a
package with lazy names imports nothing by itself. Its stub ``__init__.pyi`` is the one list of its
names, for type checkers and at run time: lines ``from MODULE import NAME as NAME``.
"""

import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# also where the formatter put the name into brackets on a line of its own
_LINE = re.compile(r"^from (\S+) import (?:\(\s*)?(\w+) as \2,?$", re.MULTILINE)


def lazy_names(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a package from its stub.

    Args:
        package: the package's ``__name__``; its ``__init__.pyi`` lies beside its ``__init__.py``.
    """
    module = sys.modules[package]
    stub = Path(str(module.__file__)).with_suffix(".pyi").read_text("utf-8")
    homes = {name: home for home, name in _LINE.findall(stub)}

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = homes[name]
        if home == package:  # a subpackage
            value = importlib.import_module(f"{package}.{name}")
        else:
            value = getattr(importlib.import_module(home), name)
        setattr(module, name, value)
        return value

    names = sorted(homes)
    return get, lambda: names, names
