"""A small folder of images that a tiny network can learn, and a recipe for it."""

from pathlib import Path

import numpy as np

SIZE = 24


def write_images(root: Path, per_class: int = 12) -> Path:
    """Class folders `dot` and `bar` of (1, 24, 24) float64 npy files."""
    rng = np.random.default_rng(3)
    for name, (dy, dx) in {"bar": (1, 6), "dot": (3, 3)}.items():
        folder = root / name
        folder.mkdir(parents=True)
        for i in range(per_class):
            image = rng.random((1, SIZE, SIZE)) * 0.3
            y, x = rng.integers(6, SIZE - 6, 2)
            image[0, y - dy : y + dy, x - dx : x + dx] += 0.6
            np.save(folder / f"{i}.npy", image)
    return root


def recipe_fields(images: Path) -> dict:
    """Fields of a recipe that trains in seconds, with Dropout and augmentation on."""
    return {
        "model": "simple_cnn",
        "options": {"dropout": 0.3},
        "seed": 5,
        "epochs": 3,
        "batch_size": 8,
        "data": {"directory": str(images), "val_fraction": 0.25},
        "optimizer": {"learning_rate": 2e-3, "weight_decay": 1e-3, "schedule": "cosine"},
    }


SHAPE = (24, 24, 1)  # of these images


def snapshot(model):
    return {w.path: w.numpy().copy() for layer in model.layers for w in layer.weights}


def moved(before, model):
    """Names of the layers of which any weight, moving statistics included, is another bit."""
    after = snapshot(model)
    return {path.split("/")[0] for path in before if not np.array_equal(before[path], after[path])}


def run_epoch(task, model, epoch):
    return model.fit(task.epoch(epoch), verbose=0, shuffle=False).history["loss"][0]
