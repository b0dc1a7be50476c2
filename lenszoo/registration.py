"""Registration of the zoo's layers with Keras, as soon as Keras is there.

``keras.saving.load_model("m.keras")`` finds a class by its registered name, in a table that Keras
keeps. After ``import lenszoo`` the table has the zoo's classes, whichever of the two packages is
imported first, and ``import lenszoo`` alone loads neither Keras nor a backend: a finder on
``sys.meta_path`` waits for the import of Keras and then imports ``lenszoo.layers``. It also keeps
the start-up notes of TensorFlow out of that import, see :mod:`lenszoo.chatter`.
"""

import importlib
import sys
from typing import Any

LAYERS = "lenszoo.layers"


def register() -> None:
    """Import the layers, which registers them, now where Keras is there, else after Keras."""
    if sys.modules.get("keras") is not None:
        _import_layers()
    else:
        sys.meta_path.insert(0, _Finder())


def _import_layers() -> None:
    if LAYERS not in sys.modules:  # else they are being imported, and are who imports Keras
        importlib.import_module(LAYERS)


class _Finder:
    """Finds Keras as the other finders do, and lets its loader import the layers at the end."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return the specification of Keras; None for every other module."""
        if name != "keras":
            return None
        from importlib.util import find_spec

        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: Any) -> None:
                from lenszoo.chatter import without_chatter

                with without_chatter():
                    execute(module)
                    _import_layers()

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
