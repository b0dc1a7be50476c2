"""What released weights are scored by: one fixed set of scenes a preset, never trained on."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from lenszoo.errors import LenszooError
from lenszoo.metrics import classification as metrics
from lenszoo.metrics.embedding import collapse
from lenszoo.metrics.image_quality import psnr
from lenszoo.pretrained.loading import build_model, model_config
from lenszoo.reporting.report import Report
from lenszoo.simulation import SPLIT_START, get_preset, sample, sample_cutouts
from lenszoo.tasks.classify.report import classification_report
from lenszoo.tasks.classify.task import predict_logits
from lenszoo.tasks.find_lenses.report import lens_finding_report
from lenszoo.tasks.find_lenses.task import branch_logits
from lenszoo.tasks.pretext.probe import (
    LABEL_COUNTS,
    cross_validate_frozen,
    frozen_features,
    label_efficiency,
)
from lenszoo.tasks.pretext.task import PROBE_LABELS
from lenszoo.tasks.super_resolve.report import super_resolution_report
from lenszoo.tasks.super_resolve.task import super_resolve

EVALUATION_SEED = 2026
"""Seed of the scenes that all releases are scored on, from the test split."""

RANDOM_STARTS, DRAWS = 3, 3  # random backbones beside one of a pretext, and draws of the labels
_START = SPLIT_START["test"]


class Scenes(NamedTuple):
    """What weights are scored on: a preset's images or candidates, and the seed of resampling."""

    preset: str
    drawn: Any
    seed: int


class Scorer(NamedTuple):
    """How the weights of a task are scored.

    Attributes:
        key: the one figure that two files are compared by, among those of ``measure``.
        cost: what float16 kernels may change of it.
        images: how many scenes are drawn by default.
        draw: ``draw(model, preset, images, seed, bands)`` gives the scenes.
        main: the one figure alone.
        measure: all figures, and those of the baselines to be seen beside them.
    """

    key: str
    cost: float
    images: int
    draw: Callable[[keras.Model, str, int, int, Sequence[str] | None], Scenes]
    main: Callable[[keras.Model, Scenes], float]
    measure: Callable[[keras.Model, Scenes], tuple[dict[str, Any], dict[str, Any]]]


def _draw_images(
    model: keras.Model, preset: str, images: int, seed: int, bands: Sequence[str] | None
) -> Scenes:
    return Scenes(preset, sample(preset, images, seed, _START), seed)


def _draw_candidates(
    model: keras.Model, preset: str, images: int, seed: int, bands: Sequence[str] | None
) -> Scenes:
    options = model_config(model)["options"]
    drawn = sample_cutouts(
        preset,
        images,
        seed,
        "test",
        bands=bands,
        columns=() if options["use"] == "image" else options["columns"],
        images=options["use"] != "table",
    )
    return Scenes(preset, drawn, seed)


def _classifier_auc(model: keras.Model, scenes: Scenes) -> float:
    return metrics.roc_auc(scenes.drawn.labels, predict_logits(model, scenes.drawn.images))


def _measure_classifier(model: keras.Model, scenes: Scenes) -> tuple[dict, dict]:
    report = classification_report(
        scenes.drawn.labels,
        predict_logits(model, scenes.drawn.images),
        get_preset(scenes.preset).classes,
        images=scenes.drawn.images,
        seed=scenes.seed,
    )
    keep = ("n", "macro_ovr_auc", "macro_ovo_auc", "per_class_auc", "accuracy", "log_loss", "ece")
    measured = {key: report.metrics[key] for key in keep}
    measured["intervals"] = _intervals(report, "macro_ovr_auc", "accuracy")
    shortcut = report.metrics["shortcut"]
    return measured, {"shortcut": {k: shortcut[k] for k in ("macro_ovr_auc", "per_class_auc")}}


def _intervals(report: Report, *keys: str) -> dict[str, Any]:
    """Those of some figures; None where the scenes are too few for any."""
    known = report.metrics["intervals"] or {}
    return {key: known.get(key) for key in keys}


def _mean_psnr(model: keras.Model, scenes: Scenes) -> float:
    answers = super_resolve(model, scenes.drawn.images)
    return float(psnr(scenes.drawn.targets, answers, data_range=1.0).mean())


def _measure_pairs(model: keras.Model, scenes: Scenes) -> tuple[dict, dict]:
    drawn = scenes.drawn
    report = super_resolution_report(
        drawn.images,
        drawn.targets,
        super_resolve(model, drawn.images),
        truth=drawn.noiseless,
        variance=drawn.target_variance(),
        seed=scenes.seed,
    )
    keep = ["n", "scale", "data_range", "psnr", "ssim", "mse", "share_of_way", "truth"]
    keep += ["flux_error", "ring_flux_error", "chi_square", "power_spectrum_ratio"]
    measured = {key: report.metrics[key] for key in keep}
    measured["intervals"] = _intervals(report, "psnr", "ssim")
    return measured, {key: report.metrics[key] for key in ("bicubic", "floor")}


def _finder_auc(model: keras.Model, scenes: Scenes) -> float:
    main = next(iter(branch_logits(model, scenes.drawn).values()))
    return metrics.roc_auc(scenes.drawn.known_labels(), main)


def _measure_finder(model: keras.Model, scenes: Scenes) -> tuple[dict, dict]:
    held = scenes.drawn
    report = lens_finding_report(
        held.known_labels(),
        branch_logits(model, held),
        truth=held.truth,
        images=held.images,
        bands=held.bands or None,
        table=held.table if held.columns else None,
        columns=held.columns or None,
        seed=scenes.seed,
    )
    keep = ["n", "lenses", "nonlenses", "auc", "average_precision", "tpr0", "tpr10"]
    keep += ["log_loss", "calibration_error", "intervals", "by_score"]
    return {key: report.metrics[key] for key in keep}, {"baselines": report.metrics["baselines"]}


def _probe_aucs(features: np.ndarray, labels: np.ndarray) -> dict[int, np.ndarray]:
    """AUC of a head by number of labels: of two thirds of the images, scored on the others."""
    cut = 2 * len(labels) // 3
    few = [count for count in LABEL_COUNTS if count <= cut]
    if not few:
        raise LenszooError(
            f"{len(labels)} images are too few to score a backbone: two thirds of them are to give "
            f"at least {min(LABEL_COUNTS)} labels."
        )
    table = label_efficiency(
        {"own": (features[:cut], features[cut:])},
        labels[:cut],
        labels[cut:],
        counts=few,
        seeds=DRAWS,
    )
    counts, aucs = (np.asarray(table[key]) for key in ("labels", "auc"))
    return {count: aucs[counts == count] for count in few}


def _probe_auc(model: keras.Model, scenes: Scenes) -> float:
    found = _probe_aucs(frozen_features(model, scenes.drawn.images), scenes.drawn.labels)
    return float(found[max(found)].mean())


def _measure_backbone(model: keras.Model, scenes: Scenes) -> tuple[dict, dict]:
    config = model_config(model)
    images, labels = scenes.drawn.images, scenes.drawn.labels

    def random(seed: int) -> keras.Model:
        keras.utils.set_random_seed(seed)
        return build_model(
            config["model"],
            input_shape=tuple(config["input_shape"]),
            num_classes=config["num_classes"],
            **config["options"],
        )

    def five_fold(features: np.ndarray) -> dict[str, float]:
        few = slice(PROBE_LABELS)
        found = cross_validate_frozen(features[few], labels[few], seed=scenes.seed)
        return {"labels": len(labels[few]), "mean": found.mean, "spread": found.spread}

    own = frozen_features(model, images)
    starts = [frozen_features(random(seed), images) for seed in range(RANDOM_STARTS)]
    found = _probe_aucs(own, labels)
    others = [_probe_aucs(features, labels) for features in starts]
    measured = {
        "n": len(labels) - 2 * len(labels) // 3,
        "labels": max(found),
        "draws": DRAWS,
        "probe_auc": float(found[max(found)].mean()),
        "by_labels": _by_labels(found),
        "five_fold": five_fold(own),
        "effective_rank": collapse(own).effective_rank,
    }
    together = {n: np.concatenate([each[n] for each in others]) for n in found}
    random_starts = {
        "starts": RANDOM_STARTS,
        "by_labels": _by_labels(together),
        "five_fold": [five_fold(features) for features in starts],
    }
    return measured, {"random": random_starts}


def _by_labels(aucs: dict[int, np.ndarray]) -> dict[str, dict[str, float]]:
    return {
        str(count): {"mean": float(drawn.mean()), "std": float(drawn.std(ddof=1))}
        for count, drawn in aucs.items()
    }


_FINDER = Scorer("auc", 1e-4, 7500, _draw_candidates, _finder_auc, _measure_finder)
# by task of the recipe
SCORERS: dict[str, Scorer] = {
    "classify": Scorer(
        "macro_ovr_auc", 1e-4, 7500, _draw_images, _classifier_auc, _measure_classifier
    ),
    "find_lenses": _FINDER,
    "adapt": _FINDER,
    "super_resolve": Scorer("psnr", 0.01, 1500, _draw_images, _mean_psnr, _measure_pairs),
    "pretext": Scorer("probe_auc", 1e-4, 7500, _draw_images, _probe_auc, _measure_backbone),
}


def score_real(
    model: keras.Model,
    preset: str,
    file: Path,
    merge: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, float]:
    """Score a classifier on real images.

    Args:
        model: of the classes of the preset.
        preset: the sky it was trained on.
        file: npz with ``x`` (n, H, W, bands) and ``label`` (n,), names of classes.
        merge: classes of the preset that the file may tell apart, each with their names there.

    Raises:
        LenszooError: the file does not hold them, names a class that the preset lacks, or has no
            image of one.
    """
    classes = list(get_preset(preset).classes)
    merged = {part: name for name, parts in (merge or {}).items() for part in parts}
    try:
        with np.load(file, allow_pickle=False) as held:
            images, names = held["x"], [merged.get(str(n), str(n)) for n in held["label"]]
    except Exception as error:  # a damaged archive raises almost anything
        raise LenszooError(f"{file}: give an npz with x and label ({error}).") from error
    if not names or not set(names) <= set(classes):
        raise LenszooError(f"{file}: labels beside {', '.join(classes)} of {preset}.")
    if lacking := [name for name in classes if name not in names]:
        raise LenszooError(f"{file}: no image of {lacking[0]!r}; an AUC needs every class.")
    if images.shape != (len(names), *model.input_shape[1:]):
        raise LenszooError(
            f"{file}: x of shape {images.shape} for {len(names)} labels and a model of "
            f"{model.input_shape[1:]}."
        )
    truth = np.array([classes.index(name) for name in names])
    answers = predict_logits(model, images)
    return {
        "n": len(truth),
        "macro_ovr_auc": metrics.roc_auc(truth, answers),
        "accuracy": metrics.accuracy(truth, answers),
    }
