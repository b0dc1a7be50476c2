"""The domain-adaptation task: a lens finder from one sky to another that has few labels."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from lenszoo.data import Cutouts
from lenszoo.data.augment import check_square
from lenszoo.data.dataset import UNLABELLED
from lenszoo.errors import LenszooError
from lenszoo.pretrained.loading import build_model, load_model, model_config
from lenszoo.pretrained.source import resolve
from lenszoo.simulation.cutouts import lens_sky
from lenszoo.tasks.checks import images_shape
from lenszoo.tasks.compute import jit, precision
from lenszoo.tasks.find_lenses.adapt_batches import AdaptBatches, Parts, hide_labels
from lenszoo.tasks.find_lenses.adapt_methods import (
    Adapting,
    DomainAdversarial,
    Matching,
    StatisticsOnly,
    Teaching,
)
from lenszoo.tasks.find_lenses.data import open_lenses
from lenszoo.tasks.find_lenses.input_scale import check_inputs
from lenszoo.tasks.find_lenses.recipe import AdaMatch, AdaptRecipe, Dann, LensData, MeanTeacher
from lenszoo.tasks.find_lenses.task import FindLensesTask, check_bands, check_finder
from lenszoo.tasks.parts import Part, part_of
from lenszoo.tasks.recipe_tables import Strict
from lenszoo.tasks.sources import TrainingData


class Method(NamedTuple):
    """Parts of a method.

    Attributes:
        network: the model in training.
        source, labelled, unlabelled: whether a batch holds such a part.
        views: whether it compares weak and strong views.
        settings: its table in the recipe.
    """

    network: Callable[..., Adapting]
    source: bool
    labelled: bool
    unlabelled: bool
    views: bool = False
    settings: type[Strict] | None = None


METHODS: dict[str, Method] = {
    "fine_tune": Method(Adapting, False, True, False),
    "joint": Method(Adapting, True, True, False),
    "dann": Method(DomainAdversarial, True, True, True, settings=Dann),
    "adamatch": Method(Matching, True, True, True, views=True, settings=AdaMatch),
    "mean_teacher": Method(Teaching, True, True, True, views=True, settings=MeanTeacher),
    "batch_norm": Method(StatisticsOnly, False, False, True),
}


class AdaptTask(FindLensesTask):
    """See :class:`lenszoo.tasks.base.Task`.

    ``recipe.data`` is the target. Its training examples keep ``label_fraction`` of their labels,
    chosen by the seed of the data, and the labels of the others never leave this object; those of
    its validation examples choose the best epoch and fit the temperature. Both skies are kept in
    memory.
    """

    recipe: AdaptRecipe

    def __init__(self, recipe: AdaptRecipe, source: TrainingData | None = None):
        self.recipe = recipe
        check_finder(recipe.model)
        self.method = METHODS[recipe.method]
        own = self.method.settings
        self.settings: Any = own and (getattr(recipe, recipe.method) or own())
        trained = model_config(load_model(recipe.weights))
        check_finder(trained["model"])
        columns = trained["options"]["columns"]
        self.use = trained["options"]["use"] or ("both" if columns else "image")
        opened = functools.partial(
            _open,
            columns=columns,
            bands=resolve(recipe.weights).bands,
            use=self.use,
            allow_leaks=recipe.allow_leaky_columns,
        )
        self.source = source or opened(recipe.data, seed=recipe.data_seed)
        check_bands(recipe.weights, self.source.bands)
        self._labelled_sky: Cutouts | None = None
        if self.method.source:
            assert recipe.source is not None  # the recipe was checked
            seed = recipe.source.seed
            # other objects than the target's, whose scenes a simulation would draw alike
            sky = opened(recipe.source, seed=recipe.data_seed + 1 if seed is None else seed)
            check_bands(recipe.weights, sky.bands, "source")
            _check_same(sky, self.source)
            self._labelled_sky = sky.first()
        check_inputs(recipe.weights, self.source.first())
        if recipe.augment != "none" and self.source.image_shape is not None:
            check_square(self.source.image_shape)
        self._target = hide_labels(self.source.first(), recipe.label_fraction, recipe.data_seed)
        labelled = sum(self._target.class_counts().values())
        size = recipe.batch_size
        self.parts = Parts(
            size * self.method.source,
            size * (self.method.labelled and labelled > 0),
            size * self.method.unlabelled,
        )
        # an epoch is the target once; the same number of steps for every method
        self.steps_per_epoch = -(-len(self._target) // size)

    def build(self) -> keras.Model:
        """The lens finder of the weights, in the training network of the method."""
        recipe = self.recipe
        steps = recipe.epochs * self.steps_per_epoch
        options = {"recipe": self.settings} if self.settings else {}
        with precision(recipe.mixed_precision):
            finder = self._finder()
            model = self.method.network(finder, self.parts, steps, **options)
        if recipe.method == "batch_norm" and not _has_batch_norm(finder):
            raise LenszooError(
                f"{recipe.weights} has no BatchNorm whose statistics could be taken anew: choose "
                "another method."
            )
        return model

    def _finder(self) -> keras.Model:
        recipe = self.recipe
        shape = images_shape(recipe.input_shape, self.source.image_shape)
        return build_model(
            recipe.model, input_shape=shape, weights=recipe.weights, **recipe.options
        )

    def loss(self) -> dict[str, Any]:
        """Nothing: the training network has its own loss."""
        return {}

    def _compile(self, model: keras.Model, **schedule: Any) -> None:
        super()._compile(model, **schedule)
        if self.recipe.method == "batch_norm":
            # not even weight decay moves a weight
            model.compile(keras.optimizers.SGD(0.0), jit_compile=jit(self.recipe.jit_compile))

    def epoch(self, epoch: int) -> Any:
        """Training batches of an epoch."""
        recipe = self.recipe
        return AdaptBatches(
            self._labelled_sky,
            self._target,
            self.parts,
            steps=self.steps_per_epoch,
            seed=recipe.seed,
            epoch=epoch,
            augment=None if recipe.augment == "none" else recipe.augment,
            views=self.settings if self.method.views else None,
        )

    @property
    def parts_of_data(self) -> dict[str, Part]:
        """The target's parts, and the source sky."""
        sky = self._labelled_sky
        source = {} if sky is None or sky.contents is None else {"source": part_of(sky)}
        return super().parts_of_data | source

    @classmethod
    def images_an_epoch(cls, recipe: AdaptRecipe) -> int:
        """Count the images of both skies, labelled and unlabelled."""
        method, steps = METHODS[recipe.method], -(-recipe.data.images // recipe.batch_size)
        return steps * recipe.batch_size * (method.source + method.labelled + method.unlabelled)

    def answers(self, model: keras.Model) -> keras.Model:
        """The plain lens finder; of a mean teacher the average."""
        return model.adapted() if isinstance(model, Adapting) else model

    def identity(self) -> dict[str, Any]:
        """Classes, bands, both skies and the labels used, for ``run.json``."""
        counts = self._target.class_counts()
        return super().identity() | {
            "task": "adapt",
            "method": self.recipe.method,
            "weights": self.recipe.weights,
            "labels": counts if self.parts.labelled else dict.fromkeys(counts, 0),
            "unlabelled": len(self._target) - sum(counts.values()) if self.parts.unlabelled else 0,
            "source": None if self._labelled_sky is None else self._labelled_sky.describe(),
        }

    def _prevalence(self) -> dict[str, float]:
        """Share of lenses among the examples with a label in a step; without any the weights'."""
        pools = ((self.parts.source, self._labelled_sky), (self.parts.labelled, self._target))
        lenses = 0.0
        for rows, cutouts in pools:
            if rows and cutouts is not None:
                labels = cutouts.known_labels()
                lenses += rows * float(labels[labels != UNLABELLED].mean())
        if not self.parts.supervised:
            return {"prevalence": resolve(self.recipe.weights).prevalence}
        share = lenses / self.parts.supervised
        return {"prevalence": share} if 0 < share < 1 else {}

    def beside(self, model: keras.Model, data: Cutouts) -> dict[str, Any]:
        """Columns that give the label away, and the lens finder before it was adapted."""
        return super().beside(model, data) | {"before": self._finder()}


def _open(
    data: LensData,
    *,
    columns: Any,
    bands: tuple[str, ...],
    use: str,
    seed: int,
    allow_leaks: bool,
) -> TrainingData:
    """Data with the columns, and of a simulated sky the bands, that the weights were trained on."""
    if (
        data.preset is not None
        and data.bands is None
        and set(bands) <= set(lens_sky(data.preset).bands)
    ):
        data = data.model_copy(update={"bands": bands or None})
    if use != "image" and not isinstance(columns, int):
        names = tuple(columns)
        if data.columns is not None and data.columns != names:
            raise LenszooError(
                f"The weights look at the columns {', '.join(names)}, not at "
                f"{', '.join(data.columns)}; leave columns out to take theirs."
            )
        data = data.model_copy(update={"columns": names})
    return open_lenses(data, use, seed, allow_leaks=allow_leaks)


def _check_same(source: TrainingData, target: TrainingData) -> None:
    """Raise LenszooError unless one network can look at both skies."""
    if source.image_shape != target.image_shape:
        raise LenszooError(
            f"Images of the source are {source.image_shape}, those of the target "
            f"{target.image_shape}; cut both to one size and the same bands."
        )
    if source.bands and target.bands and source.bands != target.bands:
        raise LenszooError(
            f"The source's bands are {', '.join(source.bands)}, the target's "
            f"{', '.join(target.bands)}; name the same bands in the same order, source.bands and "
            "data.bands."
        )


def _has_batch_norm(model: keras.Model) -> bool:
    return any("moving_variance" in weight.path for weight in model.non_trainable_weights)
