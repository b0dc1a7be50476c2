"""Label efficiency of pretexts: ROC-AUC of a linear head against the number of labels.

    python benchmarks/label_efficiency.py OUT [--images 6000] [--epochs 4]

Every network is the same and sees as many images of a simulated sky: those of the pretexts without
labels, those of the supervised ones with. Of these one learns on another simulation than the head,
DeepLense's Model I, and one on the very same, which is what a pretext could at best be worth. Then
all are frozen, and a linear head learns substructure on 50 to 2,000 labelled images of the sky, the
same for all; it is scored on 2,500 others, for three draws of the labels. Runs are folders below
OUT; one that is finished is not trained again. Writes OUT/table.md and OUT/label_efficiency.png.
"""

import argparse
import logging
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
from _machine import describe

from lenszoo import build_model, load_model
from lenszoo.evaluation import label_efficiency_markdown, plot_label_efficiency
from lenszoo.files import write_bytes
from lenszoo.simulation import sample
from lenszoo.training import Recipe, frozen_features, label_efficiency, train

SKY, OTHER = "common_test_sim", "deeplense_model_1"
POOL, TEST, SEED = 5000, 2500, 7  # the labelled images, which no pretext has seen
HARDER_LATER = {"curriculum": [{"epochs": 2, "strength": 4.0}]}  # learning starts flat without

# by name in the figure: what differs between the recipes
LEARNED = {
    "rotation": {"task": "pretext", "method": "rotation"},
    "denoising": {"task": "pretext", "method": "denoising"},
    "contrastive": {
        "task": "pretext",
        "method": "contrastive",
        "contrastive": {"loss": "nt_xent", "projection": 64},
    },
    "simsiam": {"task": "pretext", "method": "simsiam"},
    "labels of Model I": {"task": "classify"},
    "labels of this sky": {"task": "classify", **HARDER_LATER},
}


def main() -> None:
    """Train, look, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="resnet18_slim")
    parser.add_argument("--images", type=int, default=6000, help="new ones in each epoch")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--only", nargs="+", default=list(LEARNED), choices=LEARNED)
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # many networks: it would warn

    keras.utils.set_random_seed(0)
    backbones = {"random start": build_model(options.model)}
    for name in options.only:
        recipe = Recipe(
            model=options.model,
            epochs=options.epochs,
            batch_size=64,
            mixed_precision="mixed_bfloat16",
            augment="d4",
            data={
                "preset": OTHER if name == "labels of Model I" else SKY,
                "images": options.images,
                "val_images": 600,
                "test_images": 300,
            },
            optimizer={"learning_rate": 1e-3, "warmup_steps": 50, "clip_norm": 1.0},
            **LEARNED[name],
        )
        run = options.out / name.replace(" ", "_")
        train(recipe, run)
        backbones[name] = load_model(run)
        print(f"{name}: trained", flush=True)

    drawn = sample(SKY, POOL + TEST, SEED)
    features = {name: frozen_features(net, drawn.images) for name, net in backbones.items()}
    table = label_efficiency(
        {name: (seen[:POOL], seen[POOL:]) for name, seen in features.items()},
        drawn.labels[:POOL],
        drawn.labels[POOL:],
    )
    text = (
        f"{describe()}\n{options.model}, {options.epochs} epochs of {options.images:,} images; "
        f"labels drawn thrice from {POOL:,} images of `{SKY}`, scored on {TEST:,}.\n\n"
        f"{label_efficiency_markdown(table)}\n"
    )
    write_bytes(options.out / "table.md", text.encode())
    plot_label_efficiency(table).savefig(options.out / "label_efficiency.png", dpi=150)
    print(text)


if __name__ == "__main__":
    main()
