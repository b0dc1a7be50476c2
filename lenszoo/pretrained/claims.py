"""Parameters that a file's network would have, compared with those it stores, before the build."""

import threading
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import h5py
import keras

from lenszoo.errors import LenszooError
from lenszoo.models.build import REPEATS, Config

_SLACK = 2**20
"""Parameters that any network may have."""


def stored_sizes(file: h5py.File) -> list[int]:
    """Return how many numbers each tensor of a file has."""
    sizes: list[int] = []

    def add(name: str, node: h5py.HLObject) -> None:
        if isinstance(node, h5py.Dataset):
            sizes.append(prod(node.shape))

    file.visititems(add)
    return sizes


def check_claims(
    path: Path, sizes: list[int], make: Callable[[], keras.Model], config: Config | None = None
) -> None:
    """Raise LenszooError when a network needs more parameters than its file stores.

    The network is made once with variables that have shapes alone, which takes no memory.

    Args:
        path: the file, for the error.
        sizes: how many numbers each of its tensors has.
        make: makes the network.
        config: its configuration, where it is one of the zoo: blocks are counted before it is made.
    """
    blocks = sum(_blocks(config.options.get(option)) for option in REPEATS) if config else 0
    if blocks > len(sizes):
        raise LenszooError(
            f"{path} asks for a network of {blocks:,} blocks and stores {len(sizes):,} tensors: "
            "refused; it is damaged or made to do harm."
        )
    needed = _parameters(make)
    if needed > sum(sizes) + _SLACK:
        raise LenszooError(
            f"{path} asks for a network of {needed:,} parameters and stores {sum(sizes):,}: "
            "refused; it is damaged or made to do harm."
        )


def _blocks(option: Any) -> int:
    numbers = option if isinstance(option, list) else [option]
    return sum(number for number in numbers if isinstance(number, int))


def _parameters(make: Callable[[], keras.Model]) -> int:
    """Count a network's parameters; in a thread, whose state of Keras ends with it."""
    results: list[int] = []
    errors: list[BaseException] = []

    def count() -> None:
        try:
            with keras.StatelessScope(initialize_variables=False):
                results.append(sum(prod(variable.shape) for variable in make().variables))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=count)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
