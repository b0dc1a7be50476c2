"""Pretexts: a backbone learns from images without labels."""

import logging
import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from lenszoo.data import Dataset, DatasetIndex
from lenszoo.data.augment import check_square
from lenszoo.data.checks import OnBad
from lenszoo.data.listing import as_index
from lenszoo.data.stacks import is_stack_file
from lenszoo.data.table import column_names, is_table_file
from lenszoo.errors import LenszooError
from lenszoo.files import expanded
from lenszoo.inference.features import feature_model
from lenszoo.inference.loaded_model import open_model
from lenszoo.layers import LensAugmentation
from lenszoo.metrics import classification as metrics
from lenszoo.metrics.embedding import collapse
from lenszoo.models.registry import model_info
from lenszoo.pretrained.loading import build_model
from lenszoo.pretrained.origin import recall
from lenszoo.simulation import Sample
from lenszoo.tasks.base import Options, Task
from lenszoo.tasks.checks import check_answers, images_shape
from lenszoo.tasks.classify.task import SmoothedCrossEntropy, predict_logits
from lenszoo.tasks.compute import precision
from lenszoo.tasks.finished import kept_score
from lenszoo.tasks.labelled import part_notes, read_index
from lenszoo.tasks.pretext.data import open_pool
from lenszoo.tasks.pretext.heads import FOLD_LABELS, head_auc, linear_heads, random_start
from lenszoo.tasks.pretext.posed import PosedBatches, Problem, denoising, held_out, rotation
from lenszoo.tasks.pretext.probe import cross_validate_frozen, frozen_features, nested_subsets
from lenszoo.tasks.pretext.recipe import Contrastive, Denoising, PretextRecipe, SimSiam, TwoViews
from lenszoo.tasks.pretext.report import Embedding, PretextReport, Probe, pretext_report
from lenszoo.tasks.pretext.views import ViewModel, comparison, fixed_views, retrieval
from lenszoo.tasks.sources import TrainingData, as_dataset

log = logging.getLogger("lenszoo")

RANDOM_STARTS = 3


class PretextTask(Task):
    """Training and score of a backbone; see :class:`lenszoo.tasks.base.Task`.

    The trained model is a classifier of the registry whose logits are those of the pretext: four
    quarter turns, strengths of noise, or the vector that views share. Built with its weights for
    other classes, it has a new head on the trained backbone.
    """

    monitor = "val_score"

    def __init__(self, recipe: PretextRecipe, pool: TrainingData | None = None):
        self.recipe = recipe
        if model_info(recipe.model).task != "classify":
            raise LenszooError(
                f"{recipe.model} is no classifier: a pretext needs one of `lenszoo models --task "
                "classify`, whose backbone learns."
            )
        if recipe.method == "rotation" and recipe.model == "equivariant_transformer":
            raise LenszooError(
                "equivariant_transformer gives the same answer to every quarter turn and cannot "
                "learn the rotation pretext: choose another method or model."
            )
        # a method either poses problems or compares views
        self.problem: Problem | None = None
        self.views = TwoViews()
        if recipe.method == "rotation":
            self.problem = rotation()
        elif recipe.method == "denoising":
            self.problem = denoising(recipe.denoising or Denoising())
        elif recipe.method == "contrastive":
            self.views = recipe.contrastive or Contrastive()
        else:
            self.views = recipe.simsiam or SimSiam()
        self.source = pool or open_pool(recipe)
        if recipe.method == "rotation" or recipe.augment == "d4":
            check_square(self.source.image_shape)
        self.steps_per_epoch = -(-self.source.train_images // recipe.batch_size)
        self._posed: tuple[np.ndarray, np.ndarray] | None = None
        self._features: tuple[keras.Model, keras.Model] | None = None

    def build(self) -> keras.Model:
        """The classifier; where views are compared, in the network that draws them."""
        recipe = self.recipe
        with precision(recipe.mixed_precision):
            model = self._classifier(recipe.weights)
            if self.problem is not None:
                return model
            return ViewModel(model, self._view(), comparison(self.views))

    def _view(self, seed: int | None = None) -> LensAugmentation:
        """Augmentation that makes one view of an image."""
        return LensAugmentation(self.views.strength, self.recipe.augment == "d4", seed=seed)

    def _classifier(self, weights: str | None) -> keras.Model:
        recipe = self.recipe
        outputs = len(self.problem.names) if self.problem else self.views.projection
        return build_model(
            recipe.model,
            input_shape=images_shape(recipe.input_shape, self.source.image_shape),
            num_classes=outputs,
            weights=weights,
            **recipe.options,
        )

    def loss(self) -> dict[str, Any]:
        """Cross-entropy of the posed problem; two views are compared by the network itself."""
        if self.problem is None:
            return {}
        return {
            "loss": SmoothedCrossEntropy(len(self.problem.names), 0.0),
            "metrics": ["sparse_categorical_accuracy"],
        }

    def epoch(self, epoch: int) -> Any:
        """Training batches of an epoch."""
        if self.problem is None:  # views are turned as they are drawn
            return self.source.epoch(epoch, None)
        augment = None if self.recipe.augment == "none" else self.problem.augment
        batches = self.source.epoch(epoch, augment)
        return PosedBatches(batches, self.problem, self.recipe.seed, epoch)

    def answers(self, model: keras.Model) -> keras.Model:
        """The classifier."""
        return model.network if isinstance(model, ViewModel) else model

    def validate(self, model: keras.Model) -> dict[str, float]:
        """Score on held-out images, and how much of its space the embedding fills.

        ``val_score`` is the accuracy of the answers to what was posed or, of two views, the share
        whose nearest vector is their partner's.
        """
        images = self.validation.images
        if self._posed is None:
            if self.problem is not None:
                self._posed = held_out(images, self.problem, self.recipe.data_seed)
            else:
                self._posed = fixed_views(images, self._view)
        shown, target = self._posed
        answers = predict_logits(model, shown)
        check_answers(answers)
        scores = self._scores(model, answers, target)
        if self._features is None or self._features[0] is not model:
            # once a run: every new network is compiled anew
            self._features = (model, feature_model(model))
        embedding = collapse(predict_logits(self._features[1], images))
        if embedding.collapsed:
            log.warning(
                "The embedding has collapsed (deviation %.3g a dimension, effective rank %.1f): "
                "it says the same of all images. Lower optimizer.learning_rate, or choose another "
                "method.",
                embedding.std_mean,
                embedding.effective_rank,
            )
        return scores | {
            "embedding_std": embedding.std_mean,
            "effective_rank": embedding.effective_rank,
        }

    def _scores(
        self, model: keras.Model, answers: np.ndarray, target: np.ndarray
    ) -> dict[str, float]:
        if self.problem is None:
            return {"val_score": retrieval(answers, predict_logits(model, target))}
        return {
            "val_score": metrics.accuracy(target, answers),
            "val_log_loss": metrics.log_loss(target, answers),
        }

    def identity(self) -> dict[str, Any]:
        """Method and data, for ``run.json``."""
        return {
            "task": "pretext",
            "method": self.recipe.method,
            "classes": list(self.problem.names) if self.problem else [],
            "pixel_scale": self.source.describe.get("pixel_scale"),
            "data": self.source.describe,
        }

    def beside(self, model: keras.Model, data: Dataset) -> dict[str, Any]:
        """The backbone at the start of the training, the method, and the score by chance."""
        keras.utils.set_random_seed(self.recipe.seed)
        choices = len(self.problem.names if self.problem else self.validation.images)
        start = self._classifier(self.recipe.weights)
        source = next(iter(recall(model) or ()), None)
        folder = None if source is None else source.run_dir
        return {
            "starts": [start],
            "method": self.recipe.method,
            "chance": 1.0 / choices,
            "held": len(self.validation.images),
            "kept": None if folder is None else kept_score(folder),
        }

    @classmethod
    def score(
        cls,
        model: keras.Model,
        data: Dataset,
        *,
        starts: Sequence[keras.Model] | None = None,
        method: str = "",
        chance: float | None = None,
        held: int | None = None,
        kept: float | None = None,
        **about: Any,
    ) -> PretextReport:
        """Score a backbone by its embedding and, with labels, by linear heads on it.

        Args:
            model: a classifier of the zoo, whose features are looked at.
            data: images, with labels where they are known.
            starts: backbones to compare with, the first of which is shown; by default
                ``RANDOM_STARTS`` random ones, with the heads' AUC against the number of labels.
            method: the pretext.
            chance: score of guessing at it.
            held: validation images that its score in the history is of.
            kept: score of the weights that the training kept; by default the best of the history.
            **about: ``title``, ``history``, ``provenance`` and ``seed`` of the report.
        """
        seed, history = about.pop("seed", 0), about.get("history")
        others = starts or [random_start(model, k) for k in range(RANDOM_STARTS)]
        features = [frozen_features(each, data.images) for each in (model, *others)]
        heads = None
        if starts is None and data.labels is not None:
            heads = linear_heads(features[0], features[1:], data.labels, seed)
        rows = [float(row["val_score"]) for row in history or () if "val_score" in row]
        return pretext_report(
            {
                name: _embedding(each, data.labels, seed)
                for name, each in zip(("pretext", "start"), features, strict=False)
            },
            score=max(rows, default=None) if kept is None else kept,
            held=held,
            method=method,
            chance=chance,
            labels=data.labels,
            heads=heads,
            **about,
        )

    @classmethod
    def figure(cls, model: keras.Model, data: Dataset) -> float:
        """ROC-AUC of a linear head with the most labels."""
        return head_auc(frozen_features(model, data.images), data.labels)

    @classmethod
    def evaluate(cls, model: Any, data: Any, options: Options, **about: Any) -> PretextReport:
        """Score a backbone on a sample, class folders, a CSV, or a folder of images alone."""
        options.refuse("learned without labels", "classes", "tta", "resize", "bands", "preparing")
        opened = open_model(model)
        held, origin = _read(data, options.on_bad or "raise", options.seed)
        if held.images.shape[1:] != opened.takes["images"]:
            raise LenszooError(
                f"{opened.name} takes images of {opened.takes['images']}, not "
                f"{held.images.shape[1:]}: cut them to that size."
            )
        more = about.get("provenance") or {}
        about["title"] = about.get("title") or f"{opened.name} on {len(held.images):,} images"
        about["provenance"] = opened.provenance | {"data": origin} | more
        report = cls.score(opened.model, held, **about)
        report.notes = [*report.notes, *part_notes(data)]
        return report

    @classmethod
    def release(cls, report: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Figures of the linear heads, and those of random backbones."""
        if report.metrics["heads"] is None:
            raise LenszooError("A backbone is released with the scores of linear heads: give more.")
        rank = {"effective_rank": report.metrics["pretext"]["effective_rank"]}
        return report.metrics["heads"] | rank, {"random": report.metrics["random"]}


def _embedding(features: np.ndarray, labels: np.ndarray | None, seed: int) -> Embedding:
    probe = None
    if labels is not None and len(features) >= FOLD_LABELS:
        few = slice(FOLD_LABELS)
        folds = cross_validate_frozen(features[few], labels[few], seed=seed)
        probe = Probe(FOLD_LABELS, folds.mean, folds.spread)
    return Embedding(features, collapse(features), probe)


def _read(data: Any, on_bad: OnBad, seed: int) -> tuple[Dataset, str]:
    """Return images, with labels where they are known, and where they come from."""
    if isinstance(data, Dataset):
        return data, "a simulated sample"
    if isinstance(data, Sample):
        ids = tuple(map(str, range(len(data.images))))
        return as_dataset(data, ids), "a simulated sample"
    index = data
    if isinstance(data, str | os.PathLike) and is_stack_file(data):
        index = DatasetIndex.from_stack(data)
    elif not isinstance(index, DatasetIndex):
        if not isinstance(data, str | os.PathLike):
            raise LenszooError(
                f"A backbone is not scored on a {type(data).__name__}: give a folder, a table, a "
                "stack in a file, or lenszoo.data.Dataset(ids, images, labels=labels)."
            )
        path = expanded(data)
        folders = path.is_dir() and any(part.is_dir() for part in path.iterdir())
        labelled = folders or (is_table_file(path) and "label" in column_names(path))
        index = read_index(path) if labelled else as_index(os.fspath(path))
    images = index.load(on_bad)
    if images.labels is None:
        return images, index.source
    # folders come class by class: heads learn from the first images and are scored on the last
    (order,) = nested_subsets(images.labels, [len(images)], seed)
    return images.take(order), index.source
