"""Parts: finished rows in files of their own, by which long work goes on where it stopped."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lenszoo.errors import LenszooError
from lenszoo.files import replacing
from lenszoo.inference.tables import KEY, dictionary_columns

_SHOWN = 14  # digits of a hash


def write_part(path: Path, table: pa.Table, facts: dict[str, Any]) -> None:
    """Write a table as Parquet, whole or not at all, with facts in its metadata.

    Raises:
        LenszooError: the folder cannot be written, or the disk is full.
    """
    table = table.replace_schema_metadata({KEY: json.dumps(facts, default=str)})
    with replacing(path) as (_, stream):
        pq.write_table(table, stream, use_dictionary=dictionary_columns(table.schema))


def count_rows(path: Path) -> int | None:
    """Return the rows of a part; None where it is damaged."""
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException):
        return None


def check_same(file: Path, facts: dict[str, Any], noun: str, remedy: str) -> None:
    """Check that work of the same facts began in a folder.

    Args:
        file: the JSON file that names the facts.
        facts: the facts now.
        noun: the work in the error, such as "search".
        remedy: the end of the error, without a full stop.

    Raises:
        LenszooError: the file is damaged, or names other facts; one that is missing is as one that
            is None or False.
    """
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LenszooError(f"{file}: damaged; {remedy}.") from error
    if not isinstance(before, dict):
        raise LenszooError(f"{file}: damaged; {remedy}.")
    now = json.loads(json.dumps(facts, default=str))
    for name in now | before:  # an option that is left out now is none of then
        there, here = before.get(name), now.get(name)
        unset = all(value is None or value is False for value in (there, here))
        if there != here and not unset:
            if name.endswith("sha256"):
                there, here = str(there)[:_SHOWN], str(here)[:_SHOWN]
            raise LenszooError(
                f"{file.parent}: holds another {noun} ({name}: {there} there, {here} here); "
                f"{remedy}."
            )
