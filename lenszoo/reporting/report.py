"""The report that every task shares: numbers, tables and figures, shown and saved in four ways.

A task fills a :class:`Report` with strings that are ready to read; the report shows itself on a
terminal (``print``), in a notebook (as HTML), and saves ``report.json`` (strict: NaN becomes null),
one PNG a figure, and one ``report.html`` that needs no other file and no network.
"""

import base64
import datetime
import json
import math
import os
import struct
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from lenszoo._version import __version__
from lenszoo.errors import LenszooError
from lenszoo.files import expanded, write_bytes
from lenszoo.reporting.style import CSS
from lenszoo.reporting.text import UNDEFINED, interval, listed, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing


def jsonable(value: Any) -> Any:
    """A copy for strict JSON: NaN and inf become None, arrays lists, paths and dates strings."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, np.generic | np.ndarray):
        return jsonable(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item) for item in value]
    if isinstance(value, datetime.date):
        return value.isoformat()
    return str(value)


__all__ = ["Card", "Figure", "Report", "Table", "interval", "jsonable", "number"]


@dataclass(frozen=True)
class Card:
    """A headline number: its name, its value, and a line below such as the interval.

    ``warning`` sets it apart: a number that casts doubt on the others.
    """

    label: str
    value: str
    detail: str = ""
    warning: bool = False


@dataclass(frozen=True)
class Table:
    """A table of strings; the first cell of a row is its heading. ``text`` aligns to the left."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    text: bool = False

    def to_html(self) -> str:
        """The table with its heading and note, every cell escaped."""
        head = "".join(f'<th scope="col">{escape(c)}</th>' for c in self.columns)
        body = "".join(
            f'<tr><th scope="row">{escape(row[0])}</th>'
            + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
            + "</tr>\n"
            for row in self.rows
        )
        note = f'<p class="soft">{escape(self.note)}</p>' if self.note else ""
        kind = ' class="text"' if self.text else ""
        return (
            f'<h2>{escape(self.title)}</h2>{note}<div class="scroll"><table{kind}>'
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>"
        )

    def to_text(self) -> str:
        """The table for a terminal, columns aligned."""
        lines = [list(self.columns), *map(list, self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        shown = []
        for line in lines:
            cells = [
                cell.ljust(width) if i == 0 or self.text else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ]
            shown.append("  " + "  ".join(cells).rstrip())
        return "\n".join([self.title, *shown])


@dataclass(frozen=True, eq=False)
class Figure:
    """A figure that is drawn when first needed.

    Attributes:
        name: stem of its PNG file.
        title: heading in the HTML.
        alt: its content in words, for readers who cannot see it.
        caption: one or two sentences on how to read it.
        draw: returns the matplotlib figure.
        night: it brings its own dark ground (images), so dark mode leaves its colours alone.
        wide: takes the full width.
    """

    name: str
    title: str
    alt: str
    caption: str
    draw: "Callable[[], Drawing]"
    night: bool = False
    wide: bool = True

    @cached_property
    def png(self) -> bytes:
        """The rendered figure."""
        from lenszoo.reporting.plots import to_png

        return to_png(self.draw())

    def to_html(self) -> str:
        """The figure with the PNG inside."""
        width, _ = struct.unpack(">II", self.png[16:24])
        data = base64.b64encode(self.png).decode("ascii")
        return (
            f'<figure class="{"wide" if self.wide else "narrow"}"><h2>{escape(self.title)}</h2>'
            f'<img class="{"night" if self.night else "chart"}" width="{round(width * 0.6)}" '
            f'alt="{escape(self.alt)}" src="data:image/png;base64,{data}">'
            f"<figcaption>{escape(self.caption)}</figcaption></figure>\n"
        )


@dataclass(eq=False, repr=False)
class Report:
    """A report: shown by ``print``, by a notebook, and saved by :meth:`save`.

    Attributes:
        title: heading; may come from the user.
        metrics: the numbers, JSON-able, NaN already None.
        summary: one or two sentences that say how good it is.
        cards: headline numbers.
        tables: tables in order.
        figures: figures in order.
        notes: reservations about the numbers, one line each.
        details: more for report.json (curves, bins, lists), JSON-able.
        provenance: where model and data came from; version and date are added.

    Example:
        >>> from lenszoo.evaluation import classification_report
        >>> report = classification_report([0, 0, 1, 1], [-2.0, 1.0, 1.5, 3.0], ["no", "sub"])
        >>> report.save("report").name
        'report.html'
    """

    title: str
    metrics: dict[str, Any]
    summary: str = ""
    cards: Sequence[Card] = ()
    tables: Sequence[Table] = ()
    figures: Sequence[Figure] = ()
    notes: Sequence[str] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    kind: ClassVar[str] = "report"

    def __post_init__(self) -> None:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        own = jsonable(self.provenance)
        self.provenance = {**own, "lenszoo_version": __version__, "report_created": now}
        self.metrics = jsonable(self.metrics)

    def to_json(self) -> str:
        """Everything but the pictures, as strict JSON."""
        content = {
            "kind": self.kind,
            "title": self.title,
            "summary": self.summary,
            "metrics": self.metrics,
            "notes": list(self.notes),
            "details": self.details,
            "provenance": self.provenance,
        }
        return json.dumps(jsonable(content), allow_nan=False, indent=1)

    def to_html(self) -> str:
        """The page: inline style, pictures as data, no script, nothing fetched."""
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="color-scheme" content="light dark">\n'
            f"<title>{escape(self.title)}</title>\n"
            "<style>\nbody { margin: 0; }\n"
            "@media (prefers-color-scheme: dark) { body { background: #14161b; } }\n"
            f"</style>\n</head>\n<body>\n{self._repr_html_()}</body>\n</html>\n"
        )

    def _repr_html_(self) -> str:
        """The report as a fragment for a notebook."""
        cards = "".join(
            f'<dl class="card{" warning" if c.warning else ""}">'
            f'<dt>{escape(c.label)}</dt><dd class="value">{escape(c.value)}</dd>'
            f'<dd class="soft">{escape(c.detail)}</dd></dl>'
            for c in sorted(self.cards, key=lambda card: card.value == UNDEFINED)  # these last
        )
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        provenance = Table("Provenance", ("", ""), _flat(self.provenance), text=True)
        parts = [
            f'<style>{CSS}</style>\n<div class="lenszoo-report" role="document">',
            f"<h1>{escape(self.title)}</h1>",
            f'<p class="summary">{escape(self.summary)}</p>' if self.summary else "",
            f'<div class="cards">{cards}</div>' if cards else "",
            f'<ul class="notes">{notes}</ul>' if notes else "",
            *(table.to_html() for table in self.tables),
            '<div class="figures">',
            *(figure.to_html() for figure in self.figures),
            "</div>",
            provenance.to_html(),
            "</div>\n",
        ]
        return "\n".join(part for part in parts if part)

    def __str__(self) -> str:
        width = 96
        parts = [f"{self.title}\n{'=' * min(len(self.title), width)}"]
        if self.summary:
            parts.append(textwrap.fill(self.summary, width))
        parts += [table.to_text() for table in self.tables]
        if self.notes:
            parts.append(
                "\n".join(
                    textwrap.fill(f"Note: {note}", width, subsequent_indent="      ")
                    for note in self.notes
                )
            )
        return "\n\n".join(parts)

    __repr__ = __str__  # an object that shows itself, also at a prompt

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the PNG figures, report.json and report.html into a folder, made where missing.

        Each file appears whole or not at all; the page comes last.

        Returns:
            The path of report.html.

        Raises:
            LenszooError: the folder cannot be made or written.
        """
        target = expanded(folder)
        try:
            target.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LenszooError(
                f"Cannot make the report folder {target}: {error.strerror or error}."
            ) from error
        for figure in self.figures:
            write_bytes(target / f"{figure.name}.png", figure.png)
        write_bytes(target / "report.json", self.to_json().encode())
        page = target / "report.html"
        write_bytes(page, self.to_html().encode("utf-8", "replace"))
        return page


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested provenance as rows of dotted names and readable values."""
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{key}.")
        else:
            rows.append((f"{prefix}{key}", listed(value)))
    return rows
