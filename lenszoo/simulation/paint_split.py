"""Split of what lenses are painted with: neither a galaxy nor a source is on both sides."""

import hashlib
from collections.abc import Sequence

import numpy as np

from lenszoo.errors import LenszooError
from lenszoo.simulation.paint_galaxies import Galaxies
from lenszoo.simulation.paint_stamps import Stamps

Side = tuple[Galaxies, Stamps | None]


def split_sides(galaxies: Galaxies, stamps: Stamps | None, fraction: float) -> tuple[Side, Side]:
    """Split galaxies, and stamps of sources, into training and held-out ones by their names.

    The names decide, not their order: a galaxy stays on its side when others come.

    Args:
        galaxies: at least two.
        stamps: at least two, or None.
        fraction: share of the held-out ones; at least one is, and one is not.

    Raises:
        LenszooError: a single galaxy or stamp.
    """
    train, held = split_names(galaxies.ids, fraction, "galaxy")
    if stamps is None:
        return (galaxies.take(train), None), (galaxies.take(held), None)
    of_train, of_held = split_names(stamps.names, fraction, "stamp")
    return (
        (galaxies.take(train), stamps.take(of_train)),
        (galaxies.take(held), stamps.take(of_held)),
    )


def split_names(names: Sequence[str], fraction: float, noun: str) -> tuple[np.ndarray, np.ndarray]:
    """Split names by their hashes; return the rows of both sides, each in the old order.

    >>> split_names(["a", "b", "c", "d"], 0.5, "galaxy")
    (array([0, 1]), array([2, 3]))
    """
    n = len(names)
    if n < 2:
        raise LenszooError(f"One {noun} cannot be split into two sides; give more of them.")
    digests = [hashlib.sha256(name.encode()).digest() for name in names]
    order = np.array(sorted(range(n), key=digests.__getitem__))
    held = min(max(round(fraction * n), 1), n - 1)
    return np.sort(order[held:]), np.sort(order[:held])
