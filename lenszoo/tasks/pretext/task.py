"""The pretext task: a backbone learns from images without labels."""

import logging
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lenszoo.data import Dataset
from lenszoo.data.augment import check_square
from lenszoo.errors import LenszooError
from lenszoo.inference.predictor import feature_model
from lenszoo.layers import LensAugmentation
from lenszoo.metrics import classification as metrics
from lenszoo.metrics.embedding import collapse
from lenszoo.models.registry import model_info
from lenszoo.pretrained.loading import build_model, model_config
from lenszoo.provenance import provenance
from lenszoo.tasks.checks import check_answers, images_shape
from lenszoo.tasks.classify.task import SmoothedCrossEntropy, predict_logits
from lenszoo.tasks.compute import jit, precision
from lenszoo.tasks.optimizers import build_optimizer
from lenszoo.tasks.pretext.data import open_pool
from lenszoo.tasks.pretext.posed import PosedBatches, Problem, denoising, held_out, rotation
from lenszoo.tasks.pretext.probe import cross_validate_frozen, frozen_features
from lenszoo.tasks.pretext.report import Embedding, Probe, pretext_report
from lenszoo.tasks.pretext.views import ViewModel, comparison, fixed_views, retrieval
from lenszoo.tasks.recipe_tables import Contrastive, Denoising, SimSiam, TwoViews
from lenszoo.tasks.recipes import PretextRecipe
from lenszoo.tasks.sources import TrainingData

log = logging.getLogger("lenszoo")

PROBE_LABELS = 215  # as many as the reference systems were given


class PretextTask:
    """See :class:`lenszoo.tasks.base.Task`.

    What is trained and saved is a classifier of the catalogue whose logits are those of the
    pretext: four quarter turns, strengths of noise, or the vector that views share. Built with its
    weights for other classes, it has a new head on the trained backbone.
    """

    monitor = "val_score"
    phases: tuple[int, ...] = (0,)

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
        self.pool = pool or open_pool(recipe)
        if recipe.method == "rotation" or recipe.augment == "d4":
            check_square(self.pool.image_shape)
        self.steps_per_epoch = -(-self.pool.train_images // recipe.batch_size)
        self._validation: tuple[np.ndarray, np.ndarray] | None = None
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
        """What makes one view of an image."""
        return LensAugmentation(self.views.strength, self.recipe.augment == "d4", seed=seed)

    def _classifier(self, weights: str | None) -> keras.Model:
        recipe = self.recipe
        outputs = len(self.problem.names) if self.problem else self.views.projection
        return build_model(
            recipe.model,
            input_shape=images_shape(recipe.input_shape, self.pool.image_shape),
            num_classes=outputs,
            weights=weights,
            **recipe.options,
        )

    def compile(self, model: keras.Model, epoch: int) -> None:
        """Compile for the whole run; there is one phase."""
        recipe = self.recipe
        posed: dict[str, Any] = {}
        if self.problem is not None:
            posed["loss"] = SmoothedCrossEntropy(len(self.problem.names), 0.0)
            posed["metrics"] = ["sparse_categorical_accuracy"]
        model.compile(
            optimizer=build_optimizer(recipe.optimizer, recipe.epochs, self.steps_per_epoch),
            jit_compile=jit(recipe.jit_compile),
            **posed,
        )

    def epoch(self, epoch: int) -> Any:
        """Training batches of an epoch."""
        if self.problem is None:  # views are turned as they are drawn
            return self.pool.epoch(epoch, None)
        augment = None if self.recipe.augment == "none" else self.problem.augment
        batches = self.pool.epoch(epoch, augment)
        return PosedBatches(batches, self.problem, self.recipe.seed, epoch)

    def answers(self, model: keras.Model) -> keras.Model:
        """The classifier."""
        return model.network if isinstance(model, ViewModel) else model

    def validate(self, model: keras.Model) -> dict[str, float]:
        """Score on held-out images, and how much of its space the embedding fills.

        ``val_score`` is the accuracy of the answers to what was posed or, of two views, the share
        whose nearest vector is their partner's.
        """
        images = self.pool.validation().images
        if self._validation is None:
            if self.problem is not None:
                self._validation = held_out(images, self.problem, self.recipe.data_seed)
            else:
                self._validation = fixed_views(images, self._view)
        shown, known = self._validation
        answers = predict_logits(model, shown)
        check_answers(answers)
        scores = self._scores(model, answers, known)
        if self._features is None or self._features[0] is not model:
            # once a run: every new network is compiled anew
            self._features = (model, feature_model(model))
        found = collapse(predict_logits(self._features[1], images))
        if found.collapsed:
            log.warning(
                "The embedding has collapsed (deviation %.3g a dimension, effective rank %.1f): "
                "it says the same of all images. Lower optimizer.learning_rate, or choose another "
                "method.",
                found.std_mean,
                found.effective_rank,
            )
        return scores | {
            "embedding_std": found.std_mean,
            "effective_rank": found.effective_rank,
        }

    def _scores(
        self, model: keras.Model, answers: np.ndarray, known: np.ndarray
    ) -> dict[str, float]:
        if self.problem is None:
            return {"val_score": retrieval(answers, predict_logits(model, known))}
        return {
            "val_score": metrics.accuracy(known, answers),
            "val_log_loss": metrics.log_loss(known, answers),
        }

    def identity(self) -> dict[str, Any]:
        """Method and data, for ``run.json``."""
        return {
            "task": "pretext",
            "method": self.recipe.method,
            "classes": list(self.problem.names) if self.problem else [],
            "pixel_scale": self.pool.describe.get("pixel_scale"),
            "data": self.pool.describe,
        }

    def report(
        self, model: keras.Model, history: list[dict[str, Any]], folder: Path
    ) -> dict[str, Any]:
        """Report on held-out images: the score, the embedding, and what a linear head makes of it.

        Where labels are known, as on a simulated sky, ``PROBE_LABELS`` of them serve the protocol
        of :func:`lenszoo.training.cross_validate_frozen`, for the trained backbone and for the
        random one that it started from.
        """
        split = "test" if self.pool.test else "validation"
        held = self.pool.test() if self.pool.test else self.pool.validation()
        keras.utils.set_random_seed(self.recipe.seed)
        start = self._classifier(self.recipe.weights)
        shown = f"{len(held.images):,} {split} images"
        embeddings = {
            "pretext": self._embedding(model, held),
            "start": self._embedding(start, held),
        }
        report = pretext_report(
            embeddings,
            score=float(max(row["val_score"] for row in history)),
            method=self.recipe.method,
            chance=1.0 / len(self.problem.names if self.problem else self.pool.validation().images),
            labels=held.labels,
            history=history,
            title=f"{self.recipe.model} after {self.recipe.method}, on {shown}",
            provenance=provenance(self.recipe.seed)
            | {"model": model_config(model)["model"], "data": self.pool.describe, "split": split},
        )
        report.save(folder)
        return report.metrics

    def _embedding(self, model: keras.Model, held: Dataset) -> Embedding:
        features = frozen_features(model, held.images)
        probe = None
        if held.labels is not None and len(features) >= PROBE_LABELS:
            found = cross_validate_frozen(
                features[:PROBE_LABELS], held.labels[:PROBE_LABELS], seed=self.recipe.seed
            )
            probe = Probe(PROBE_LABELS, found.mean, found.spread)
        return Embedding(features, collapse(features), probe)
