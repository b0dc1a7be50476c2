"""Check that ids are unique, in bounded memory."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from lenszoo.errors import LenszooError
from lenszoo.survey.positions import Positions

_BUCKETS = 64
_FACTORS = np.random.default_rng(2026).integers(2**63, size=4096, dtype=np.uint64) * 2 + 1
_MOST = 100_000  # suspects that are looked at


class UniqueIds:
    """Hashes of ids, sorted into files by their first bits.

    Equal hashes of different ids do no harm: the catalogue is read again to compare the ids.

    Args:
        folder: holds the files until the check is done.
    """

    def __init__(self, folder: Path) -> None:
        self._paths = [folder / f"ids-{k}.bin" for k in range(_BUCKETS)]
        self._open = contextlib.ExitStack()
        self._files = [self._open.enter_context(path.open("wb")) for path in self._paths]

    def __enter__(self) -> "UniqueIds":
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()
        for path in self._paths:
            path.unlink(missing_ok=True)

    def add(self, ids: pa.Array) -> None:
        """Take the ids of a batch."""
        hashes = _hashes(ids)
        buckets = hashes >> np.uint64(58)
        order = np.argsort(buckets, kind="stable")
        bounds = np.searchsorted(buckets[order], np.arange(_BUCKETS + 1, dtype=np.uint64))
        for k, file in enumerate(self._files):
            file.write(hashes[order[bounds[k] : bounds[k + 1]]].tobytes())

    def check(self, positions: Positions) -> None:
        """Raise LenszooError when an id of the catalogue occurs twice."""
        twice = []
        for path, file in zip(self._paths, self._files, strict=True):
            file.flush()
            hashes = np.sort(np.fromfile(path, np.uint64))
            twice.append(np.unique(hashes[1:][hashes[1:] == hashes[:-1]]))
        suspects = np.concatenate(twice)[:_MOST]
        if not len(suspects):
            return
        seen: set[str] = set()
        repeated: dict[str, None] = {}
        for name in self._named(positions, suspects):
            if name in seen:
                repeated[name] = None
            seen.add(name)
        if repeated:
            more = f" (and so do {len(repeated) - 1:,} others)" if len(repeated) > 1 else ""
            raise LenszooError(
                f"{positions.path}: id {next(iter(repeated))!r} occurs more than once{more}; ids "
                "must be unique."
            )

    @staticmethod
    def _named(positions: Positions, suspects: np.ndarray) -> Iterator[str]:
        for batch in positions.batches():
            ids = batch.column("id")
            for row in np.flatnonzero(np.isin(_hashes(ids), suspects)):
                if name := ids[int(row)].as_py():
                    yield name


def _hashes(ids: pa.Array) -> np.ndarray:
    """Return (n,) hashes of 64 bits: sums of bytes times odd numbers, with the bits mixed."""
    texts = np.array(ids.cast(pa.binary()).to_pylist(), dtype="S")
    if texts.dtype.itemsize > len(_FACTORS):
        raise LenszooError(f"An id is longer than {len(_FACTORS)} bytes; shorten it.")
    if not len(texts):
        return np.empty(0, np.uint64)
    codes = texts.view(np.uint8).reshape(len(texts), -1).astype(np.uint64)
    hashes = (codes * _FACTORS[: codes.shape[1]]).sum(1, dtype=np.uint64)
    hashes ^= hashes >> np.uint64(31)
    hashes *= np.uint64(0x9E3779B97F4A7C15)
    return hashes ^ (hashes >> np.uint64(29))
