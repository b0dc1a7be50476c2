"""Masked values of NumPy's and astropy's arrays: those beneath a mask are no numbers."""

from typing import Any

import numpy as np


def unmasked(values: Any) -> Any:
    """Return masked numbers as floats with NaN where they are masked; others as given.

    Args:
        values: an array of any kind, a column of an astropy table, or a sequence of numbers.

    Example:
        >>> unmasked(np.ma.masked_values([1, -99, 3], -99)).tolist()
        [1.0, nan, 3.0]
    """
    if isinstance(values, np.ma.MaskedArray):
        plain, mask = np.ma.getdata(values), np.ma.getmaskarray(values)
    elif hasattr(values, "unmasked") and hasattr(values, "mask"):  # astropy's own kind
        plain, mask = np.asarray(values.unmasked), np.asarray(values.mask, bool)
    else:
        return values
    if plain.dtype.kind not in "fiub":
        return values
    filled = plain.astype(np.result_type(plain.dtype, np.float32))
    filled[np.broadcast_to(mask, filled.shape)] = np.nan
    return np.asarray(filled)
