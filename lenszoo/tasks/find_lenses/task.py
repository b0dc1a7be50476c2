"""Lens finding: images and a table, of a simulated sky or of a catalogue."""

import logging
from typing import Any

import keras
import numpy as np

from lenszoo.data import Cutouts, Leak, find_leaks
from lenszoo.data.names import LENS_CLASSES
from lenszoo.data.written import written_galaxies
from lenszoo.errors import LenszooError
from lenszoo.inference.loaded_model import open_model
from lenszoo.metrics import classification as metrics
from lenszoo.metrics.combined import Combination, combine
from lenszoo.metrics.lens_finding import tpr10
from lenszoo.metrics.prevalence import TRAINED_PREVALENCE, label_shift
from lenszoo.metrics.temperature import settled_temperature
from lenszoo.models.in_batches import in_batches
from lenszoo.models.lens_finder import BRANCHES, branch
from lenszoo.models.registry import model_info
from lenszoo.pretrained.source import resolve
from lenszoo.simulation.cutouts import sample_cutouts
from lenszoo.tasks.base import Bands, Options, Task, phases_of
from lenszoo.tasks.checks import check_answers, images_shape
from lenszoo.tasks.compute import precision
from lenszoo.tasks.find_lenses.colours import finder_weights, fit_colours, start_model
from lenszoo.tasks.find_lenses.data import STATISTICS, open_lenses
from lenszoo.tasks.find_lenses.input_scale import check_inputs, input_scale
from lenszoo.tasks.find_lenses.recipe import FindLensesRecipe
from lenszoo.tasks.find_lenses.report import LensFindingReport, lens_finding_report
from lenszoo.tasks.labelled import answer_labelled
from lenszoo.tasks.sources import TrainingData

log = logging.getLogger("lenszoo")

PREDICT_BATCH = 256


class FindLensesTask(Task):
    """Training and score of a lens finder; see :class:`lenszoo.tasks.base.Task`."""

    published = (
        "n", "lenses", "nonlenses", "auc", "average_precision", "tpr_1e-2", "tpr_1e-3", "tpr0",
        "tpr10", "log_loss", "calibration_error", "intervals", "by_score",
    )  # fmt: skip
    finds_lenses = True
    baselines = ("baselines",)

    def __init__(self, recipe: FindLensesRecipe, source: TrainingData | None = None):
        self.recipe = recipe
        check_finder(recipe.model)
        self.source = source or open_lenses(
            recipe.data, recipe.use, recipe.data_seed, allow_leaks=recipe.allow_leaky_columns
        )
        if (weights := finder_weights(recipe)) is not None:
            check_bands(weights, self.source.bands)
        self.steps_per_epoch = -(-self.source.train_images // recipe.batch_size)
        self.phases = phases_of(recipe)

    def build(self) -> keras.Model:
        """The lens finder, its scales and means taken from the training cutouts."""
        recipe, source = self.recipe, self.source
        if source.columns and source.parts:
            log.info("columns to learn from: %s", ", ".join(source.columns))
        shape = images_shape(recipe.input_shape, source.image_shape)
        options = {"use": recipe.use, "columns": list(source.columns), **recipe.options}
        with precision(recipe.mixed_precision):
            model = start_model(recipe, shape, options)
        weights = finder_weights(recipe)
        if weights is None:
            adapt_scales(model, source.first())
        elif recipe.adapt_scales:
            adapt_stretch(model, source.first())
        else:
            check_inputs(weights, source.first())
            trained = resolve(weights).config
            if trained is not None and shape is not None and trained.input_shape[2] != shape[2]:
                adapt_stretch(model, source.first())  # its scales are of other bands
        if recipe.options.get("colours"):
            fit_colours(model, source.first())
        return model

    def loss(self) -> dict[str, Any]:
        """Binary cross-entropy on logits, with label smoothing."""
        smoothing = self.recipe.label_smoothing
        return {"loss": keras.losses.BinaryCrossentropy(True, label_smoothing=smoothing)}

    def epoch(self, epoch: int) -> Any:
        """Training batches of an epoch."""
        augment = None if self.recipe.augment == "none" else self.recipe.augment
        return self.source.epoch(epoch, self.recipe.batch_size, augment)

    def validate(self, model: keras.Model) -> dict[str, float]:
        """Exact ROC-AUC and log loss; the temperature is fitted on the way."""
        trained = self._prevalence().get("prevalence", TRAINED_PREVALENCE)
        return calibrate(model, self.validation, trained)

    def identity(self) -> dict[str, Any]:
        """Classes, bands and data, for ``run.json``."""
        return self._prevalence() | {
            "task": "find_lenses",
            "classes": list(LENS_CLASSES),
            "bands": list(self.source.bands),
            "pixel_scale": self.source.describe.get("pixel_scale"),
            "inputs": input_scale(self.source, self.recipe.data),
            "data": self.source.describe,
        }

    def beside(self, model: keras.Model, data: Cutouts) -> dict[str, Any]:
        """Columns that give the label away, and the share of lenses in training."""
        shares = {f"trained_{name}": value for name, value in self._prevalence().items()}
        return {"leaks": self.source.leaks} | shares

    def _prevalence(self) -> dict[str, float]:
        """Share of lenses among painted examples or those in files; in a sky it is a half."""
        ratio = self.source.describe.get("negatives", {}).get("ratio")
        share = self.source.describe.get("lens_share") if ratio is None else 1.0 / (1.0 + ratio)
        return {"prevalence": share} if share is not None and 0 < share < 1 else {}

    @classmethod
    def sample(
        cls, model: keras.Model, preset: str, n: int, seed: int, bands: Bands = None
    ) -> Cutouts:
        """Draw candidates of the test split of a sky, with the columns that the model takes."""
        opened = open_model(model)
        columns = opened.columns if "table" in opened.takes else ()
        return sample_cutouts(
            preset,
            n,
            seed,
            "test",
            bands=bands or opened.bands or None,
            columns=columns,
            images="images" in opened.takes,
        )

    @classmethod
    def score(
        cls,
        model: keras.Model,
        data: Cutouts,
        *,
        logits: dict[str, np.ndarray] | None = None,
        leaks: list[Leak] | None = None,
        before: keras.Model | None = None,
        **about: Any,
    ) -> LensFindingReport:
        """Score a lens finder on candidates, beside baselines on images and table.

        Args:
            model: the lens finder.
            data: candidates with labels.
            logits: its answers (n,) by name, where they are known already, see
                :func:`branch_logits`.
            leaks: columns that give the label away.
            before: the lens finder before it was adapted, whose scores are stored beside.
            **about: ``title``, ``history``, ``provenance`` and ``seed`` of the report.
        """
        labels, scores = data.known_labels(), logits or branch_logits(model, data)
        layers = [layer for layer in model.layers if layer.name == "temperature"]
        main = next(iter(scores.values()))
        report = lens_finding_report(
            labels,
            scores,
            uncalibrated=main * float(layers[0].temperature) if layers else None,
            truth=data.truth,
            images=data.images,
            bands=data.bands or None,
            table=data.table if data.columns else None,
            columns=data.columns or None,
            ids=data.ids,
            leaks=leaks,
            groups=_galaxies(data),
            **about,
        )
        if before is not None:
            earlier = lens_logits(before, data.inputs())
            report.metrics["before"] = {
                "auc": metrics.roc_auc(labels, earlier),
                "tpr10": tpr10(labels, earlier),
            }
        return report

    @classmethod
    def figure(cls, model: keras.Model, data: Cutouts) -> float:
        """ROC-AUC of the whole network."""
        return metrics.roc_auc(data.known_labels(), lens_logits(model, data.inputs()))

    @classmethod
    def evaluate(cls, model: Any, data: Any, options: Options, **about: Any) -> LensFindingReport:
        """Score a lens finder on a catalogue, cutouts, class folders or a sample."""
        answers = answer_labelled(open_model(model, options.classes), data, options)
        examples, takes = answers.examples, list(answers.opened.takes)
        labels, leaks = examples.known_labels(), None
        if examples.columns and 0 < labels.sum() < len(labels):
            leaks = find_leaks(examples.table, examples.columns, labels)
        main = "image and table" if len(takes) == 2 else f"{takes[0].removesuffix('s')} only"
        main = "mean of logits" if answers.members else main
        logits = {main: answers.logits} | answers.looks | answers.members
        odds = {name: pair[:, 1] - pair[:, 0] for name, pair in logits.items()}
        trained, stack = answers.opened.prevalence, None
        if answers.members and 1 < labels.sum() < len(labels) - 1:
            members = {name: odds[name] for name in answers.members}
            stack = combine(labels, members, trained=trained, seed=options.seed)
            joint = {CALIBRATED: stack.mean, STACK: stack.stack}
            odds = {main: odds.pop(main)} | joint | odds
        report = cls.score(
            answers.opened.model,
            examples,
            logits=odds,
            leaks=leaks,
            trained_prevalence=trained,
            **answers.about("candidates", about),
        )
        if stack is not None:
            report.metrics["stack"] = {
                "weights": stack.weights, "intercept": stack.intercept, "folds": stack.folds
            }  # fmt: skip
        report.notes = [*report.notes, *stack_notes(stack), *examples.notes]
        return report


def _galaxies(data: Cutouts) -> np.ndarray | None:
    """Galaxy that each image shows, of painted data and written folders; None for other data."""
    if "galaxies" in data.provenance:  # of painted data, the groups are its galaxies
        return data.groups
    folder = data.provenance.get("directory") or data.provenance.get("data")
    return written_galaxies(folder, data.ids) if isinstance(folder, str) else None


CALIBRATED, STACK = "mean of calibrated logits", "logistic stack"


def stack_notes(stack: Combination | None) -> list[str]:
    """Sentences on how members were combined."""
    if stack is None:
        return []
    terms = " + ".join(f"{weight:.3g} x {name}" for name, weight in stack.weights.items())
    return [
        "The mean of calibrated logits and the logistic stack are cross-validated in "
        f"{stack.folds} folds of these data; the mean of logits is what predict answers. The stack "
        f"fitted to all objects: logit = {terms} {stack.intercept:+.3g}."
    ]


def check_finder(name: str) -> None:
    """Raise LenszooError unless a row of the catalogue finds lenses."""
    if model_info(name).task != "find_lenses":
        raise LenszooError(
            f"{name} is no lens finder: see `lenszoo models --task find_lenses`; as its image "
            f'branch it is options.backbone = "{name}".'
        )


_SKIES = {"data": "the data", "source": "those of the source"}


def check_bands(weights: str, bands: tuple[str, ...], field: str = "data") -> None:
    """Raise LenszooError where weights were trained on other bands, or in another order.

    Args:
        weights: as in a recipe.
        bands: names of the bands of the data.
        field: the recipe's field that holds the data.
    """
    trained = resolve(weights).bands
    if field == "data" and len(trained) != len(bands) and 1 in (len(trained), len(bands)):
        return  # the first layer is made to fit, with a warning
    if trained and bands and trained != bands:
        raise LenszooError(
            f"{weights} was trained on the bands {', '.join(trained)}, {_SKIES[field]} have "
            f"{', '.join(bands)}; choose those in that order, {field}.bands = {list(trained)}; "
            "images with all bands in one file must be cut to these bands."
        )


def adapt_scales(model: keras.Model, cutouts: Cutouts) -> None:
    """Set the stretch of the image branch and the means of the table branch from cutouts.

    Of many, a sample from first to last is looked at: a catalogue may be sorted.
    """
    adapt_stretch(model, cutouts)
    if "columns" in [layer.name for layer in model.layers]:
        model.get_layer("columns").adapt(cutouts.table[_some(cutouts)])


def adapt_stretch(model: keras.Model, cutouts: Cutouts) -> None:
    """Set the stretch of the image branch, where there is one, from cutouts."""
    if "stretch" in [layer.name for layer in model.layers]:
        assert cutouts.images is not None  # a model with an image branch was given images
        model.get_layer("stretch").adapt(cutouts.images[_some(cutouts)])


def _some(cutouts: Cutouts) -> np.ndarray:
    return np.linspace(0, len(cutouts) - 1, min(len(cutouts), STATISTICS)).astype(int)


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


def calibrate(
    model: keras.Model, held: Cutouts, trained: float = TRAINED_PREVALENCE
) -> dict[str, float]:
    """Validation scores; the temperature that the model divides its logits by is fitted anew.

    The logits are meant for the share of lenses in training, ``trained``; where the held-out
    examples have another, their log-odds are moved before the temperature is fitted. Examples that
    the logits tell apart without an error set no temperature but 0: it stays 1.

    Raises:
        LenszooError: the model answers NaN.
    """
    temperature = model.get_layer("temperature").temperature
    temperature.assign(1.0)
    logits = lens_logits(model, held.inputs())
    check_answers(logits)
    labels = held.known_labels()
    offset = label_shift(labels, trained)
    fitted = settled_temperature(labels, logits, offset=offset)
    temperature.assign(fitted)
    return {
        "val_auc": metrics.roc_auc(labels, logits),
        "val_log_loss": metrics.log_loss(labels, logits / fitted + offset),
        "temperature": fitted,
    }
