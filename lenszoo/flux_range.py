"""Powers of two that bring fluxes of any unit into the range of float32."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def power_of_two(peak: ArrayLike) -> NDArray[np.float64]:
    """Power of two above a positive number of float32, at most 2^127; 1 for others.

    Float32 numbers divided by it keep all their digits, and their squares and sums stay in the
    range of float32 whatever the unit of a flux is.

    >>> power_of_two([3.0, 0.25, 0.0]).tolist()
    [4.0, 0.5, 1.0]
    """
    values = np.asarray(peak, np.float64)
    sound = (values > 0) & np.isfinite(values)
    exponent = np.frexp(np.where(sound, values, 0.5))[1]
    return np.ldexp(1.0, np.minimum(exponent, np.finfo(np.float32).maxexp - 1))
