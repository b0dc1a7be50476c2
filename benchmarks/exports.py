"""Export weights to the formats of other runtimes and compare answers and time with Keras.

    python benchmarks/exports.py [--weights PATTERN] [--formats onnx,...] [--record PAGE]

All formats for one entry of each model, ONNX for every entry. A cell is the largest difference of
logits (or pixels) on noise images. ``--record`` writes the table to a page.
"""

import argparse
import logging
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

sys.path.insert(0, str(Path(__file__).resolve().parent))
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


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="*", help="pattern of names")
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--record", type=Path, help="page to write")
    arguments = parser.parse_args()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    formats = arguments.formats.split(",")
    lines = [f"| weights | {' | '.join(formats)} |", "|---|" + "---:|" * len(formats)]
    seen = set()
    for name in list_weights(arguments.weights):
        model = name.rpartition(".")[0]
        tried = formats if model not in seen else [f for f in formats if f == "onnx"]
        seen.add(model)
        cells = [cell(name, format) if format in tried else "" for format in formats]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    text = "\n".join(lines)
    if arguments.record:
        arguments.record.write_text(
            "# Exports\n\nLargest difference between the answers of the exported file and those of "
            "Keras, on images of noise;\n`no`: the format lacks an operator of this network. All "
            "formats for one entry of each model, ONNX for every entry.\n\n"
            f"{text}\n\nMeasured by `python benchmarks/exports.py --record {arguments.record}`:\n"
            f"{describe()}.\n",
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
