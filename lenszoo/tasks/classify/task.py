"""The classification task: any classifier of the catalogue on a sky or on files."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from lenszoo.data import Dataset
from lenszoo.errors import LenszooError
from lenszoo.inference.tta import tta_logits
from lenszoo.metrics import classification as metrics
from lenszoo.models.build import check_logits
from lenszoo.models.in_batches import in_batches
from lenszoo.pretrained.loading import build_model, model_config
from lenszoo.provenance import provenance
from lenszoo.tasks.blocks import freeze, layer_rates
from lenszoo.tasks.checks import check_answers, check_classes, images_shape
from lenszoo.tasks.classify.corpus import Corpus, CorpusBatches, open_corpus
from lenszoo.tasks.classify.distill import Distilled, load_teacher
from lenszoo.tasks.classify.report import classification_report
from lenszoo.tasks.compute import jit, precision
from lenszoo.tasks.grow import grow_from
from lenszoo.tasks.optimizers import build_optimizer
from lenszoo.tasks.recipe_tables import Distill
from lenszoo.tasks.recipes import ClassifyRecipe
from lenszoo.tasks.sources import TrainingData, open_source
from lenszoo.tasks.warm_start import match_head

PREDICT_BATCH = 128


class ClassifyTask:
    """See :class:`lenszoo.tasks.base.Task`."""

    monitor = "val_auc"

    def __init__(self, recipe: ClassifyRecipe, source: TrainingData | None = None):
        self.recipe = recipe
        self.source = source or open_source(recipe)
        height, width = self.source.image_shape[:2]
        if recipe.tta and height != width:
            raise LenszooError(
                f"tta turns images by quarters, which needs square ones, not {height} x {width}: "
                "leave it out or crop them."
            )
        self.steps_per_epoch = -(-self.source.train_images // recipe.batch_size)
        self.phases: tuple[int, ...] = (0, recipe.unfreeze_after) if recipe.unfreeze_after else (0,)
        self._frozen: list[keras.layers.Layer] = []
        self._validation: Dataset | None = None
        self._corpus: Corpus | None = None

    def build(self) -> keras.Model:
        """The classifier, with its teacher beside it where the recipe has one."""
        recipe = self.recipe
        classes = len(self.source.class_names)
        shape = images_shape(recipe.input_shape, self.source.image_shape)
        with precision(recipe.mixed_precision):
            model = build_model(
                recipe.model,
                input_shape=shape,
                num_classes=classes,
                weights=recipe.weights,
                **recipe.options,
            )
            check_logits(model, recipe.model)
            if recipe.weights is not None:
                match_head(model, recipe.model, recipe.weights, self.source.class_names)
            if recipe.grow is not None:
                grow_from(recipe.grow, model, recipe.seed, self.source.class_names)
            if recipe.distill is None:
                return model
            teacher = None if recipe.corpus else self._teacher(recipe.distill)
            # in here, since Keras scales the loss of a model whose own policy is float16
            return Distilled(model, teacher, recipe.distill)

    def compile(self, model: keras.Model, epoch: int) -> None:
        """Freeze what the phase of ``epoch`` freezes, and compile."""
        recipe, start = self.recipe, max(p for p in self.phases if p <= epoch)
        if start:
            for layer in self._frozen:
                layer.trainable = True
        elif recipe.freeze is not None:
            self._frozen = freeze(model, recipe.freeze)
        decay = recipe.optimizer.layer_decay
        model.compile(
            optimizer=build_optimizer(
                recipe.optimizer,
                recipe.epochs,
                self.steps_per_epoch,
                first_epoch=start,
                rates=layer_rates(model, decay) if decay < 1 else None,
            ),
            loss=SmoothedCrossEntropy(len(self.source.class_names), recipe.label_smoothing),
            metrics=["sparse_categorical_accuracy"],
            jit_compile=jit(recipe.jit_compile),
        )

    def _teacher(self, distill: Distill) -> keras.Model:
        return load_teacher(distill, self.source.image_shape, self.source.class_names)

    def epoch(self, epoch: int) -> Any:
        """Training batches of an epoch."""
        if self.recipe.corpus is None:
            return self.source.epoch(epoch)
        return CorpusBatches(self.corpus(), self.recipe, epoch, self.source.image_shape)

    def corpus(self) -> Corpus:
        """The corpus of a recipe that has one, made where it is missing."""
        if self._corpus is None:
            self._corpus = open_corpus(self.recipe, self._teacher)
        return self._corpus

    def validate(self, model: keras.Model) -> dict[str, float]:
        """Exact macro ROC-AUC (one against the rest), accuracy and log loss."""
        if self._validation is None:
            self._validation = self.source.validation()
            # those with bad pixels may have been left out
            check_classes(self._validation.labels, self.source.class_names)
        held = self._validation
        logits = predict_logits(model, held.images)
        check_answers(logits)
        return {
            "val_auc": metrics.roc_auc(held.labels, logits),
            "val_accuracy": metrics.accuracy(held.labels, logits),
            "val_log_loss": metrics.log_loss(held.labels, logits),
        }

    def answers(self, model: keras.Model) -> keras.Model:
        """The classifier itself."""
        return model

    def identity(self) -> dict[str, Any]:
        """Classes and data, for ``run.json``."""
        return {
            "task": "classify",
            "classes": list(self.source.class_names),
            "pixel_scale": self.source.describe.get("pixel_scale"),
            "data": self.source.describe,
        }

    def report(
        self, model: keras.Model, history: list[dict[str, Any]], folder: Path
    ) -> dict[str, Any]:
        """Classification report of the test images, or of the validation images where none are."""
        split = "test" if self.source.test else "validation"
        held = self.source.test() if self.source.test else self.source.validation()
        report = classification_report(
            held.labels,
            predict_logits(model, held.images),
            self.source.class_names,
            images=held.images,
            model=model,
            tta=tta_logits(model, held.images, PREDICT_BATCH) if self.recipe.tta else None,
            ids=held.ids,
            history=history,
            title=f"{self.recipe.model} on {len(held.labels):,} {split} images",
            provenance=provenance(self.recipe.seed)
            | {"model": model_config(model)["model"], "data": self.source.describe, "split": split}
            | ({"teacher": self.recipe.distill.teacher} if self.recipe.distill else {}),
            seed=self.recipe.seed,
        )
        report.save(folder)
        return report.metrics


def predict_logits(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """(n, classes) float32 answers to (n, H, W, bands) images, in batches of one size."""
    return in_batches(model, images, PREDICT_BATCH)


class SmoothedCrossEntropy(keras.losses.Loss):
    """Cross-entropy of integer labels on logits, with label smoothing.

    Keras smooths only one-hot labels; readers and simulators give integers.
    """

    def __init__(self, num_classes: int, smoothing: float):
        super().__init__(name="cross_entropy")
        self.num_classes, self.smoothing = num_classes, smoothing

    def call(self, y_true, y_pred):
        """Loss a sample."""
        labels = keras.ops.reshape(keras.ops.cast(y_true, "int32"), (-1,))
        one_hot = keras.ops.one_hot(labels, self.num_classes, dtype=y_pred.dtype)
        target = one_hot * (1.0 - self.smoothing) + self.smoothing / self.num_classes
        return -keras.ops.sum(target * keras.ops.log_softmax(y_pred, axis=-1), axis=-1)
