"""Vetting of lens candidates: grades by people on a local page, their agreement, and votes."""

from lenszoo.lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__)
