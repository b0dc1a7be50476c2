"""Classification: any classifier of the registry on a simulated sky or on files."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import keras
import numpy as np

from lenszoo.data import Dataset, DatasetIndex
from lenszoo.data.observation import summarise
from lenszoo.errors import LenszooError
from lenszoo.files import expanded
from lenszoo.inference.gathered import LOOKS
from lenszoo.inference.loaded_model import open_model
from lenszoo.inference.tta import tta_logits
from lenszoo.metrics import classification as metrics
from lenszoo.metrics.temperature import settled_temperature
from lenszoo.models.build import check_logits
from lenszoo.models.in_batches import in_batches
from lenszoo.pretrained.loading import build_model
from lenszoo.pretrained.temperature import set_temperature, temperature_of
from lenszoo.tasks.base import Options, Task, phases_of
from lenszoo.tasks.checks import check_answers, check_classes, images_shape
from lenszoo.tasks.classify.corpus import Corpus, CorpusBatches, open_corpus
from lenszoo.tasks.classify.distill import Distilled, load_teacher
from lenszoo.tasks.classify.recipe import ClassifyRecipe, Distill
from lenszoo.tasks.classify.report import ClassificationReport, classification_report
from lenszoo.tasks.compute import precision
from lenszoo.tasks.grow import grow_from
from lenszoo.tasks.labelled import answer_labelled
from lenszoo.tasks.sources import (
    TrainingData,
    from_index,
    need_labels,
    open_source,
    read_csv,
)
from lenszoo.tasks.warm_start import match_head

PREDICT_BATCH = 128
OBSERVED = 512
"""Images at most that noise, sharpness and place of the light are measured on."""


class ClassifyTask(Task):
    """Training and score of a classifier; see :class:`lenszoo.tasks.base.Task`."""

    published = (
        "n", "macro_ovr_auc", "macro_ovo_auc", "per_class_auc", "accuracy", "log_loss", "ece",
    )  # fmt: skip
    intervals = ("macro_ovr_auc", "accuracy")
    fold_scores = ("macro_ovr_auc", "accuracy", "log_loss")

    def __init__(self, recipe: ClassifyRecipe, source: TrainingData | None = None):
        self.recipe = recipe
        self.source = source or open_source(recipe)
        height, width = self.source.image_shape[:2]
        needs = {
            "tta turns images by quarters, which needs square ones": recipe.tta,
            "distill.hints needs square images": recipe.distill and recipe.distill.hints,
        }
        for need, option in needs.items():
            if option and height != width:
                raise LenszooError(f"{need}, not {height} x {width}: leave it out or crop them.")
        self.steps_per_epoch = -(-self.source.train_images // recipe.batch_size)
        self.phases = phases_of(recipe)
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
            streams = recipe.corpus is None or recipe.curriculum
            teacher = self._teacher(recipe.distill) if streams else None
            # in here, since Keras scales the loss of a model whose own policy is float16
            return Distilled(model, teacher, recipe.distill)

    def loss(self) -> dict[str, Any]:
        """Cross-entropy with label smoothing, and the accuracy beside it."""
        smoothing = self.recipe.label_smoothing
        return {
            "loss": SmoothedCrossEntropy(len(self.source.class_names), smoothing),
            "metrics": ["sparse_categorical_accuracy"],
        }

    def _teacher(self, distill: Distill) -> keras.Model:
        return load_teacher(distill, self.source.image_shape, self.source.class_names)

    def epoch(self, epoch: int) -> Any:
        """Training batches of an epoch; a curriculum's stages are streamed beside a corpus."""
        if self.recipe.corpus is None or self.recipe.strength(epoch) != 1.0:
            return self.source.epoch(epoch)
        return CorpusBatches(self.corpus(), self.recipe, epoch, self.source.image_shape)

    def corpus(self) -> Corpus:
        """The corpus of a recipe that has one, made where it is missing."""
        if self._corpus is None:
            self._corpus = open_corpus(self.recipe, self._teacher)
        return self._corpus

    def validate(self, model: keras.Model) -> dict[str, float]:
        """Exact macro ROC-AUC (one against the rest), accuracy and log loss.

        The temperature that calibrates the probabilities is fitted on the way.
        """
        held = self.validation
        # images with bad pixels may have been left out
        check_classes(held.labels, self.source.class_names)
        logits = predict_logits(model, held.images)
        check_answers(logits)
        temperature = settled_temperature(held.labels, logits)
        set_temperature(model, temperature)
        return {
            "val_auc": metrics.roc_auc(held.labels, logits),
            "val_accuracy": metrics.accuracy(held.labels, logits),
            "val_log_loss": metrics.log_loss(held.labels, logits),
            "temperature": temperature,
        }

    def identity(self) -> dict[str, Any]:
        """Classes and data, for ``run.json``."""
        return {
            "task": "classify",
            "classes": list(self.source.class_names),
            "pixel_scale": self.source.describe.get("pixel_scale"),
            "observation": self._observation(),
            "data": self.source.describe,
        }

    def _observation(self) -> dict[str, Any] | None:
        """Measure noise, sharpness and place of the light on images that no step learned from."""
        seen = summarise(self.validation.images[:OBSERVED])
        return None if seen is None else asdict(seen)

    def beside(self, model: keras.Model, data: Dataset) -> dict[str, Any]:
        """Logits averaged over turns and flips where the recipe wants them."""
        looks = tta_logits(model, data.images, PREDICT_BATCH) if self.recipe.tta else None
        return {"tta": looks}

    @classmethod
    def folds(cls, recipe: ClassifyRecipe, count: int) -> "Iterator[ClassifyTask]":
        """Yield a training for each stratified split of the recipe's files."""
        data = recipe.data
        if data.preset is not None:
            raise LenszooError(
                "Cross-validation needs files; a simulated sky has fresh images instead."
            )
        if data.csv is not None:
            index = read_csv(data)
        elif data.stack is not None:
            index = DatasetIndex.from_stack(data.stack, data.classes)
            need_labels(index)
        else:
            root = expanded(data.directory or "")
            root = root / "train" if (root / "train").is_dir() else root
            index = DatasetIndex.from_directory(root, classes=data.classes)
        # part of each run's recipe, so that a folder of 5 folds does not go on as one of 4
        recipe = recipe.model_copy(update={"folds": count})
        for training, held_out in index.folds(count, recipe.data_seed):
            yield cls(recipe, from_index(recipe, training, held_out))

    def about(self) -> dict[str, Any]:
        """The teacher, for the provenance of the report."""
        return {"teacher": self.recipe.distill.teacher} if self.recipe.distill else {}

    @classmethod
    def score(
        cls,
        model: keras.Model,
        data: Dataset,
        *,
        logits: np.ndarray | None = None,
        tta: np.ndarray | None = None,
        **about: Any,
    ) -> ClassificationReport:
        """Score a classifier on images, beside the shortcut baseline.

        Args:
            model: the classifier.
            data: images with labels.
            logits: its answers (n, classes), where they are known already.
            tta: answers averaged over turns and flips.
            **about: ``title``, ``history``, ``provenance`` and ``seed`` of the report.
        """
        if logits is None:
            logits = predict_logits(model, data.images)
        return classification_report(
            data.labels,
            logits,
            data.class_names,
            images=data.images,
            model=model,
            temperature=temperature_of(model),
            tta=tta,
            ids=data.ids,
            **about,
        )

    @classmethod
    def figure(cls, model: keras.Model, data: Dataset) -> float:
        """Macro ROC-AUC, one against the rest."""
        return metrics.roc_auc(data.labels, predict_logits(model, data.images))

    @classmethod
    def evaluate(
        cls, model: Any, data: Any, options: Options, **about: Any
    ) -> ClassificationReport:
        """Score a classifier on class folders, a CSV, an index or a sample."""
        answers = answer_labelled(open_model(model, options.classes), data, options)
        report = cls.score(
            answers.opened.model,
            answers.examples,
            logits=answers.logits,
            tta=answers.looks.get(LOOKS),
            **answers.about(cls.noun, about),
        )
        report.notes = [*report.notes, *answers.examples.notes]
        return report

    @classmethod
    def release(cls, report: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Figures for the manifest, and those of the shortcut baseline."""
        test, _ = super().release(report)
        shortcut = report.metrics["shortcut"]
        return test, {"shortcut": {k: shortcut[k] for k in ("macro_ovr_auc", "per_class_auc")}}


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
