"""Match the files of a folder, listed once, to objects by name or by a pattern."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lenszoo.data.formats import is_image_file, split_hdu, without_suffix
from lenszoo.data.names import natural_key
from lenszoo.data.walk import walk_files
from lenszoo.errors import LenszooError

ObjectFiles = tuple[str | None, ...]
"""The files of one object, band by band; None where there is none."""


@dataclass(frozen=True)
class Matched:
    """The files found for the objects of a table.

    Attributes:
        files: for each object its files, one for each band, or one that holds all bands.
        strangers: ids of files that belong to no object, in natural order.
    """

    files: tuple[ObjectFiles, ...]
    strangers: tuple[str, ...]


def match_by_pattern(
    folder: Path, ids: Sequence[str], pattern: str, bands: Sequence[str]
) -> Matched:
    """Find files by a pattern such as ``"{band}/image_{band}-{id}.fits"``.

    ``*`` stands for any part of a name and ``**/`` for any folders, also none. A FITS file's HDU
    may be named by the band: ``"{id}.fits[{band}]"``.

    Args:
        folder: where the pattern starts.
        ids: the objects.
        pattern: with ``{id}``; and with ``{band}``, if each band is a file or an HDU of its own.
        bands: the names to put for ``{band}``, in order.

    Raises:
        LenszooError: no such folder, a pattern without ``{id}`` or with another placeholder,
            ``{band}`` without names of bands, or two files for one band of an object.
    """
    file_pattern, hdu = split_hdu(pattern)
    _check_pattern(pattern, bands, folder, file_pattern)
    by_file = "{band}" in file_pattern
    # Only table ids with a slash ask for more than one part of a path.
    matcher = _regex(file_pattern, bands, deep=any("/" in name for name in ids))
    depth = None if "**" in pattern or any("/" in name for name in ids) else pattern.count("/")
    files_of: dict[tuple[str, str], str] = {}
    for relative in walk_files(folder, depth):
        match = matcher.fullmatch(relative)
        if match is None:
            continue
        key = (match["id"], match["band"] if by_file else "")
        if key in files_of:
            raise LenszooError(
                f"{folder}: {files_of[key]} and {relative} both hold id {key[0]!r}"
                f"{f' in band {key[1]}' if by_file else ''}; write a narrower pattern."
            )
        files_of[key] = relative
    of_band = bands if "{band}" in pattern else ("",)

    def file_of(name: str, band: str) -> str | None:
        relative = files_of.get((name, band if by_file else ""))
        if relative is None:
            return None
        part = "" if hdu is None else f"[{str(hdu).replace('{band}', band)}]"
        return f"{folder / relative}{part}"

    files = tuple(tuple(file_of(name, band) for band in of_band) for name in ids)
    return Matched(files, _strangers((name for name, _ in files_of), ids))


def match_by_name(folder: Path, ids: Sequence[str]) -> Matched:
    """Find files that are called like the objects, in a folder and all folders below it.

    An id may be a path relative to the folder, or the name of a file, each with or without ending.

    Raises:
        LenszooError: no such folder, or several files that an id may mean.
    """
    named: dict[str, list[str]] = {}
    relatives = [name for name in walk_files(folder, None) if is_image_file(name)]
    for relative in relatives:
        base = relative.rpartition("/")[2]
        for key in {relative, without_suffix(relative), base, without_suffix(base)}:
            named.setdefault(key, []).append(relative)
    files, used = [], set()
    for name in ids:
        matches = named.get(name, [])
        exact = [file for file in matches if name in (file, without_suffix(file))]
        matches = exact if len(exact) == 1 else matches
        if len(matches) > 1:
            raise LenszooError(
                f"{folder}: {matches[0]} and {matches[1]} are both called like id {name!r}; say "
                "which with pattern=, such as 'folder/{id}.fits'."
            )
        used.update(matches)
        files.append((str(folder / matches[0]) if matches else None,))
    strangers = (without_suffix(relative) for relative in relatives if relative not in used)
    return Matched(tuple(files), tuple(sorted(strangers, key=natural_key)))


def _check_pattern(pattern: str, bands: Sequence[str], folder: Path, file_pattern: str) -> None:
    other = set(re.findall(r"\{[^{}]*\}", pattern)) - {"{id}", "{band}"}
    if other or "{id}" not in file_pattern:
        raise LenszooError(
            f"The pattern {pattern!r} {f'holds {min(other)}' if other else 'lacks {id}'}; write "
            "{id} for the object and {band} for the band, as in '{band}/{id}.fits'."
        )
    if "{band}" in pattern and not bands:
        hint = ""
        if "{band}" in file_pattern:
            matcher = _regex(file_pattern, (), deep=False)
            matches = (matcher.fullmatch(name) for name in walk_files(folder, None))
            names = sorted({match["band"] for match in matches if match is not None})
            hint = f" The folder seems to hold: {', '.join(names[:10])}." if names else ""
        raise LenszooError(
            f"The pattern {pattern!r} needs the names of the bands, in order: bands=.{hint}"
        )


def _regex(pattern: str, bands: Sequence[str], deep: bool) -> re.Pattern[str]:
    """Return a regular expression with the groups id and band; no bands stand for any band."""
    groups = {
        "{id}": "(?P<id>.+)" if deep else "(?P<id>[^/]+)",
        "{band}": f"(?P<band>{'|'.join(map(re.escape, bands)) or '[^/]+?'})",
    }
    text, seen = "", set()
    for part in re.split(r"(\{id\}|\{band\}|\*\*/|\*)", pattern.removeprefix("./")):
        if part in groups:
            text += f"(?P={part[1:-1]})" if part in seen else groups[part]
            seen.add(part)
        else:
            text += {"**/": "(?:.+/)?", "*": "[^/]*"}.get(part, re.escape(part))
    return re.compile(text)


def _strangers(names: Iterator[str], ids: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names) - set(ids), key=natural_key))
