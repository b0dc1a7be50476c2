"""Pretrain a backbone without labels, and train a linear head on few labels.

    python examples/pretrain_rotation.py [--method rotation] [--model simple_cnn] [--out pretext]

A backbone learns on simulated images by which quarter turn each was turned, or by another pretext,
`--method denoising`, `contrastive` or `simsiam`. Then it is frozen: a linear head learns on 50 to
600 labelled images, on its features and on those of the same network as it started, untrained.
The pretext helps where the curves differ. With so few images it helps little or not at all; use
more (`--images 20000 --epochs 20`, on a GPU). About two minutes on two cores; writes
OUT/run/report.html and OUT/label_efficiency.png.
"""

import argparse
import logging
from pathlib import Path

import keras

from lenszoo import build_model, load_model
from lenszoo.evaluation import label_efficiency_markdown, plot_label_efficiency
from lenszoo.simulation import sample
from lenszoo.training import (
    Recipe,
    cross_validate_frozen,
    frozen_features,
    label_efficiency,
    train,
)

SKY = "common_test_sim"
FEW = 215
SEED = 7  # of the labelled images; the pretext has not seen them


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--method", default="rotation")
    parser.add_argument("--model", default="simple_cnn")
    parser.add_argument("--images", type=int, default=1000, help="unlabelled images an epoch")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--labelled", type=int, default=600)
    parser.add_argument("--test-images", type=int, default=600)
    parser.add_argument("--out", type=Path, default=Path("pretext"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("lenszoo").setLevel(logging.INFO)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # many small networks: it would warn
    recipe = Recipe(
        task="pretext",
        method=options.method,
        model=options.model,
        epochs=options.epochs,
        batch_size=32,
        data={
            "preset": SKY,
            "images": options.images,
            "val_images": max(20, options.images // 8),
            "test_images": 300,
        },
        optimizer={"learning_rate": 1e-3, "warmup_steps": 30, "clip_norm": 1.0},
    )
    metrics = train(recipe, options.out / "run").metrics
    print(f"{options.method}: score {metrics['score']:.3f}, chance {metrics['chance']:.3f}")

    labelled = sample(SKY, options.labelled + options.test_images, SEED)
    keras.utils.set_random_seed(0)
    backbones = {
        f"after {options.method}": load_model(options.out / "run"),
        "untrained": build_model(options.model),
    }
    cut = options.labelled
    features = {name: frozen_features(net, labelled.images) for name, net in backbones.items()}
    for name, seen in features.items():
        few = cross_validate_frozen(seen[:FEW], labelled.labels[:FEW])
        print(f"{name}, {FEW} labels: {few}")
    table = label_efficiency(
        {name: (seen[:cut], seen[cut:]) for name, seen in features.items()},
        labelled.labels[:cut],
        labelled.labels[cut:],
        counts=[n for n in (50, 100, FEW, 600) if n <= cut],
    )
    print(label_efficiency_markdown(table))
    picture = options.out / "label_efficiency.png"
    plot_label_efficiency(table).savefig(picture, dpi=150)
    print(f"{options.out / 'run' / 'report.html'}, {picture}")


if __name__ == "__main__":
    main()
