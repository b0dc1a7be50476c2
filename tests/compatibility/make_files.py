"""Make the files of a version that later versions must still load.

Run with the code of the version that the folder is named after, from the root of its checkout, on
the TensorFlow backend:

    python tests/compatibility/make_files.py tests/compatibility/files/0.1.0

It writes ``files.zip`` (data, runs, models, a table of predictions), ``outputs.npz`` (what the
models answer) and ``expected.json``. The hand-written ``recipes/*.toml`` stand in that folder
beforehand. Never run it on the folder of another version: its files are of no use unless that
version wrote them.
"""

import json
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pyarrow.parquet as pq

import lenszoo
import lenszoo.layers
from lenszoo.pretrained.saving import save_weights
from lenszoo.training import Recipe, train

SEED = 7
CLASSIFIER = {"model": "simple_cnn", "options": {"width": 2, "dropout": 0.3}}
FINDER = {"model": "lens_finder", "options": {"width": 4, "dim": 8, "heads": 2}}
UPSCALER = {"model": "srcnn", "options": {"width": 4}}
ADAM = {"learning_rate": 3e-3, "weight_decay": 1e-3}
PLAIN = {"epochs": 2, "batch_size": 8, "seed": 5, "optimizer": ADAM}
# of a run folder, what no later version reads: pictures, pages, TensorBoard's events, locks
UNREAD = ("*.png", "*.html", "tensorboard", ".lock")


def write_images(root: Path, per_class: int = 10, size: int = 20) -> None:
    """Class folders ``bar`` and ``dot`` of (1, 20, 20) float32 files."""
    rng = np.random.default_rng(3)
    for name, (dy, dx) in {"bar": (1, 5), "dot": (3, 3)}.items():
        (root / name).mkdir(parents=True)
        for i in range(per_class):
            image = rng.random((1, size, size), np.float32) * 0.3
            y, x = rng.integers(5, size - 5, 2)
            image[0, y - dy : y + dy, x - dx : x + dx] += 0.6
            np.save(root / name / f"{i}.npy", image)


def write_survey(root: Path, seed: int, objects: int = 24, size: int = 16) -> None:
    """A catalogue whose every second object is a lens, and a folder of images for each band."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    ring = np.abs(np.hypot(x, y) - 5) < 1.5
    rows = ["id,is_lens,colour,size"]
    for i in range(objects):
        lens = i % 2
        for band, strength in {"g": 4, "r": 2}.items():
            (root / band).mkdir(parents=True, exist_ok=True)
            image = rng.normal(size=(size, size)) + strength * lens * ring
            np.save(root / band / f"c{i}.npy", image.astype(np.float32))
        colour = "" if i == 3 else f"{rng.normal() + 0.3 * lens:.4f}"
        rows.append(f"c{i},{lens},{colour},{rng.normal():.4f}")
    (root / "table.csv").write_text("\n".join(rows) + "\n")


def write_fine(root: Path, images: int = 10, size: int = 24) -> None:
    """Fine images of blobs, from which coarse ones are made."""
    rng = np.random.default_rng(4)
    root.mkdir(parents=True)
    y, x = np.mgrid[:size, :size]
    for i in range(images):
        cy, cx, width = rng.uniform(6, 18), rng.uniform(6, 18), rng.uniform(1.5, 4)
        blob = np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * width**2))
        np.save(root / f"{i}.npy", (blob + 0.02 * rng.random((size, size))).astype(np.float32))


def survey(name: str) -> dict:
    return {
        "catalogue": f"data/{name}/table.csv",
        "pattern": "{band}/{id}.npy",
        "bands": ["g", "r"],
        "label": "is_lens",
        "columns": ["colour", "size"],
        "val_fraction": 0.25,
    }


IMAGES = {"directory": "data/images", "val_fraction": 0.25}
SKY = {"preset": "common_test_sim", "images": 12, "val_images": 9, "test_images": 12}
PAIRS = {"high": "data/fine", "degrade": {"factor": 2, "noise": 0.01}, "patch": 8, "patches": 2}
# run folder -> recipe; made in this order
FINISHED = {
    "classify_files": {"task": "classify", **CLASSIFIER, **PLAIN, "data": IMAGES},
    "classify_again": {"task": "classify", **CLASSIFIER, **PLAIN, "data": IMAGES, "seed": 6},
    "classify_sky": {
        "task": "classify",
        **CLASSIFIER,
        **PLAIN,
        "data": SKY,
        "curriculum": [{"epochs": 1, "strength": 3.0}],
    },
    "find_lenses": {"task": "find_lenses", **FINDER, **PLAIN, "data": survey("survey")},
    "super_resolve": {"task": "super_resolve", **UPSCALER, **PLAIN, "data": PAIRS},
    "pretext": {
        "task": "pretext",
        "method": "rotation",
        **CLASSIFIER,
        **PLAIN,
        "data": {"images_in": "data/images"},
    },
    "adapt": {
        "task": "adapt",
        "weights": "runs/find_lenses",
        "method": "dann",
        **PLAIN,
        "source": survey("survey"),
        "data": survey("other"),
        "label_fraction": 0.5,
    },
}
# likewise, stopped before its last epoch
UNFINISHED = {
    # frozen layers, a second optimizer, a teacher, Dropout, augmentation, a patience
    "classify": {
        "task": "classify",
        **CLASSIFIER,
        **PLAIN,
        "data": IMAGES,
        "epochs": 3,
        "weights": "runs/classify_files",
        "freeze": 2,
        "unfreeze_after": 1,
        "early_stopping": {"patience": 2},
        "label_smoothing": 0.1,
        "distill": {"teacher": "runs/classify_again"},
        "optimizer": ADAM | {"layer_decay": 0.8, "clip_norm": 1.0, "warmup_steps": 2},
    },
    # a discriminator with an optimizer of its own, an average
    "super_resolve": {
        "task": "super_resolve",
        **PLAIN,
        "model": "srgan",
        "options": {"width": 4, "discriminator_width": 1},
        "data": PAIRS,
        "adversarial": {"average": 0.5},
    },
    # a predictor beside the network, the draws of its views
    "pretext": {
        "task": "pretext",
        "method": "simsiam",
        "simsiam": {"projection": 8, "bottleneck": 4},
        **CLASSIFIER,
        **PLAIN,
        "data": {"images_in": "data/images"},
    },
    # a teacher that is an average
    "adapt": {
        "task": "adapt",
        "weights": "runs/find_lenses",
        "method": "mean_teacher",
        **PLAIN,
        "source": survey("survey"),
        "data": survey("other"),
    },
}
WRITTEN = {"preset": "common_test_sim", "out": "data/written", "format": "png", "seed": 1}
WRITTEN |= {"n_train": 3, "n_val": 3}
TINY_TRANSFORMER = {"dim": 8, "depth": 1, "heads": 2, "mlp_dim": 8}
# a model of each family, so that each layer which lenszoo registers is in a file
MODELS = {
    "simple_cnn": {"input_shape": (20, 20, 1), "num_classes": 2, "width": 2, "dropout": 0.2},
    "cnn_attention": {"input_shape": (16, 16, 1), "width": 2, "heads": 1, "activation": "softmax"},
    "equivariant_transformer": {
        "input_shape": (32, 32, 1),
        "width": 4,
        "depth": 1,
        "heads": 1,
        "mlp_dim": 8,
        "rings": 2,
    },
    "resnet18_slim": {"input_shape": (32, 32, 2), "width": 2, "blocks": (1, 1, 1, 1)},
    "mobilevit_mini": {
        "input_shape": (32, 32, 1),
        "channels": (8, 8, 8, 8, 8, 8, 8),
        "dims": (8, 8, 8),
        "depths": (1, 1, 1),
        "crop": 28,
    },
    "vit_ti16": {"input_shape": (32, 32, 1), "patch": 8, **TINY_TRANSFORMER},
    "beit_b16": {"input_shape": (32, 32, 1), "patch": 8, **TINY_TRANSFORMER},
    "lens_finder": {
        "input_shape": (16, 16, 2),
        "columns": ["colour", "size"],
        "width": 4,
        "dim": 8,
        "heads": 2,
    },
    "srcnn": {"width": 4, "scale": 4, "kernel": 5},
    "srresnet_1": {"width": 4, "upsampling": "resize", "skip": "bicubic"},
    "esrn_1": {"width": 4, "growth": 2},
    "srgan": {"width": 4, "discriminator_width": 1, "upsampling": "transpose"},
}


def scatter(model: keras.Model) -> keras.Model:
    """Give every weight values that leave a mark in the answer; a fresh model has many zeros."""
    rng = np.random.default_rng(SEED)
    for weight in model.weights:
        if "seed_generator" in weight.path or not weight.dtype.startswith("float"):
            continue
        values = rng.normal(0, 0.2, weight.shape)
        if weight.path.rsplit("/", 1)[-1] in ("gamma", "moving_variance", "temperature", "scale"):
            values = 1 + 0.5 * np.abs(values)
        weight.assign(values)
    return model


def augmenting() -> keras.Model:
    """A user's own network of the layers that no row of the catalogue has."""
    names = ("RandomD4", "RandomShift", "RandomPositionAngle", "RandomMotion")
    names += ("RandomBlur", "RandomFlux", "RandomNoise", "LensAugmentation")
    images = x = keras.Input((16, 16, 1))
    x = lenszoo.layers.OverQuarterTurns(backbone())(x)
    for name in names:
        x = getattr(lenszoo.layers, name)()(x)
    x = keras.layers.Flatten()(x)
    x = lenszoo.layers.GradientReversal()(x)
    return scatter(keras.Model(images, keras.layers.Dense(3)(x), name="own"))


def backbone() -> keras.Model:
    return keras.Sequential(
        [keras.Input((16, 16, 1)), keras.layers.Conv2D(3, 3, activation="relu")], name="brought"
    )


def fixed_inputs(model: keras.Model, size: int = 8, number: int = 4):
    """Noise that tells models apart: float32, an array or one for each named input."""
    rng = np.random.Generator(np.random.Philox(SEED))

    def noise(tensor):
        shape = [size if side is None else side for side in tensor.shape[1:]]
        return rng.random((number, *shape), dtype=np.float32)

    if isinstance(model.input, dict):
        return {name: noise(model.input[name]) for name in sorted(model.input)}
    return noise(model.input)


def answers(model: keras.Model) -> np.ndarray:
    """Outputs to the fixed inputs."""
    return keras.ops.convert_to_numpy(model(fixed_inputs(model), training=False))


@contextmanager
def stopped_before(epoch: int) -> Iterator[None]:
    """Stop a training before an epoch (0-based), as a kill does."""
    fit = keras.Model.fit

    def cut(model, *args, **options):
        if options.get("initial_epoch") == epoch:
            raise InterruptedError
        return fit(model, *args, **options)

    keras.Model.fit = cut
    try:
        yield
    except InterruptedError:
        pass
    finally:
        keras.Model.fit = fit


def tidy(run: Path) -> None:
    """Remove what nobody reads and what names the machine."""
    for pattern in UNREAD:
        for path in run.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    file = run / "run.json"
    content = json.loads(file.read_text())
    content["environment"]["machine"] = "2 x CPU"
    file.write_text(json.dumps(content, indent=2) + "\n")


def train_all() -> dict:
    """Write ``runs`` and ``unfinished``; return how the latter end when they go through."""
    for name, fields in FINISHED.items():
        train(fields, f"runs/{name}")
        tidy(Path("runs", name))
    ends = {}
    for name, fields in UNFINISHED.items():
        whole = train(fields, f"whole/{name}")
        with stopped_before(fields["epochs"] - 1):
            train(fields, f"unfinished/{name}")
        tidy(Path("unfinished", name))
        history = [{k: v for k, v in row.items() if k != "seconds"} for row in whole.history]
        ends[name] = {"history": history, "outputs": answers(lenszoo.load_model(whole.run_dir))}
        last = Path("whole", name, "last.weights.h5")
        ends[name]["last"] = answers(lenszoo.load_model(last))
    shutil.rmtree("whole")
    return ends


def save_models() -> None:
    """Write ``models/*.keras`` and ``models/*.weights.h5``."""
    Path("models").mkdir()
    for name, options in MODELS.items():
        model = scatter(lenszoo.build_model(name, **options))
        model.save(f"models/{name}.keras")
        if name in ("simple_cnn", "lens_finder", "srresnet_1", "srgan", "vit_ti16"):
            save_weights(model, f"models/{name}.weights.h5")
    wrapped = lenszoo.build_model("classifier", backbone=backbone(), num_classes=2)
    scatter(wrapped).save("models/classifier.keras")
    augmenting().save("models/augmenting.keras")
    lenszoo.load_model(["runs/classify_files", "runs/classify_again"]).save("models/ensemble.keras")


def registered() -> list[str]:
    """What lenszoo has registered for ``.keras`` files."""
    names = keras.saving.get_custom_objects()
    return sorted(name for name in names if name.startswith("lenszoo>"))


def pack(out: Path) -> None:
    """Put all that stands in this folder into one zip file; HDF5 is three parts air."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(Path().rglob("*")):
            if path.is_file():
                archive.write(path)


def main(folder: Path) -> None:
    """Make everything in a folder of its own, where all paths are relative."""
    shutil.copytree(folder / "recipes", "recipes")
    write_images(Path("data/images"))
    write_survey(Path("data/survey"), seed=0)
    write_survey(Path("data/other"), seed=1)
    write_fine(Path("data/fine"))
    lenszoo.simulation.write_dataset(**WRITTEN)
    ends = train_all()
    save_models()
    outputs = {f"{name}/{k}": ends[name].pop(k) for name in ends for k in ("outputs", "last")}
    for path in sorted([*Path("models").iterdir(), *Path("runs").iterdir()]):
        outputs[path.as_posix()] = answers(lenszoo.load_model(path))
    ensemble = ["runs/classify_files", "runs/classify_again"]
    outputs["ensemble"] = answers(lenszoo.load_model(ensemble))
    outputs["embed"] = lenszoo.embed("runs/classify_files", "data/images")
    np.savez_compressed(folder / "outputs.npz", **outputs)
    table = lenszoo.predict("runs/classify_files", "data/images")
    pq.write_table(table, "predictions.parquet")
    expected = {
        "unfinished": {name: end["history"] for name, end in ends.items()},
        "recipes": {
            path.name: Recipe.load(path).model_dump(mode="json")
            for path in sorted(Path("recipes").glob("*.toml"))
        },
        "registered": registered(),
    }
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    stored = "".join(
        zipfile.ZipFile(path).read("config.json").decode()
        for path in Path("models").glob("*.keras")
    )
    for name in registered():
        if f'"{name}"' not in stored:
            print("in no .keras file:", name)
    shutil.rmtree("recipes")
    pack(folder / "files.zip")


if __name__ == "__main__":
    target = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        main(target)
