"""Tables in memory that a recipe names: kept as files of the run folder, so that it can go on."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lenszoo.data.memory_table import as_arrow, is_table
from lenszoo.data.table import read_table
from lenszoo.errors import LenszooError
from lenszoo.files import has_file, write_bytes

_START, _END = "table-", ".parquet"


@dataclass(frozen=True)
class KeptTable:
    """A table of a recipe, and its file in the run folder."""

    path: Path
    content: bytes

    def write(self) -> None:
        """Write the file, unless it is there and sound."""
        if not has_file(self.path) or self.path.read_bytes() != self.content:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(self.path, self.content)


def is_kept_table(path: Path) -> bool:
    """Whether a file of a run folder is a table that was in memory."""
    return path.name.startswith(_START) and path.name.endswith(_END)


def name_tables(recipe: Any, folder: Path) -> tuple[Any, list[KeptTable]]:
    """Name tables in memory among the fields of a recipe by files of its run folder.

    Files of images, and the folder of a catalogue's images, start from the current folder.

    Args:
        recipe: fields of a recipe; anything else is returned as it is.
        folder: the run folder.

    Returns:
        The fields with paths in place of tables, and the tables to write there.

    Raises:
        LenszooError: a table without the column of paths, or of no plain columns.
    """
    if not isinstance(recipe, dict):
        return recipe, []
    tables, fields = [], dict(recipe)
    for part in ("data", "source"):
        data: Any = fields.get(part)
        for name in ("csv", "catalogue", "galaxies") if isinstance(data, dict) else ():
            if not is_table(data.get(name)):
                continue
            if name == "galaxies":
                raise LenszooError(
                    f"{part}.{name}: galaxies to paint on are read from a file; write the table."
                )
            table = _with_whole_paths(data) if name == "csv" else as_arrow(data[name])
            kept = _kept(table, folder)
            tables.append(kept)
            fields[part] = data = {**data, name: str(kept.path)}
            if name == "catalogue" and data.get("folder") is None:
                data["folder"] = str(Path.cwd())
    return fields, tables


def _with_whole_paths(data: dict[str, Any]) -> Any:
    """Return the table of images as Arrow's, with whole paths in its columns of paths."""
    import pyarrow as pa

    table, read = as_arrow(data["csv"]), read_table(data["csv"])
    names = data.get("path_column", "path")
    names = [names] if isinstance(names, str) else list(names)
    read.need(names, "Name yours with path_column.")
    for name in names:
        paths = [str(Path.cwd() / cell) for cell in read.filled(name)]
        at = table.column_names.index(name)
        table = table.set_column(at, name, pa.array(paths, pa.string()))
    return table


def _kept(table: Any, folder: Path) -> KeptTable:
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    pq.write_table(table, stream)
    digest = hashlib.sha256(stream.getvalue()).hexdigest()[:12]
    return KeptTable(folder / f"{_START}{digest}{_END}", stream.getvalue())
