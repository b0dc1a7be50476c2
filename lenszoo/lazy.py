"""Public names of a package, imported when they are first used.

``import lenszoo`` costs no backend and no NumPy, and ``lenszoo.evaluation`` no Keras, because a
package with lazy names imports nothing by itself. Its stub ``__init__.pyi`` is the one list of its
names, for type checkers and at run time: lines ``from MODULE import NAME as NAME``.
"""

import contextlib
import importlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_ALONG = ("matplotlib", "sklearn", "jax")

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


@contextlib.contextmanager
def without_companions() -> Iterator[None]:
    """Import Keras on TensorFlow without packages that the two load along where they are there.

    Keras would load matplotlib and scikit-learn, and TensorFlow JAX, each for a part that lenszoo
    does not use: 200 MiB and half of the time of the start. Afterwards they can be imported.
    """
    absent = [] if {"keras", "tensorflow"} & set(sys.modules) or not _on_tensorflow() else _ALONG
    absent = [name for name in absent if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in absent:
            sys.modules.pop(name, None)


def _on_tensorflow() -> bool:
    """Whether Keras will start TensorFlow, as its environment or its file says."""
    backend = os.environ.get("KERAS_BACKEND")
    home = Path(os.environ.get("KERAS_HOME") or Path("~/.keras").expanduser())
    try:
        stored = (home / "keras.json").read_text("utf-8", "replace")
    except (OSError, RuntimeError):
        stored = ""
    return backend == "tensorflow" or (not backend and not re.search('"(?:jax|torch)"', stored))
