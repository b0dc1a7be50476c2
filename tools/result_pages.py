"""docs/results: the page with all tables of measured results, and the same in tidy rows."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from card_sections import machine
from result_tables import TABLES, Table, of_kind, superseded
from scores import kind, tidy_rows

from lenszoo.pretrained.manifest import WeightsEntry

COLUMNS = (
    "weights",
    "model",
    "task",
    "preset",
    "metric",
    "value",
    "low",
    "high",
    "n",
    "seed",
    "date",
    "machine",
    "command",
)
PAGES = (
    "robustness",
    "domain_adaptation",
    "label_efficiency",
    "parity",
    "speed",
    "engines",
    "exports",
    "int8",
    "torch",
)


def _markdown(table: Table, entries: list[WeightsEntry]) -> str:
    """Table of entries, each with a link to its card."""
    lines = table.header
    for entry in entries:
        name, *cells = table.row(entry)
        lines += f"| [{name}](../cards/{entry.name}.md) | " + " | ".join(cells) + " |\n"
    return lines.rstrip()


def page(entries: Sequence[WeightsEntry], folder: Path) -> str:
    """docs/results/index.md: all tables, their context, and how each figure was measured."""
    parts = [
        "# Results",
        "Made by `make results` from `weights_manifest.json`; the figures in it were written by "
        "the commands below, when the weights were released. The same in tidy rows: "
        "[results.csv](results.csv). What each file of weights is good for: "
        "[model cards](../cards/index.md). All intervals are of 95 %, over other scenes of the "
        "same sky.\n\nScore any of them yourself on the same scenes; its card has the command with "
        "its sky and number of scenes:\n\n```sh\nlenszoo evaluate srcnn.sr_75_150_sim \\\n    "
        "--preset sr_75_150 --images 1500 --seed 2026 --out REPORT\n```\n\n"
        "`make reproduce NAME=srcnn.sr_75_150_sim` trains one again from its recipe and compares.",
    ]
    earlier = superseded(entries)
    for which, table in TABLES.items():
        chosen = of_kind(entries, which)
        if chosen:
            newest = [entry for entry in chosen if entry.name not in earlier]
            parts += [f"## {table.title}", table.context, _markdown(table, newest)]
            parts += _figures(table, folder)
            if len(newest) < len(chosen):
                older = [entry for entry in chosen if entry.name in earlier]
                parts += [f"### {table.title}: earlier versions", _markdown(table, older)]
            parts.append(_measured(chosen))
    parts.append("```{toctree}\n:hidden:\n\n" + "\n".join(PAGES) + "\n```")
    return "\n\n".join(parts) + "\n"


def _figures(table: Table, folder: Path) -> list[str]:
    """Those of a table's pictures and pages that there are."""
    return [
        f"{'!' if name.endswith(('.png', '.webp')) else ''}[{line}]({name})"
        for name, line in table.figures.items()
        if (folder / name).is_file()
    ]


def _alike(entries: list[WeightsEntry]) -> dict[str, list[WeightsEntry]]:
    """When and on what the figures were measured, and which of them alike."""
    alike: dict[str, list[WeightsEntry]] = {}
    for entry in entries:
        known = entry.metrics["measured"]
        line = (
            f"{known['images']:,} unseen scenes of seed {known['seed']}, {known['date']}, on "
            f"{machine(entry)}"
        )
        alike.setdefault(line, []).append(entry)
    return alike


def _measured(entries: list[WeightsEntry]) -> str:
    """When, on what and how the figures were measured; those measured alike share a line."""
    return "\n\n".join(
        f"Measured on {line}:\n\n```sh\n"
        + "\n".join(e.metrics["measured"]["command"] for e in alike)
        + "\n```"
        for line, alike in _alike(entries).items()
    )


def tidy(entries: Iterable[WeightsEntry]) -> str:
    """results.csv: a row for each weights and metric."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        known = entry.metrics.get("measured", {})
        weights = (entry.name, entry.model, kind(entry), entry.data.get("preset", ""))
        measured = (known.get("seed"), known.get("date"), machine(entry), known.get("command"))
        for row in tidy_rows(entry):
            numbers = ("" if x is None else f"{x:.6g}" for x in (row.value, row.low, row.high))
            writer.writerow((*weights, row.metric, *numbers, row.n, *measured))
    return text.getvalue()
