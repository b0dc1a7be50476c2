"""Engines: Keras, or a runtime that answers in its place, in float32 or bfloat16."""

from lenszoo.lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__)
