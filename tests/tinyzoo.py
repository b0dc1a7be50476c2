"""A small zoo of its own, made once a test session: images to learn, a trained run, a manifest."""

import datetime
import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CLASSES = ("no", "sphere", "vort")
SIZE = 20
NAME = "simple_cnn.tiny_sim"


@dataclass(frozen=True)
class TinyZoo:
    """Folders: ``data`` (train and val, a folder a class), ``run``, and ``manifest``, a file."""

    data: Path
    run: Path
    manifest: Path


def draw(label: int, rng: np.random.Generator) -> np.ndarray:
    """An image (SIZE, SIZE) in [0, 1] that a small network tells from others: disc, ring, bar."""
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2 + rng.uniform(-1, 1, (2, 1, 1))
    r = np.hypot(x, y)
    shape = (r < 4, np.abs(r - 6) < 1.2, np.abs(x - y) < 2)[label]
    return np.clip(0.4 * shape + rng.normal(0.3, 0.2, (SIZE, SIZE)), 0, 1)


def write_images(folder: Path, per_class: int, seed: int) -> Path:
    """Write class folders in the DeepLense layout: (1, H, W) float64 ``.npy``."""
    rng = np.random.default_rng(seed)
    for label, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for k in range(per_class):
            np.save(folder / name / f"{k}.npy", draw(label, rng)[None])
    return folder


@functools.cache
def tiny_zoo() -> TinyZoo:
    """Draw images, train on them for a few seconds, pack and enter the weights into a manifest."""
    from entries import add_entry, write_manifest
    from pack import pack_weights

    from lenszoo.pretrained.loading import fingerprint, load_model
    from lenszoo.pretrained.manifest import Manifest, WeightsEntry, WeightsFile
    from lenszoo.pretrained.source import resolve
    from lenszoo.training import Recipe, train

    root = Path(tempfile.mkdtemp(prefix="lenszoo-tiny-"))
    data, run = root / "data", root / "run"
    write_images(data / "train", 24, seed=1)
    write_images(data / "val", 8, seed=2)
    recipe = Recipe(
        model="simple_cnn",
        options={"width": 8},
        data={"directory": str(data)},
        epochs=3,
        batch_size=8,
        seed=7,
        optimizer={"learning_rate": 1e-2},
    )
    train(recipe, run)
    (root / "weights").mkdir()
    packed = pack_weights(run / "best.weights.h5", root / "weights" / f"{NAME}.weights.h5")
    config = resolve(packed).config
    answer = fingerprint(load_model(packed), 0)
    entry = WeightsEntry(
        name=NAME,
        model="simple_cnn",
        input_shape=config.input_shape,
        num_classes=3,
        classes=CLASSES,
        options=config.options,
        files=(WeightsFile.of(packed),),
        recipe="simple_cnn.tiny_sim.toml",
        data={"seed": 7},
        metrics={"test": {"macro_ovr_auc": 0.98765}},
        licence="Apache-2.0",
        fingerprint={"seed": 0, "logits": answer.tolist(), "atol": 1e-3},
        created=datetime.date(2026, 1, 31),
        lenszoo_version="0.1.0",
    )
    manifest = root / "weights_manifest.json"
    write_manifest(Manifest(), manifest)
    add_entry(entry, manifest)
    return TinyZoo(data, run, manifest)
