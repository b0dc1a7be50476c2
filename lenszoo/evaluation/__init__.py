"""Exact metrics, the shortcut baseline and reports that show and save themselves.

Importing this package loads NumPy and scikit-learn, but neither keras nor a backend; matplotlib is
loaded when a figure is drawn.
"""

from lenszoo.lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__)
