"""Cost of int8: AUC of exported ONNX files in float32 and int8 on simulated scenes, and their size.

    python benchmarks/int8.py [WEIGHTS ...] [--record PAGE]

Prints a table; names may be patterns, and without any it is the newest weights of each name.
Weights that learned on no simulated sky are passed over. ``--record`` writes the table to a page.
"""

import argparse
import json
import logging
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "tools"))
import onnx
from _machine import describe
from result_tables import superseded

from lenszoo import list_weights
from lenszoo.errors import LenszooError
from lenszoo.inference.exporting import export
from lenszoo.inference.exporting.quantizing import MAX_AUC_LOSS
from lenszoo.inference.precision_cost import SCENES, SEED
from lenszoo.models.registry import model_info
from lenszoo.pretrained import load_manifest

HEAD = (
    "| weights | AUC, float32 | int8 | loss | logit difference | size / float32 |",
    "|---|---:|---:|---:|---:|---:|",
)


def int8_row(name: str) -> str | None:
    """Export weights in int8, whatever that costs; return a row of the table, if there is one."""
    with tempfile.TemporaryDirectory() as folder:
        exact, path = Path(folder) / "exact.onnx", Path(folder) / "int8.onnx"
        try:
            export(name, exact)
            export(name, path, quantize="int8", max_auc_loss=1.0)
        except LenszooError as error:
            print(f"{name}: {error}", file=sys.stderr, flush=True)
            return None
        share = path.stat().st_size / exact.stat().st_size
        facts = json.loads({p.key: p.value for p in onnx.load(path).metadata_props}["lenszoo"])
    cost = facts["int8"]
    loss = cost["auc_float32"] - cost["auc"]
    kept = "" if loss <= MAX_AUC_LOSS else " (not kept)"
    return (
        f"| `{name}` | {cost['auc_float32']:.5f} | {cost['auc']:.5f} | {loss:.1e}{kept} "
        f"| {cost['logit_difference']:.2g} | {share:.2f} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="*", metavar="WEIGHTS")
    parser.add_argument("--record", type=Path, help="page to write")
    arguments = parser.parse_args()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    rows = list(HEAD)
    print(*rows, sep="\n")
    for name in [n for p in arguments.weights for n in list_weights(p)] or newest():
        row = int8_row(name)
        if row is not None:
            rows.append(row)
            print(row, flush=True)
    how = f"{SCENES:,} scenes of the test split, seed {SEED}; {describe()}"
    print(f"\n{how}")
    if arguments.record:
        arguments.record.write_text(page(rows, how), encoding="utf-8")


def newest() -> list[str]:
    """Names of the newest classifiers and lens finders."""
    entries = load_manifest().entries
    earlier, tasks = superseded(entries), ("classify", "find_lenses")
    return [e.name for e in entries if e.name not in earlier and model_info(e.model).task in tasks]


def page(rows: list[str], how: str) -> str:
    """Text of a page with the table and how it was measured."""
    return (
        "# Exports in int8\n\n"
        "AUC of the ONNX file that `lenszoo export NAME --out net.onnx --quantize int8` writes, of "
        "the one in\nfloat32, the largest difference of a logit, and the size of the one beside "
        f"the other. A file that loses\nmore than {MAX_AUC_LOSS:g} is not kept.\n\n"
        + "\n".join(rows)
        + f"\n\nBy `python benchmarks/int8.py`: {how}.\n"
    )


if __name__ == "__main__":
    main()
