"""Turn a finished run into released weights: pack, score on unseen images, write the manifest.

    python benchmarks/release_weights.py RUN NAME [--images 7500] [--seed 2026] [--recipe OWN.toml]
                                                    [--real REAL.npz] [--replaces OLD]

NAME is ``row.tag``. See ``lenszoo.release``: the packed file (float16 kernels) is scored, not the
float32 one, on simulated images of the test split, which no training or validation has seen; super-
resolution networks on 1,500 pairs, all others on 7,500 images. --real is for classifiers. Backbones
of a pretext are scored by what a linear head makes of their features: it learns on two thirds of
the images, from 50 to 2,000 labels, and is scored on the last third. --replaces retires an entry:
who asks for it is told the new name.
"""

import argparse
import json
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("name", help="row.tag, such as resnet18_slim.common_test_sim")
    parser.add_argument("--images", type=int)
    parser.add_argument("--seed", type=int, help="of the scenes; by default that of all releases")
    parser.add_argument("--recipe", type=Path, help="TOML file, where it is none of lenszoo's")
    parser.add_argument("--real", type=Path, help="npz of real images: x, label")
    parser.add_argument(
        "--replaces", metavar="OLD", help="the weights that these take the place of"
    )
    given = parser.parse_args()
    from lenszoo.release import (
        EVALUATION_SEED,
        release,
    )  # brings the backend, which --help need not

    entry = release(
        given.run,
        given.name,
        recipe=given.recipe,
        root=ROOT,
        images=given.images,
        seed=EVALUATION_SEED if given.seed is None else given.seed,
        real=given.real,
        replaces=given.replaces,
    )
    print(json.dumps(entry.metrics, indent=2))
    for file in entry.files:
        print(f"weights/{file.path}: {file.bytes:,} bytes")


if __name__ == "__main__":
    main()
