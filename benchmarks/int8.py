"""Cost of int8: AUC of exported ONNX files in float32 and int8 on simulated scenes, and their size.

    python benchmarks/int8.py [WEIGHTS ...]

Prints a table; names may be patterns. Weights that learned on no simulated sky are passed over.
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
import onnx
from _machine import describe

from lenszoo import list_weights
from lenszoo.errors import LenszooError
from lenszoo.inference.exporting import export
from lenszoo.inference.exporting.quantizing import MAX_AUC_LOSS
from lenszoo.inference.precision_cost import SCENES, SEED


def int8_row(name: str) -> str:
    """Export weights in int8, whatever that costs; return a row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        exact, path = Path(folder) / "exact.onnx", Path(folder) / "int8.onnx"
        try:
            export(name, exact)
            export(name, path, quantize="int8", max_auc_loss=1.0)
        except LenszooError as error:
            print(f"{name}: {error}", file=sys.stderr, flush=True)
            return f"| `{name}` | no | | | | |"
        share = path.stat().st_size / exact.stat().st_size
        facts = json.loads({p.key: p.value for p in onnx.load(path).metadata_props}["lenszoo"])
    cost = facts["int8"]
    loss = cost["auc_float32"] - cost["auc"]
    kept = "" if loss <= MAX_AUC_LOSS else " (not kept)"
    return (
        f"| `{name}` | {cost['auc_float32']:.5f} | {cost['auc']:.5f} | {loss:.1e}{kept} "
        f"| {cost['logit_difference']:.1g} | {share:.2f} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="*", metavar="WEIGHTS", default=["*"])
    arguments = parser.parse_args()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    print("| weights | AUC, float32 | int8 | loss | logit difference | size / float32 |")
    print("|---|---:|---:|---:|---:|---:|")
    for pattern in arguments.weights:
        for name in list_weights(pattern):
            print(int8_row(name), flush=True)
    print(f"\n{SCENES:,} scenes of the test split, seed {SEED}; {describe()}")


if __name__ == "__main__":
    main()
