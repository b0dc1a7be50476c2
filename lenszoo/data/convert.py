"""Convert DeepLenseSim's files to plain DeepLense ``.npy``: never by running what a pickle says.

DeepLenseSim saves an axion (vortex) image as ``numpy.save(f, [image, mass])``, an object array and
therefore a pickle. It is read through :mod:`lenszoo.data.pickled`, which runs nothing.
"""

import contextlib
import csv
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lenszoo.data.npy import image_layout
from lenszoo.data.pickled import unpickle_arrays
from lenszoo.data.regular import open_regular
from lenszoo.errors import LenszooError, one_line, unreadable
from lenszoo.files import disk_error, expanded, has_file, has_folder, is_written, replacing

TABLE = "masses.csv"
_COLUMNS = ("id", "path", "axion_mass")
_SUFFIXES = (".npy", ".pkl", ".pickle")


@dataclass(frozen=True)
class Conversion:
    """Result of :func:`convert`.

    Attributes:
        written: the image files made.
        skipped: image files that were there already and were left alone.
        table: the CSV of ids, paths and axion masses (eV).

    Example:
        >>> import numpy as np
        >>> from lenszoo.data import convert
        >>> np.save("old.npy", np.random.default_rng(0).random((8, 8)))
        >>> conversion = convert("old.npy", "plain")
        >>> len(conversion.written), len(conversion.skipped)
        (1, 0)
    """

    written: tuple[Path, ...]
    skipped: tuple[Path, ...]
    table: Path


def convert(
    path: str | os.PathLike[str], out: str | os.PathLike[str], *, overwrite: bool = False
) -> Conversion:
    """Convert one file, or every file under a folder, to (1, H, W) float64 ``.npy``.

    Pixel values are kept as they are. Reads pickled ``[image, mass]`` pairs, pickled images, and
    plain ``.npy`` images. Sub-folders are kept, so a folder of class folders becomes a dataset;
    ``out/masses.csv`` lists every image with its mass, which is empty where there is none.

    Files are written whole or not at all. Images that exist are left alone, so an interrupted
    conversion goes on where it stopped.

    Args:
        path: a file, or a folder whose ``.npy`` and ``.pkl`` files are converted.
        out: the folder to write to; it may not be the folder that is read.
        overwrite: write images anew that exist.

    Raises:
        LenszooError: nothing to convert, a pickle that wants anything but NumPy arrays (refused
            before it runs), a file that holds no image, or a folder that cannot be written.

    Example:
        >>> import numpy as np
        >>> from lenszoo.data import convert
        >>> np.save("old.npy", np.random.default_rng(0).random((8, 8)))
        >>> conversion = convert("old.npy", "new")
        >>> np.load(conversion.written[0]).shape
        (1, 8, 8)
    """
    source, target = expanded(path), expanded(out)
    root = source if has_folder(source) else source.parent
    if target.resolve() == root.resolve():
        raise LenszooError(f"{target}: is the folder that is read; write to another one.")
    files = _sources(source, target)
    table = target / TABLE
    rows = _read_rows(table)
    written, skipped = [], []
    try:
        for file in files:
            relative = file.relative_to(root).with_suffix(".npy").as_posix()
            goal = target / relative
            exists = is_written(goal) and not overwrite
            if exists and relative in rows:
                skipped.append(goal)
                continue
            image, mass = read_pair(file)
            if exists:  # written before an interruption: only its row is missing
                skipped.append(goal)
            else:
                _write(goal, _npy_bytes(image))
                written.append(goal)
            rows[relative] = "" if mass is None else repr(mass)
    finally:
        if written or skipped:  # also after a bad file: what is done is not lost
            _write(table, _csv_bytes(rows))
    return Conversion(tuple(written), tuple(skipped), table)


def read_pair(path: str | os.PathLike[str]) -> tuple[np.ndarray, float | None]:
    """Read an image and, if it has one, its axion mass (eV) from a pickled or plain file.

    Returns:
        the image, float64 (1, H, W), or (C, H, W) with C bands; the mass or None.

    Raises:
        LenszooError: the file wants anything but NumPy arrays, or holds no such pair.
    """
    name = os.fspath(path)
    try:
        with open_regular(name) as stream:
            raw = stream.readall()
    except OSError as error:
        raise unreadable(name, error) from error
    content = unpickle_arrays(raw, name) if raw[:1] == b"\x80" else _load_npy(raw, name)
    image, mass = content, None
    if isinstance(content, list) and len(content) == 2:
        image, mass = content[0], _mass(content[1], name)
    if not isinstance(image, np.ndarray) or image.dtype.kind not in "fiub":
        raise LenszooError(f"{name}: expected an image or a pair [image, mass], found neither.")
    try:
        shape, axes = image_layout(image.shape)
    except ValueError as error:
        raise LenszooError(f"{name}: {error}.") from error
    bands_last = image.reshape(shape).transpose(axes)
    return np.ascontiguousarray(bands_last.transpose(2, 0, 1), np.float64), mass


def _load_npy(raw: bytes, name: str) -> Any:
    """Load an ``.npy`` file; an object array's pickle goes through :mod:`.pickled`."""
    stream = io.BytesIO(raw)
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read = np.lib.format.read_array_header_2_0
        _, _, dtype = read(stream)
        if dtype.hasobject:
            return unpickle_arrays(raw[stream.tell() :], name)
        stream.seek(0)
        return np.load(stream, allow_pickle=False)
    except LenszooError:
        raise
    except Exception as error:
        raise LenszooError(
            f"{name}: neither a pickle nor an .npy file, or a damaged one ({one_line(error)})."
        ) from error


def _mass(value: Any, name: str) -> float:
    if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind in "fiu":
        return float(value.reshape(())[()])
    if isinstance(value, int | float | np.floating | np.integer):
        with contextlib.suppress(OverflowError):
            return float(value)
    raise LenszooError(f"{name}: the mass beside the image is no number.")


def _sources(source: Path, target: Path) -> list[Path]:
    if has_file(source):
        return [source]
    if not has_folder(source):
        raise LenszooError(f"{source}: no such file or folder.")
    paths = (f for f in source.rglob("*") if f.suffix.lower() in _SUFFIXES and f.is_file())
    goal = target.resolve()
    files = sorted(f for f in paths if not f.parent.resolve().is_relative_to(goal))
    if not files:
        raise LenszooError(f"{source}: no {', '.join(_SUFFIXES)} files to convert in this folder.")
    goals: dict[Path, Path] = {}
    for file in files:
        twin = goals.setdefault(file.with_suffix(".npy"), file)
        if twin != file:
            raise LenszooError(f"{file}: would be written over {twin.name}; rename one of them.")
    return files


def _read_rows(table: Path) -> dict[str, str]:
    if not table.exists():
        return {}
    try:
        with table.open(newline="", encoding="utf-8") as stream:
            return {row["id"]: row["axion_mass"] or "" for row in csv.DictReader(stream)}
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise LenszooError(
            f"{table}: not a table that this made ({one_line(error)}); move it away."
        ) from error


def _csv_bytes(rows: dict[str, str]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows((name, name, rows[name]) for name in sorted(rows))
    return text.getvalue().encode()


def _npy_bytes(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, image, allow_pickle=False)
    return stream.getvalue()


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, into a folder made where it is missing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(path, error) from error
    with replacing(path, sync=False) as (_, stream):
        stream.write(content)
