"""The lens-finding task: images and a table on a simulated sky or a catalogue."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from lenszoo.data import Cutouts
from lenszoo.data.names import LENS_CLASSES
from lenszoo.errors import LenszooError
from lenszoo.metrics import classification as metrics
from lenszoo.metrics.temperature import LOWEST, fit_temperature
from lenszoo.models.in_batches import in_batches
from lenszoo.models.lens_finder import BRANCHES, branch
from lenszoo.models.registry import model_info
from lenszoo.pretrained.loading import build_model, model_config
from lenszoo.pretrained.source import resolve
from lenszoo.provenance import provenance
from lenszoo.tasks.checks import check_answers, images_shape
from lenszoo.tasks.compute import jit, precision
from lenszoo.tasks.find_lenses.data import STATISTICS, open_lenses
from lenszoo.tasks.find_lenses.report import LensFindingReport, lens_finding_report
from lenszoo.tasks.optimizers import build_optimizer
from lenszoo.tasks.recipes import FindLensesRecipe
from lenszoo.tasks.sources import TrainingData

PREDICT_BATCH = 256


class FindLensesTask:
    """See :class:`lenszoo.tasks.base.Task`."""

    monitor = "val_auc"
    phases: tuple[int, ...] = (0,)

    def __init__(self, recipe: FindLensesRecipe, source: TrainingData | None = None):
        self.recipe = recipe
        check_finder(recipe.model)
        self.source = source or open_lenses(
            recipe.data, recipe.use, recipe.data_seed, allow_leaks=recipe.allow_leaky_columns
        )
        if recipe.weights is not None:
            check_bands(recipe.weights, self.source.bands)
        self.steps_per_epoch = -(-self.source.train_images // recipe.batch_size)
        self._validation: Cutouts | None = None

    def build(self) -> keras.Model:
        """The lens finder, its scales and means taken from the training cutouts."""
        recipe, source = self.recipe, self.source
        shape = images_shape(recipe.input_shape, source.image_shape)
        options = {"use": recipe.use, "columns": list(source.columns), **recipe.options}
        with precision(recipe.mixed_precision):
            model = build_model(recipe.model, input_shape=shape, weights=recipe.weights, **options)
        if recipe.weights is None:
            adapt_scales(model, source.first())
        return model

    def compile(self, model: keras.Model, epoch: int) -> None:
        """Compile for the whole run; there is one phase."""
        recipe = self.recipe
        model.compile(
            optimizer=build_optimizer(recipe.optimizer, recipe.epochs, self.steps_per_epoch),
            loss=keras.losses.BinaryCrossentropy(
                from_logits=True, label_smoothing=recipe.label_smoothing
            ),
            jit_compile=jit(recipe.jit_compile),
        )

    def epoch(self, epoch: int) -> Any:
        """Training batches of an epoch."""
        augment = None if self.recipe.augment == "none" else self.recipe.augment
        return self.source.epoch(epoch, self.recipe.batch_size, augment)

    def answers(self, model: keras.Model) -> keras.Model:
        """The lens finder itself."""
        return model

    def validate(self, model: keras.Model) -> dict[str, float]:
        """Exact ROC-AUC and log loss; the temperature is fitted on the way."""
        if self._validation is None:
            self._validation = self.source.validation()
        return calibrate(model, self._validation)

    def identity(self) -> dict[str, Any]:
        """Classes, bands and data, for ``run.json``."""
        return {
            "task": "find_lenses",
            "classes": list(LENS_CLASSES),
            "bands": list(self.source.bands),
            "pixel_scale": self.source.describe.get("pixel_scale"),
            "data": self.source.describe,
        }

    def report(
        self, model: keras.Model, history: list[dict[str, Any]], folder: Path
    ) -> dict[str, Any]:
        """Report on the test examples, or on the validation examples where there are none."""
        split, held = self.held_out()
        report = self.scored(model, history, split, held)
        report.save(folder)
        return report.metrics

    def held_out(self) -> tuple[str, Cutouts]:
        """The examples to report on, and of which split they are."""
        if self.source.test:
            return "test", self.source.test()
        return "validation", self.source.validation()

    def scored(
        self, model: keras.Model, history: list[dict[str, Any]], split: str, held: Cutouts
    ) -> LensFindingReport:
        """The report on some examples."""
        scores = branch_logits(model, held)
        main = next(iter(scores.values()))
        return lens_finding_report(
            held.known_labels(),
            scores,
            uncalibrated=main * float(model.get_layer("temperature").temperature),
            truth=held.truth,
            images=held.images,
            bands=self.source.bands or None,
            table=held.table if held.columns else None,
            columns=held.columns or None,
            ids=held.ids,
            leaks=self.source.leaks,
            history=history,
            title=f"{self.recipe.model} on {len(held):,} {split} images",
            provenance=provenance(self.recipe.seed)
            | {"model": model_config(model)["model"], "data": self.source.describe, "split": split},
            seed=self.recipe.seed,
        )


def check_finder(name: str) -> None:
    """Raise LenszooError unless a row of the catalogue finds lenses."""
    if model_info(name).task != "find_lenses":
        raise LenszooError(
            f"{name} is no lens finder: see `lenszoo models --task find_lenses`; as its image "
            f'branch it is options.backbone = "{name}".'
        )


def check_bands(weights: str, bands: tuple[str, ...]) -> None:
    """Raise LenszooError where weights were trained on other bands, or in another order."""
    trained = resolve(weights).bands
    if trained and bands and trained != bands:
        raise LenszooError(
            f"{weights} was trained on the bands {', '.join(trained)}, the data have "
            f"{', '.join(bands)}; name them in that order, data.bands."
        )


def adapt_scales(model: keras.Model, cutouts: Cutouts) -> None:
    """Set the stretch of the image branch and the means of the table branch from cutouts.

    Of many, a sample from first to last is looked at: a catalogue may be sorted.
    """
    names = [layer.name for layer in model.layers]
    rows = np.linspace(0, len(cutouts) - 1, min(len(cutouts), STATISTICS)).astype(int)
    if "stretch" in names:
        assert cutouts.images is not None  # a model with an image branch was given images
        model.get_layer("stretch").adapt(cutouts.images[rows])
    if "columns" in names:
        model.get_layer("columns").adapt(cutouts.table[rows])


def lens_logits(model: keras.Model, inputs: Any) -> np.ndarray:
    """(n,) float32 calibrated logits of a lens finder."""
    return in_batches(model, inputs, PREDICT_BATCH)[:, 0]


def branch_logits(model: keras.Model, cutouts: Cutouts) -> dict[str, np.ndarray]:
    """Logits of the whole network and, of one of two branches, of each branch alone."""
    inputs = cutouts.inputs()
    if not isinstance(inputs, dict):
        only = "table only" if cutouts.images is None else "image only"
        return {only: lens_logits(model, inputs)}
    whole = {"image and table": lens_logits(model, inputs)}
    return whole | {
        f"{use} only": lens_logits(branch(model, use), inputs[taken])
        for use, taken in BRANCHES.items()
    }


def calibrate(model: keras.Model, held: Cutouts) -> dict[str, float]:
    """Validation scores; the temperature that the model divides its logits by is fitted anew.

    Examples that the logits tell apart without an error set no temperature but 0: it stays 1.

    Raises:
        LenszooError: the model answers NaN.
    """
    temperature = model.get_layer("temperature").temperature
    temperature.assign(1.0)
    logits = lens_logits(model, held.inputs())
    check_answers(logits)
    labels = held.known_labels()
    fitted = fit_temperature(labels, logits)
    if fitted <= LOWEST:
        fitted = 1.0
    temperature.assign(fitted)
    return {
        "val_auc": metrics.roc_auc(labels, logits),
        "val_log_loss": metrics.log_loss(labels, logits / fitted),
        "temperature": fitted,
    }
