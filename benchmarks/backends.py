"""Compare the answers of all released weights on the running backend with those in the manifest.

    KERAS_BACKEND=torch python benchmarks/backends.py [--weights PATTERN] [--record PAGE]

The manifest keeps the answers of each entry to two noise images, from TensorFlow. Ends with an
error where an answer differs by more than 1e-4, times the largest answer where that is above 1.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

sys.path.insert(0, str(Path(__file__).resolve().parent))
import keras
import numpy as np
from _machine import describe

from lenszoo import list_weights, load_model
from lenszoo.pretrained.loading import fingerprint
from lenszoo.pretrained.manifest import get_entry

TOLERANCE = 1e-4


def compare(name: str) -> tuple[float, float]:
    """Return the largest difference of an entry's answers, and the largest answer."""
    entry = get_entry(name)
    expected = np.asarray(entry.fingerprint.logits, np.float32)
    answers = fingerprint(load_model(name), entry.fingerprint.seed, entry.input_shape)
    return float(np.abs(answers - expected).max()), float(np.abs(expected).max())


def main() -> None:
    """Print the table, and last the largest difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="*", help="pattern of names")
    parser.add_argument("--record", type=Path, help="page to write")
    arguments = parser.parse_args()
    lines = ["| weights | largest difference | largest answer |", "|---|---:|---:|"]
    differences = {}
    for name in list_weights(arguments.weights):
        difference, answer = compare(name)
        differences[name] = difference / max(1.0, answer)
        lines.append(f"| `{name}` | {difference:.1e} | {answer:.2f} |")
        print(lines[-1], flush=True)
    if not differences:
        sys.exit(f"No weights are called {arguments.weights}.")
    worst = max(differences, key=lambda name: differences[name])
    backend = keras.backend.backend()
    last = f"Largest of all on {backend}, relative where answers exceed 1: "
    last += f"{differences[worst]:.1e} (`{worst}`)."
    print(last)
    if arguments.record:
        text = "\n".join(lines)
        arguments.record.write_text(
            f"# Answers on {backend}\n\nAnswers of every entry to its two images of noise, beside "
            "those that TensorFlow gave when it\nwas released and that every loading is checked "
            f"against.\n\n{text}\n\n{last}\n\nMeasured by `KERAS_BACKEND={backend} python "
            f"benchmarks/backends.py --record {arguments.record}`:\n{describe()}.\n",
            encoding="utf-8",
        )
    if not differences[worst] <= TOLERANCE:
        sys.exit(f"{worst} differs by more than {TOLERANCE:g}.")


if __name__ == "__main__":
    main()
