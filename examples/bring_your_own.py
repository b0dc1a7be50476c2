"""Train a network from elsewhere: a backbone of your own, or an old vit-keras fine-tune.

    python examples/bring_your_own.py [DATA] [--h5 OLD.h5] [--epochs 6]

DATA holds `train` and `val` folders of class folders; without it a small sky is simulated, which
takes about a minute in all on two cores. Both networks become plain Keras models that take images
in [0, 1] of any bands and answer logits: train them as you train any, and let lenszoo score them.

`my_backbone` stands for whatever you have. keras.applications, KerasHub and keras-cv go the same
way, pretrained or not:

    backbone = keras.applications.ConvNeXtTiny(include_top=False, input_shape=(150, 150, 3))
    model = build_model("classifier", backbone=backbone, input_shape=(150, 150, 1), std=1 / 255)

Without --h5 a small file of random weights in vit-keras's layout stands for your fine-tune. It
shows the way and no more: a transformer that starts from nothing stays at chance (AUC 0.5) on so
few images.
"""

import argparse
from pathlib import Path

import h5py
import keras
import numpy as np
from keras import layers

from lenszoo import build_model, evaluate, from_vit_keras
from lenszoo.data import Dataset, DatasetIndex, image_dataset
from lenszoo.simulation import write_dataset


def my_backbone(bands: int = 3) -> keras.Model:
    """A small convolutional network for images of any size, as somebody might have it."""
    images = x = keras.Input((None, None, bands))
    for width in (16, 32, 64):
        for strides in (2, 1):
            x = layers.Conv2D(width, 3, strides, padding="same", use_bias=False)(x)
            # a run of a few hundred steps is too short for the usual momentum of 0.99
            x = layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(x))
    return keras.Model(images, x, name="my_backbone")


def stand_in(path: Path, side: int, dim: int = 128, blocks: int = 3, patch: int = 8) -> Path:
    """Write random weights as `vit_keras.vit.build_model(...).save_weights` names them."""
    rng = np.random.default_rng(0)

    def dense(group: h5py.Group, name: str, *shape: int) -> None:
        group[f"{name}/kernel:0"] = rng.normal(0, 0.05, shape).astype("float32")
        group[f"{name}/bias:0"] = np.zeros(shape[-1], "float32")

    def norm(group: h5py.Group, name: str) -> None:
        group[f"{name}/gamma:0"] = np.ones(dim, "float32")
        group[f"{name}/beta:0"] = np.zeros(dim, "float32")

    with h5py.File(path, "w") as file:
        dense(file, "embedding/embedding", patch, patch, 3, dim)
        file["class_token/class_token/cls:0"] = np.zeros((1, 1, dim), "float32")
        table = rng.normal(0, 0.02, (1, 1 + (side // patch) ** 2, dim)).astype("float32")
        file["Transformer/posembed_input/Transformer/posembed_input/pos_embedding:0"] = table
        for k in range(blocks):
            name = f"Transformer/encoderblock_{k}"
            block = file.create_group(f"{name}/{name}")
            for part in ("query", "key", "value", "out"):
                dense(block, f"MultiHeadDotProductAttention_1/{part}", dim, dim)
            dense(block, "MlpBlock_3/Dense_0", dim, 2 * dim)
            dense(block, "MlpBlock_3/Dense_1", 2 * dim, dim)
            norm(block, "LayerNorm_0")
            norm(block, "LayerNorm_2")
        norm(file, "Transformer/encoder_norm/Transformer/encoder_norm")
        dense(file, "head/head", dim, 1000)
    return path


def fine_tune(model: keras.Model, train: Dataset, rate: float, epochs: int) -> None:
    """Train as any Keras model: AdamW, half a cosine, every image turned and flipped at random."""
    steps = epochs * -(-len(train.images) // 32)
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=keras.backend.backend() == "jax",
    )
    for epoch in range(epochs):
        batches = image_dataset(train, batch_size=32, shuffle_seed=1, epoch=epoch, augment="d4")
        model.fit(batches, shuffle=False, verbose=0)


def report(model: keras.Model, folder: Path, classes: tuple[str, ...]) -> None:
    """Score the model on images it has not seen."""
    scores = evaluate(model, folder, classes=classes).metrics
    low, high = scores["intervals"]["macro_ovr_auc"]
    print(
        f"{model.name:12} {model.count_params():9,} parameters   "
        f"macro AUC {scores['macro_ovr_auc']:.4f} ({low:.4f} to {high:.4f})   "
        f"shortcut baseline {scores['shortcut']['macro_ovr_auc']:.4f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("data", nargs="?", type=Path, help="folder with `train` and `val`")
    parser.add_argument("--h5", type=Path, help="weights or model of vit-keras")
    parser.add_argument("--heads", type=int, help="attention heads, where --h5 does not tell")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--preset", default="deeplense_model_2", help="sky to simulate")
    parser.add_argument("--images", type=int, default=1200, help="simulated training images")
    parser.add_argument("--out", type=Path, default=Path("brought"))
    options = parser.parse_args()
    keras.utils.set_random_seed(1)
    options.out.mkdir(parents=True, exist_ok=True)

    sky = options.data or options.out / "sky"
    if options.data is None:
        n = options.images
        write_dataset(options.preset, sky, n_train=n, n_val=n // 3, seed=1)
    index = DatasetIndex.from_directory(sky / "train")
    train, classes = index.load(), index.class_names
    shape = train.images.shape[1:]

    # one band is repeated for a backbone of three
    backbone = my_backbone(bands=3 if shape[2] == 1 else shape[2])
    mine = build_model(
        "classifier",
        backbone=backbone,
        input_shape=shape,
        num_classes=len(classes),
        mean=0.2,
        std=0.2,
    )
    fine_tune(mine, train, 3e-3, options.epochs)
    report(mine, sky / "val", classes)

    old = options.h5 or stand_in(options.out / "old.h5", side=shape[0])
    # with num_classes the old head stays behind; without, it answers what it always did
    vit = from_vit_keras(old, input_shape=shape, num_classes=len(classes), heads=options.heads)
    fine_tune(vit, train, 1e-3, options.epochs)
    report(vit, sky / "val", classes)


if __name__ == "__main__":
    main()
