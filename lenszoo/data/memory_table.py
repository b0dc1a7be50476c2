"""Tables in memory: of pyarrow, astropy, pandas, polars, and structured arrays of NumPy.

None of these libraries is imported here: a table tells by its attributes what it is.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from lenszoo.data.astropy_table import from_astropy
from lenszoo.errors import LenszooError, counted, one_line


class _Kind(NamedTuple):
    """Tables of a library: attributes by which they are known, and how they become Arrow's."""

    attributes: tuple[str, ...]
    convert: Callable[[Any], Any]


def _from_pandas(value: Any) -> Any:
    import pyarrow as pa

    return pa.Table.from_pandas(value, preserve_index=False)


def _from_arrow(value: Any) -> Any:
    import pyarrow as pa

    return value if isinstance(value, pa.Table) else pa.table(value)


def _from_astropy(value: Any) -> Any:
    return from_astropy(value, describe(value))


def _from_structured(value: Any) -> Any:
    from astropy.table import Table

    return from_astropy(Table(value), describe(value))


_KINDS = (
    _Kind(("colnames", "itercols", "meta"), _from_astropy),
    _Kind(("iloc", "columns", "dtypes"), _from_pandas),
    _Kind(("__arrow_c_stream__", "column_names"), _from_arrow),
    _Kind(("__arrow_c_stream__", "columns"), _from_arrow),  # polars
)
_STRUCTURED = _Kind((), _from_structured)


def is_table(value: Any) -> bool:
    """Whether a value is a table in memory."""
    return _kind(value) is not None


def describe(value: Any) -> str:
    """Return how messages call a table in memory."""
    return f"the {type(value).__name__} of {counted(len(value), 'row')}"


def as_arrow(value: Any) -> Any:
    """Turn a table in memory into a ``pyarrow.Table``; the index of pandas is left out.

    Raises:
        LenszooError: no table, or a column that holds values of several kinds.
    """
    kind = _kind(value)
    if kind is None:
        raise LenszooError(f"A {type(value).__name__} is no table with named columns.")
    try:
        return kind.convert(value)
    except LenszooError:
        raise
    except Exception as error:  # each library has its own
        raise LenszooError(
            f"{describe(value)}: no table of plain columns ({one_line(error)}); give each column "
            "one type."
        ) from error


def _kind(value: Any) -> _Kind | None:
    if isinstance(value, type):
        return None
    if getattr(getattr(value, "dtype", None), "names", None):
        return _STRUCTURED
    kinds = (k for k in _KINDS if all(hasattr(value, name) for name in k.attributes))
    return next(kinds, None)
