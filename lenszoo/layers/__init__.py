"""The custom Keras layers that model families share.

Importing this package registers every layer for saving (package ``lenszoo``), which is what lets
a ``.keras`` file load in a fresh process.
"""

from lenszoo.layers.guard import NonFiniteGuard
from lenszoo.layers.normalization import BatchNormalization

__all__ = ["BatchNormalization", "NonFiniteGuard"]
