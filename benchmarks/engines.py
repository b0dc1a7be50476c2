"""Images a second of engines and precisions, beside Keras in float32, and what they cost.

    python benchmarks/engines.py [WEIGHTS ...] [--batch 64] [--rounds 5] [--scenes 2000]
        [--record PAGE]

All take turns in one process and answer to the same batch of simulated scenes. The processor's own
time is compared too: on a machine that others use, the clock counts their work as well. AUC and
logits are those of simulated scenes of the weights' sky that no training saw. ``--record`` writes
the table to a page.
"""

import argparse
import operator
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

sys.path.insert(0, str(Path(__file__).resolve().parent))
import keras
from _machine import describe

from lenszoo.errors import LenszooError
from lenszoo.inference import open_model
from lenszoo.inference.answers import answer
from lenszoo.inference.engines.bfloat16 import bfloat16_flags
from lenszoo.inference.engines.checked import LIMIT, answerer_of
from lenszoo.inference.precision_cost import SCENES, SEED, draw_scenes

WEIGHTS = (
    "resnet18.common_test_sim_v2",
    "resnet18_slim.common_test_sim_v2",
    "mobilevit_mini.common_test_sim_binary_v3",
    "lens_finder.hard_sim_image",
)
KINDS = (
    ("keras", "float32"),
    ("keras", "bfloat16"),
    ("onnx", "float32"),
    ("openvino", "float32"),
    ("openvino", "bfloat16"),
)
HEAD = (
    "| weights | engine | precision | images/s | time / Keras | processor time / Keras "
    "| logit difference | AUC | loss of AUC |",
    "|---|---|---|---:|---:|---:|---:|---:|---:|",
)


def rows_of(name: str, options: argparse.Namespace) -> list[str]:
    """Measure all kinds on one set of weights; return their rows of the table."""
    opened = open_model(name)
    scenes = draw_scenes(opened, "bfloat16", options.scenes)
    batch = keras.tree.map_structure(operator.itemgetter(slice(options.batch)), scenes.inputs)
    models, rows = {}, []
    for kind in KINDS:
        try:
            models[kind] = answerer_of(opened, *kind)
        except LenszooError as error:
            print(f"{name} {kind}: {error}", file=sys.stderr, flush=True)
    for model in models.values():  # compiles
        answer(model, batch, options.batch)
    clock: dict[tuple[str, str], list[float]] = {kind: [] for kind in models}
    own: dict[tuple[str, str], list[float]] = {kind: [] for kind in models}
    for _ in range(options.rounds):
        for kind, model in models.items():
            start, busy = time.perf_counter(), time.process_time()
            answer(model, batch, options.batch)
            clock[kind].append(time.perf_counter() - start)
            own[kind].append(time.process_time() - busy)
    first = KINDS[0]
    for kind, model in models.items():
        took, busy = statistics.median(clock[kind]), statistics.median(own[kind])
        cost = scenes.cost(model)
        rows.append(
            f"| `{name}` | {kind[0]} | {kind[1]} | {options.batch / took:,.0f} "
            f"| {took / statistics.median(clock[first]):.2f} "
            f"| {busy / statistics.median(own[first]):.2f} | {cost.logit_difference:.1g} "
            f"| {cost.auc:.5f} | {cost.loss:.1e} |"
        )
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="*", metavar="WEIGHTS", default=WEIGHTS)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scenes", type=int, default=2000)
    parser.add_argument("--record", type=Path, help="page to write")
    options = parser.parse_args()
    before, rows = os.getloadavg()[0], list[str]()
    for name in options.weights:
        rows += rows_of(name, options)
        if options.record:  # also where the rest is cut off
            options.record.write_text(page(rows, options, before), encoding="utf-8")


def page(rows: list[str], options: argparse.Namespace, load: float) -> str:
    """Text of a page with the table and how it was measured."""
    table, names = "\n".join((*HEAD, *rows)), " ".join(options.weights)
    return (
        "# Engines\n\n"
        "Inference by engine and precision, as `--engine` and `--precision` of `lenszoo predict` "
        f"and `search` choose\nthem: batches of {options.batch} images, medians of "
        f"{options.rounds} rounds in which all take turns. Other programs used the machine at the "
        "same\ntime, so that images a second and the ratio of times scatter widely; the ratio of "
        "the processor's own time does so less.\nAUC and largest difference of a logit are those "
        f"of {options.scenes:,} simulated scenes (seed {SEED}, test split), against Keras in\n"
        f"float32. `bfloat16` that loses more than {LIMIT:g} of AUC on {SCENES:,} scenes is "
        f"refused.\n\n{table}\n\n"
        f"By `python benchmarks/engines.py {names} --rounds {options.rounds} "
        f"--scenes {options.scenes}`:\n"
        f"{describe()}, {', '.join(bfloat16_flags()) or 'no bfloat16'};\n"
        f"load {load:.1f} at the start and {os.getloadavg()[0]:.1f} at the end.\n"
    )


if __name__ == "__main__":
    main()
