"""Turn a finished run into released weights: pack, score on unseen images, write the manifest.

    python benchmarks/release_weights.py RUN NAME [--images 7500] [--real REAL.npz]

NAME is ``row.tag``. The packed file (float16 kernels) is scored, not the float32 one, on simulated
images of the test split, which no training or validation has seen. Super-resolution networks are
scored on 1,500 pairs by default, and --real is for classifiers. Lens finders are scored on the sky
that they are for.
"""

import argparse
import datetime
import json
import shutil
import tempfile
from pathlib import Path

import _machine
import numpy as np

from lenszoo import load_model
from lenszoo._version import __version__
from lenszoo.build import build_model, fingerprint, model_config, save_weights
from lenszoo.evaluation import (
    classification_report,
    lens_finding_report,
    metrics,
    super_resolution_report,
)
from lenszoo.pretrained.manifest import (
    Fingerprint,
    WeightsEntry,
    WeightsFile,
    add_entry,
    load_manifest,
)
from lenszoo.pretrained.pack import pack_weights
from lenszoo.simulation import SPLIT_START, get_preset, sample, sample_cutouts
from lenszoo.training.classify import predict_logits
from lenszoo.training.find_lenses import branch_logits
from lenszoo.training.super_resolve import super_resolve

ROOT = Path(__file__).parent.parent
CHUNK = 500
_ALSO = ("bands", "method", "weights", "labels")  # what some runs know besides of their data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("name", help="row.tag, such as resnet18_slim.common_test_sim")
    parser.add_argument("--images", type=int)
    parser.add_argument("--seed", type=int, default=2026, help="of the test scenes")
    parser.add_argument("--real", type=Path, help="npz of real images: x, label")
    arguments = parser.parse_args()
    name, run = arguments.name, arguments.run
    recipe = json.loads((run / "recipe.json").read_text(encoding="utf-8"))
    score, default = SCORERS[recipe["task"]]
    arguments.images = arguments.images or default
    identity = json.loads((run / "run.json").read_text(encoding="utf-8"))
    arguments.bands = identity.get("bands")

    target = ROOT / "weights" / f"{name}.weights.h5"
    config = pack(run, target)
    model = build_model(
        config["model"],
        input_shape=tuple(config["input_shape"]),
        num_classes=config["num_classes"],
        weights=target,
        **config["options"],
    )
    measured, extra = score(model, recipe["data"]["preset"], arguments)
    print(json.dumps({"test": measured, **extra}, indent=2))
    history = (run / "history.csv").read_text(encoding="utf-8").splitlines()
    epochs = len(history) - 1
    entry = WeightsEntry(
        name=name,
        model=config["model"],
        input_shape=tuple(config["input_shape"]),
        num_classes=config["num_classes"],
        classes=tuple(identity.get("classes", ())),
        options=config["options"],
        files=[WeightsFile.of(target)],
        recipe=f"{name}.toml",
        data={
            "preset": recipe["data"]["preset"],
            "seed": recipe["seed"],
            "images_seen": epochs * recipe["data"]["images"],
            "epochs": epochs,
            "trained_on": identity["environment"]["machine"],
        }
        | {key: identity[key] for key in _ALSO if key in identity},
        metrics={
            "test": measured,
            **extra,
            "measured": {
                "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
                "machine": _machine.describe(),
                "seed": arguments.seed,
                "images": arguments.images,
                "command": f"python benchmarks/release_weights.py RUN {name}",
            },
        },
        licence="Apache-2.0",
        fingerprint=Fingerprint(seed=7, logits=fingerprint(model, 7).tolist(), atol=2e-2),
        pixel_scale=identity["pixel_scale"],
        created=datetime.datetime.now(datetime.UTC).date().isoformat(),
        lenszoo_version=__version__,
    )
    add_entry(entry, ROOT / "weights_manifest.json", replace=True)
    entries = len(load_manifest(ROOT / "weights_manifest.json").entries)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size:,} bytes; {entries} entries")


def pack(run: Path, target: Path) -> dict:
    """Pack the best weights of a run into ``target``; returns the model's identity."""
    model = load_model(run)
    with tempfile.TemporaryDirectory() as folder:
        full = save_weights(model, Path(folder) / "full.weights.h5")
        packed = pack_weights(full, Path(folder) / "packed.weights.h5")
        target.parent.mkdir(exist_ok=True)
        shutil.move(packed, target)
    return model_config(model)


def score_classifier(model, preset: str, arguments: argparse.Namespace) -> tuple[dict, dict]:
    """Exact metrics on fresh images, beside the shortcut baseline; and on real images if given."""
    images, labels, logits = [], [], []
    start = SPLIT_START["test"]
    for first in range(0, arguments.images, CHUNK):
        n = min(CHUNK, arguments.images - first)
        drawn = sample(preset, n, arguments.seed, start + first)
        images.append(drawn.images.astype(np.float16))
        labels.append(drawn.labels)
        logits.append(predict_logits(model, drawn.images))
    classes = get_preset(preset).classes
    report = classification_report(
        np.concatenate(labels),
        np.concatenate(logits),
        classes,
        images=np.concatenate(images),
        seed=arguments.seed,
    )
    keep = ("n", "macro_ovr_auc", "macro_ovo_auc", "per_class_auc", "accuracy", "log_loss", "ece")
    measured = {key: report.metrics[key] for key in keep}
    measured["intervals"] = {
        key: report.metrics["intervals"].get(key) for key in ("macro_ovr_auc", "accuracy")
    }
    shortcut = report.metrics["shortcut"]
    extra = {"shortcut": {k: shortcut[k] for k in ("macro_ovr_auc", "per_class_auc")}}
    if arguments.real:
        real = np.load(arguments.real, allow_pickle=False)
        truth = np.array([classes.index(str(label)) for label in real["label"]])
        answers = predict_logits(model, real["x"])
        extra["real"] = {
            "n": len(truth),
            "macro_ovr_auc": metrics.roc_auc(truth, answers),
            "accuracy": metrics.accuracy(truth, answers),
        }
    return measured, extra


def score_pairs(model, preset: str, arguments: argparse.Namespace) -> tuple[dict, dict]:
    """PSNR and the rest on fresh pairs, beside bicubic interpolation and the noise floor."""
    drawn = sample(preset, arguments.images, arguments.seed, SPLIT_START["test"])
    report = super_resolution_report(
        drawn.images,
        drawn.targets,
        super_resolve(model, drawn.images),
        truth=drawn.noiseless,
        variance=drawn.target_variance(),
        seed=arguments.seed,
    )
    keep = ("n", "scale", "data_range", "psnr", "ssim", "mse", "share_of_way", "truth")
    keep += ("flux_error", "ring_flux_error", "chi_square", "power_spectrum_ratio")
    measured = {key: report.metrics[key] for key in keep}
    measured["intervals"] = {key: report.metrics["intervals"][key] for key in ("psnr", "ssim")}
    return measured, {key: report.metrics[key] for key in ("bicubic", "floor")}


def score_finder(model, preset: str, arguments: argparse.Namespace) -> tuple[dict, dict]:
    """Exact metrics on fresh candidates from images and table and from each alone."""
    use = model_config(model)["options"]["use"]
    columns = () if use == "image" else model_config(model)["options"]["columns"]
    held = sample_cutouts(
        preset,
        arguments.images,
        arguments.seed,
        "test",
        bands=arguments.bands,
        columns=columns,
        images=use != "table",
    )
    report = lens_finding_report(
        held.known_labels(),
        branch_logits(model, held),
        truth=held.truth,
        images=held.images,
        bands=held.bands,
        table=held.table if columns else None,
        columns=columns or None,
        seed=arguments.seed,
    )
    keep = ("n", "lenses", "nonlenses", "auc", "average_precision", "tpr0", "tpr10")
    keep += ("log_loss", "calibration_error", "intervals", "by_score")
    return {key: report.metrics[key] for key in keep}, {"baselines": report.metrics["baselines"]}


# by task of the recipe: what scores it, and on how many images
SCORERS = {
    "classify": (score_classifier, 7500),
    "find_lenses": (score_finder, 7500),
    "adapt": (score_finder, 7500),
    "super_resolve": (score_pairs, 1500),
}


if __name__ == "__main__":
    main()
