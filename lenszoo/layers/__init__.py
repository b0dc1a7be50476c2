"""The custom Keras layers that model families share.

Importing this package registers every layer for saving (package ``lenszoo``), which is what lets
a ``.keras`` file load in a fresh process.
"""

from lenszoo.layers.guard import NonFiniteGuard
from lenszoo.layers.normalization import BatchNormalization
from lenszoo.layers.unfold import Fold, Unfold

__all__ = ["BatchNormalization", "Fold", "NonFiniteGuard", "Unfold"]
