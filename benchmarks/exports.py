"""Export weights to the formats of other runtimes and compare answers and time with Keras.

    python benchmarks/exports.py [--weights PATTERN] [--formats onnx,...] [--record PAGE]

All formats that the running backend writes, for one entry of each model, ONNX for every entry. A
cell is the largest difference of logits (or pixels) on noise images. ``--record`` puts the cells
into the table of a page and leaves its others.
"""

import argparse
import logging
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

sys.path.insert(0, str(Path(__file__).resolve().parent))
import keras
from _machine import describe

from lenszoo import list_weights, load_model
from lenszoo.errors import LenszooError
from lenszoo.inference.exporting import FORMATS, export
from lenszoo.inference.exporting.exporter import largest_difference


def cell(name: str, format: str) -> str:
    """Export weights once and return the largest difference, or why there is none."""
    row = FORMATS[format]
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = export(name, Path(folder) / f"net{row.ending}", format=format)
        except LenszooError as error:
            print(f"{name} {format}: {error}", file=sys.stderr, flush=True)
            return "no"
        return f"{largest_difference(row, path, load_model(name)):.0e}"


def read_page(page: Path | None) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Return what a page holds: cells by weights and format, and how each format was measured."""
    cells: dict[str, dict[str, str]] = {}
    notes: dict[str, str] = {}
    lines = page.read_text("utf-8").splitlines() if page and page.exists() else []
    table = [line.strip("|").split("|") for line in lines if line.startswith("|")]
    for row in table[2:]:
        values = dict(zip(table[0][1:], row[1:], strict=True))
        cells[row[0].strip(" `")] = {k.strip(): v.strip() for k, v in values.items()}
    for line in lines:
        if line.startswith("- "):
            format, _, note = line[2:].partition(": ")
            notes[format] = note
    return cells, notes


def main() -> None:
    """Print the table."""
    backend = keras.backend.backend()
    own = [name for name, row in FORMATS.items() if backend in row.backends]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="*", help="pattern of names")
    parser.add_argument("--formats", default=",".join(own))
    parser.add_argument("--record", type=Path, help="page whose cells to replace")
    arguments = parser.parse_args()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    cells, notes = read_page(arguments.record)
    formats = arguments.formats.split(",")
    seen = set()
    for name in list_weights(arguments.weights):
        model = name.rpartition(".")[0]
        tried = formats if model not in seen else [f for f in formats if f == "onnx"]
        seen.add(model)
        measured = {format: cell(name, format) for format in tried}
        cells[name] = cells.get(name, {}) | measured
        print(name, measured, flush=True)
    note = f"{describe()}, on the backend {backend}."
    for format in formats:
        whole = arguments.weights == "*" or format not in notes
        # of some rows alone: how the others were measured stays
        part = f" `{arguments.weights}`: {note}"
        notes[format] = note if whole else notes[format].replace(part, "") + part
    lines = [f"| weights | {' | '.join(FORMATS)} |", "|---|" + "---:|" * len(FORMATS)]
    for name in filter(cells.__contains__, list_weights()):
        row = " | ".join(cells[name].get(format, "") for format in FORMATS)
        lines.append(f"| `{name}` | {row} |")
    text = "\n".join(lines)
    print(text)
    if arguments.record:
        how = "\n".join(f"- {format}: {notes[format]}" for format in FORMATS if format in notes)
        arguments.record.write_text(
            "# Exports\n\nLargest difference between the answers of the exported file and those of "
            "Keras, on images of noise;\n`no`: the format lacks an operator of this network. All "
            "formats for one entry of each model, ONNX for every entry; an empty cell was not "
            "tried.\n\n"
            f"{text}\n\nMeasured by `python benchmarks/exports.py --record {arguments.record}`, on "
            f"another backend with its `KERAS_BACKEND`:\n\n{how}\n",
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
