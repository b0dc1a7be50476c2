"""Few labels in five folds, frozen and fine-tuned: lensed galaxies against lensed quasars.

    python benchmarks/few_labels.py FOLDER START [START ...] [--labels 215] [--folds 5]

FOLDER holds ``sled_ps1_grizy_64.npz``. Each START is a network to learn on from: `random`, a run
folder of benchmarks/real_ssl.py, or a released lens finder. Labelled lenses are drawn once, as many
of either kind, and split into folds; each fold is scored by a network that has not seen it, once
with a linear head on the frozen features (means over the eight turns of an image) and once with all
layers trained (means over the turns of the logit). That is the protocol of the self-supervised
reference systems; AUC is its mean and standard deviation over the folds.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from _machine import describe
from real_ssl import BANDS, SIDE, seen, sled

from lenszoo import build_model, load_model
from lenszoo.data.augment import D4_SIZE, d4
from lenszoo.evaluation import roc_auc, tta_logits
from lenszoo.inference import open_model
from lenszoo.inference.features import feature_model
from lenszoo.training import cross_validate_frozen, frozen_features

BATCH, EPOCHS, RATE = 32, 40, 3e-4


def opened(start: str, model: str) -> keras.Model:
    """A network to learn on from."""
    if start == "random":
        return build_model(model, input_shape=(SIDE, SIDE, len(BANDS)))
    return load_model(start)


def fine_tuned(
    start: str, model: str, images: np.ndarray, labels: np.ndarray, tests: np.ndarray, seed: int
) -> np.ndarray:
    """Logits of the tests by a network whose layers have all learned on from a start."""
    keras.utils.set_random_seed(seed)
    features = feature_model(opened(start, model))
    features.trainable = True
    network = keras.Model(features.inputs, keras.layers.Dense(1)(features.output))
    steps = EPOCHS * -(-len(images) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=RATE, warmup_steps=steps // 20
    )
    network.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-2, clipnorm=1.0),
        keras.losses.BinaryCrossentropy(from_logits=True),
        jit_compile=False,
    )
    generator = np.random.Generator(np.random.Philox(seed))
    for _ in range(EPOCHS):
        order = generator.permutation(len(images))
        for rows in np.array_split(order, -(-len(order) // BATCH)):
            turned = d4(images[rows], generator.integers(D4_SIZE, size=len(rows)))
            network.train_on_batch(turned, labels[rows, None])
    return tta_logits(network, tests)[:, 0]


def main() -> None:
    """Draw, learn, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("starts", nargs="+", metavar="START")
    parser.add_argument("--model", default="resnet18_slim", help="of the random start")
    parser.add_argument("--labels", type=int, default=215)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    _, kinds = sled(options.folder, BANDS)
    generator = np.random.Generator(np.random.Philox(options.seed))
    halves = (options.labels // 2, options.labels - options.labels // 2)
    drawn = [generator.permutation(np.flatnonzero(kinds == k))[:n] for k, n in enumerate(halves)]
    rows = np.concatenate(drawn)
    labels = kinds[rows]
    print(f"{describe()}; {len(rows)} labels, {options.folds} folds, seed {options.seed}")
    print("| start | frozen | fine-tuned |\n|---|---:|---:|", flush=True)
    for start in options.starts:
        keras.utils.set_random_seed(options.seed)
        network = opened(start, options.model)
        bands = open_model(network).bands  # a finder's, which takes fluxes
        images = sled(options.folder, bands or BANDS)[0][rows]
        images = images if bands else seen(images)
        features = frozen_features(network, images, tta=True)
        frozen = cross_validate_frozen(features, labels, folds=options.folds, seed=options.seed)
        tuned = []
        for k in range(options.folds):
            test = frozen.fold == k
            logits = fine_tuned(
                start, options.model, images[~test], labels[~test], images[test], options.seed + k
            )
            tuned.append(float(roc_auc(labels[test], np.stack([-logits, logits], axis=1))))
        cells = " | ".join(
            f"{np.mean(aucs):.3f} ± {np.std(aucs, ddof=1):.3f}" for aucs in (frozen.aucs, tuned)
        )
        print(f"| {Path(start).name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
