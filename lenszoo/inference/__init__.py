"""Images or candidates in, a table out: predict and embed, on any backend."""

from lenszoo.lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__)
