"""Pretrained weights: what exists (``manifest``), and a name made a verified file (``store``).

Nothing here imports keras or a backend, and nothing knows a model.
"""

from lenszoo.pretrained.manifest import (
    Manifest,
    WeightsEntry,
    WeightsFile,
    get_entry,
    list_weights,
    load_manifest,
)
from lenszoo.pretrained.store import fetch_weights, local_path, verify

__all__ = [
    "Manifest",
    "WeightsEntry",
    "WeightsFile",
    "fetch_weights",
    "get_entry",
    "list_weights",
    "load_manifest",
    "local_path",
    "verify",
]


def __dir__() -> list[str]:
    """Return the public names, which Tab completes, without the modules below."""
    return __all__
