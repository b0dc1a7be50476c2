"""lenszoo: the Keras 3 model zoo for strong gravitational lensing."""

import importlib
from typing import Any

from lenszoo._version import __version__

# Public name -> the module that holds it. Nothing is imported before it is asked for, so that
# `import lenszoo` costs no backend and no numpy.
_NAMES = {
    "build_model": "lenszoo.pretrained.loading",
    "load_model": "lenszoo.pretrained.loading",
    "list_models": "lenszoo.models.registry",
    "model_info": "lenszoo.models.registry",
    "list_weights": "lenszoo.pretrained.manifest",
    "fetch_weights": "lenszoo.pretrained.store",
    "from_vit_keras": "lenszoo.pretrained.imported.vit_keras",
    # Not `lenszoo.predict`: importing a submodule of that name would put the module in the place
    # of the function.
    "predict": "lenszoo.inference",
    "embed": "lenszoo.inference",
    "upscale": "lenszoo.inference.upscaling",
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
