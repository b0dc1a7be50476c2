"""lenszoo: the Keras 3 model zoo for strong gravitational lensing."""

import importlib
from typing import Any

from lenszoo._version import __version__

# Public name -> the module that holds it. Nothing is imported before it is asked for, so that
# `import lenszoo` costs no backend and no numpy.
_NAMES = {
    "build_model": "lenszoo.build",
    "load_model": "lenszoo.build",
    "list_models": "lenszoo.catalog",
    "model_info": "lenszoo.catalog",
    "list_weights": "lenszoo.pretrained.manifest",
    "fetch_weights": "lenszoo.pretrained.store",
    "from_vit_keras": "lenszoo.vit_keras",
    # Not `lenszoo.predict`: importing a submodule of that name would put the module in the place
    # of the function.
    "predict": "lenszoo.prediction",
    "embed": "lenszoo.prediction",
    "upscale": "lenszoo.upscaling",
}
_PACKAGES = ("data", "evaluation", "simulation", "training")

__all__ = ["__version__", *sorted(_NAMES), *_PACKAGES]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(importlib.import_module(_NAMES[name]), name)
    elif name in _PACKAGES:
        value = importlib.import_module(f"lenszoo.{name}")
    else:
        raise AttributeError(f"module 'lenszoo' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
