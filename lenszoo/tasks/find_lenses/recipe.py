"""Recipes of the lens-finding task: to train a lens finder, and to adapt one to another sky."""

import math
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from lenszoo.data.catalogue import OnMissing
from lenszoo.data.checks import OnBad
from lenszoo.data.names import HOST, LENS, galaxy_kind
from lenszoo.data.stacks import is_stack_file
from lenszoo.data.table import is_table_file
from lenszoo.simulation.paint_law import PaintLaw
from lenszoo.tasks.recipe_tables import PREPARED, SIMULATED, FileImages, Optimizer, Strict
from lenszoo.tasks.recipes import RecipeBase


class Negatives(Strict):
    """Non-lenses beside painted lenses: galaxies as they are, in named parts.

    A part is a value of the catalogue's column of kinds; ``host`` stands for galaxies without one
    too, and lenses are painted on these alone. Galaxies of the kind ``lens`` are real lenses, and
    never among the non-lenses.
    """

    ratio: float = Field(25.0, gt=0, description="Non-lenses for each painted lens.")
    column: str | None = Field(
        None, description="Column of the kinds, such as spiral or ring; empty for a host."
    )
    parts: dict[str, float] = Field(
        default_factory=dict,
        description="Share of each part among the non-lenses; by default all galaxies alike.",
    )

    @field_validator("parts")
    @classmethod
    def _kinds(cls, parts: dict[str, float]) -> dict[str, float]:
        kinds: dict[str, str] = {}
        for name in parts:
            first = kinds.setdefault(galaxy_kind(name), name)
            if first != name:
                raise ValueError(f"{first!r} and {name!r} are one kind: give it one share")
        return dict(zip(kinds, parts.values(), strict=True))

    @model_validator(mode="after")
    def _named(self) -> Self:
        if any(not share > 0 for share in self.parts.values()):
            raise ValueError("the shares of data.negatives.parts must be above 0")
        if LENS in self.parts:
            raise ValueError(f"data.negatives.parts: galaxies of the kind {LENS!r} are lenses")
        if self.column is None and set(self.parts) - {HOST}:
            raise ValueError("data.negatives.parts names kinds; name their column too")
        return self


class RealSky(Strict):
    """Real galaxies and real sky beside a simulated sky; no lens among them is learned from."""

    parts: ClassVar = {
        "catalogue": ("folder", "pattern", "zero_point", "sky", "share", "survey"),
        "survey": ("lensed", "stamps", "law"),
        "frames": ("frames_zero_point", "painted"),
        "white": ("pictures",),
    }

    catalogue: str | None = Field(
        None, description="Table of objects that are known to be no lenses, such as look-alikes."
    )
    folder: str | None = Field(
        None, description="Folder of the objects' cutouts; by default the table's own."
    )
    pattern: str | None = Field(None, description="Path of a cutout in the folder.")
    zero_point: float | None = Field(
        None, description="AB magnitude of flux 1 in the cutouts; by default as of the sky, 25."
    )
    sky: Literal["border", "median"] | None = Field(
        None, description="Sky level to subtract from the cutouts."
    )
    share: float = Field(
        0.5, gt=0, le=1, description="Share of these objects among the non-lenses."
    )
    survey: str | None = Field(
        None,
        description="Survey of the objects, see `lenszoo surveys`, or a TOML file: lenses are "
        "painted on the objects too. Three in ten of them are held out, for validation and test.",
    )
    lensed: float = Field(
        0.5, gt=0, le=1, description="Share of the lenses that is painted on the objects."
    )
    stamps: str | None = Field(
        None, description="Folder of stamps of real galaxies to use as sources of these lenses."
    )
    law: PaintLaw | None = Field(None, description="Law of these lenses, by default PaintLaw().")
    frames: str | None = Field(
        None,
        description="FITS files of real sky that scenes are painted into, one a band, as in "
        "field_{band}.fits.",
    )
    frames_zero_point: float = Field(25.0, description="AB magnitude of flux 1 in the frames.")
    painted: float = Field(
        0.5, ge=0, le=1, description="Share of the simulated scenes that is painted into frames."
    )
    white: tuple[float, ...] | None = Field(
        None,
        description="Flux of a white pixel in each band, where real cutouts were published as "
        "colour pictures; see lenszoo.data.colour_pictures.",
    )
    pictures: float = Field(
        0.7, ge=0, le=1, description="Share of the simulated scenes that goes through a picture."
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.catalogue is None and self.frames is None:
            raise ValueError("data.real names a catalogue of non-lenses, frames of sky, or both")
        self.check_effects(self.parts, *(n for n in self.parts if getattr(self, n) is not None))
        if self.survey is not None and self.zero_point is not None:
            raise ValueError("zero_point: the survey names that of its bands; leave it out")
        return self


class LensData(FileImages):
    """Where lens candidates come from. Give exactly one of the five."""

    sources: ClassVar = {
        "preset": (*SIMULATED, "columns", "real"),
        "catalogue": (
            *PREPARED, "folder", "layout", "pattern", "id", "label", "columns", "missing_values",
            "mask_value", "zero_point", "sky", "on_missing",
        ),
        "directory": PREPARED,
        "stack": PREPARED,
        "galaxies": (
            "survey", "stamps", "law", "negatives", "real_lenses", "images", "fresh", "val_images",
            "val_fraction", "folder", "pattern", "id", "sky",
        ),
    }  # fmt: skip

    catalogue: str | None = Field(
        None, description="Table of objects: CSV, Parquet, FITS, VOTable or ECSV."
    )
    directory: str | None = Field(
        None, description="Folder of class folders such as lenses and nonlenses; no table."
    )
    stack: str | None = Field(
        None, description="File of many images (.npz or HDF5) with an array `labels`; no table."
    )
    galaxies: str | None = Field(
        None, description="CSV or Parquet table of galaxies that lenses are painted on."
    )
    survey: str | None = Field(
        None, description="Survey of the galaxies, see `lenszoo surveys`, or a TOML file."
    )
    stamps: str | None = Field(
        None, description="Folder of stamps of real galaxies to use as sources of painted lenses."
    )
    law: PaintLaw | None = Field(None, description="Law of painted lenses, by default PaintLaw().")
    negatives: Negatives | None = Field(
        None, description="Non-lenses beside painted lenses, by default 25 galaxies for each."
    )
    real_lenses: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Share of the lenses that are real ones, galaxies of the kind `lens` in the "
        "column that data.negatives names; by default none, and those are left out.",
    )
    real: RealSky | None = Field(
        None, description="Real galaxies and real sky beside a simulated sky; by default none."
    )
    folder: str | None = Field(
        None, description="Folder of the catalogue's images; by default its own."
    )
    layout: str | None = Field(
        None, description="A known survey's layout, see `lenszoo.data.LAYOUTS`; sets what follows."
    )
    pattern: str | None = Field(
        None, description="Path of an image in the folder, such as '{band}/{id}.fits'."
    )
    bands: tuple[str, ...] | None = Field(
        None, description="Names of the bands, in order; of a preset those to look at."
    )
    id: str | None = Field(None, description="Column of the objects' names, by default 'id'.")
    label: str | None = Field(None, description="Column that is 1 for a lens, by default 'label'.")
    columns: tuple[str, ...] | None = Field(
        None, description="Columns to learn from; by default every numeric one."
    )
    missing_values: tuple[float, ...] = Field(
        (), description="Numbers that stand for a missing value, such as -99."
    )
    mask_value: float | None = Field(
        None, description="Value of masked pixels, in the files' units."
    )
    zero_point: float | None = Field(
        None, description="AB magnitude of flux 1 in the files; fluxes are scaled to 25."
    )
    sky: Literal["border", "median"] | None = Field(
        None, description="Sky level to subtract: of the border, or of the whole image."
    )
    on_bad: OnBad | None = Field(  # type: ignore[assignment]
        None, description="As elsewhere; by default the layout's, else raise."
    )
    on_missing: OnMissing = Field(
        "raise",
        description="Treatment of an object that lacks an image: stop, skip it, or blank a "
        "missing band, whose pixels are then bad ones.",
    )
    fresh: bool = Field(
        False, description="New scenes every epoch; false draws once and keeps them in memory."
    )

    @model_validator(mode="before")
    @classmethod
    def _no_number(cls, values: Any) -> Any:
        """Values that are no finite numbers count as missing without being named."""
        if not isinstance(values, dict):
            return values
        named = dict(values)
        if _not_finite(named.get("mask_value")):
            named["mask_value"] = None
        if isinstance(missing := named.get("missing_values"), list | tuple):
            named["missing_values"] = [value for value in missing if not _not_finite(value)]
        return named

    @model_validator(mode="after")
    def _painted_lenses(self) -> Self:
        if (self.galaxies is None) != (self.survey is None):
            raise ValueError("galaxies and survey go together")
        if self.real_lenses is not None and (self.negatives or Negatives()).column is None:
            raise ValueError("real_lenses are galaxies of a kind; name data.negatives.column")
        return self

    @property
    def reads_files(self) -> bool:
        """Whether any of the data lie in files: real galaxies and frames beside a sky do, too."""
        return self.preset is None or self.real is not None

    @classmethod
    def from_path(cls, path: str) -> dict[str, str]:
        """A catalogue, a stack, or a folder of class folders."""
        if is_stack_file(path):
            return {"stack": path}
        table = is_table_file(path)
        return {"catalogue" if table else "directory": path}


def _not_finite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


class Dann(Strict):
    """Features that do not tell the skies apart (Ganin et al. 2016, arXiv:1505.07818).

    A second head learns to tell source from target by the features; its reversed gradient makes
    the features of both skies alike.
    """

    weight: float = Field(
        0.3, gt=0, description="Strength of the reversed gradient at the end of the run."
    )
    steepness: float = Field(
        10.0,
        gt=0,
        description="At a share p of the run the strength is weight * (2 / (1 + exp(-steepness * "
        "p)) - 1).",
    )


class Consistency(Strict):
    """Fields of methods that ask two views of an unlabelled image for one answer."""

    weight: float = Field(1.0, gt=0, description="Weight of the loss on unlabelled examples.")
    ramp_up: float = Field(
        0.3, ge=0, le=1, description="Share of the run over which the weight rises from 0."
    )
    confidence: float = Field(
        0.8, ge=0.5, lt=1, description="Answers on the weak view that are less sure teach nothing."
    )
    shift: int = Field(2, ge=0, description="Strong view: moved by up to so many pixels.")
    noise: float = Field(
        0.5, ge=0, description="Strong view: added noise, at most, in units of the target's sky."
    )
    flux: float = Field(0.1, ge=0, description="Strong view: scatter of the log of the flux.")
    jitter: float = Field(
        0.1, ge=0, description="Strong view: scatter of the table, in deviations of each column."
    )


class AdaMatch(Consistency):
    """Pseudo-labels, their classes in step with the source's (Berthelot et al. 2022).

    arXiv:2106.04732: the answer on a weak view, aligned so that the shares of the classes are as
    among the source's answers, teaches the strong view where it is as sure as ``confidence`` times
    the mean sureness on the source.
    """


class MeanTeacher(Consistency):
    """An average of the network teaches it on unlabelled images (French et al. 2018).

    arXiv:1706.05208, after Tarvainen & Valpola 2017, arXiv:1703.01780: the average's probability
    on a weak view is what the network's on the strong view is drawn to, in squares, where it is
    sure. Their loss that balances the classes is left out: in a survey they are not balanced.
    """

    weight: float = Field(10.0, gt=0, description="Weight of the loss on unlabelled examples.")
    memory: float = Field(
        0.99, ge=0, lt=1, description="Memory of the average of the weights, a step."
    )


class FindLensesRecipe(RecipeBase):
    """Train a lens finder on images, a table, or both."""

    fine_tunes: ClassVar = True

    task: Literal["find_lenses"]
    model: str = Field("lens_finder", description="Row of the registry that finds lenses.")
    data: LensData = Field(description="Where candidates come from.")
    use: Literal["both", "image", "table"] = Field(
        "both", description="Inputs of the network: images, the table, or both."
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Share given to the other class.")
    allow_leaky_columns: bool = Field(
        False, description="Train although a column of the table gives the answer away."
    )
    adapt_scales: bool = Field(
        False,
        description="From weights: take the scales of the stretch anew from the training images, "
        "as for a survey of another depth. Needs weights.",
    )

    @model_validator(mode="after")
    def _scales_of_weights(self) -> Self:
        if self.adapt_scales and self.weights is None:
            raise ValueError("adapt_scales needs weights: without, the scales are new anyway")
        return self


class AdaptRecipe(RecipeBase):
    """Adapt a lens finder to a sky with few labels, from one with many."""

    fine_tuning_rate: ClassVar = None

    task: Literal["adapt"]
    model: str = Field("lens_finder", description="Row of the registry that finds lenses.")
    weights: str = Field(description="The lens finder to adapt: a name or a path.")
    source: LensData | None = Field(
        None,
        description="The labelled sky or catalogue to learn from besides, best the one that the "
        "weights were trained on; by default its seed is the run's plus one. fine_tune and "
        "batch_norm do not look at it.",
    )
    data: LensData = Field(
        description="The sky or catalogue to adapt to. Its validation examples keep their labels, "
        "which choose the best epoch and fit the temperature: count them as labels too."
    )
    label_fraction: float = Field(
        0.2, ge=0, le=1, description="Share of each class of data that keeps its label to learn by."
    )
    method: Literal["fine_tune", "joint", "dann", "adamatch", "mean_teacher", "batch_norm"] = Field(
        "adamatch",
        description="fine_tune: on the target's labels alone; joint: on the source's labels and "
        "these; dann, adamatch and mean_teacher: joint, and learning from the target without "
        "labels; batch_norm: no learning, only the statistics of BatchNorm are taken anew from the "
        "target (Li et al. 2017, arXiv:1603.04779).",
    )
    dann: Dann | None = Field(None, description="Of method dann, by default its defaults.")
    adamatch: AdaMatch | None = Field(None, description="Of method adamatch, likewise.")
    mean_teacher: MeanTeacher | None = Field(None, description="Of method mean_teacher, likewise.")
    batch_size: int = Field(
        32,
        ge=1,
        description="Examples of each kind in a step: of the source, of the target with a label, "
        "of the target without one, as the method wants them.",
    )
    optimizer: Optimizer = Field(
        default_factory=lambda: Optimizer(learning_rate=3e-4), description="Optimizer."
    )
    allow_leaky_columns: bool = Field(
        False, description="Train although a column of a table gives the answer away."
    )

    @model_validator(mode="after")
    def _fits_the_task(self) -> Self:
        for name in ("dann", "adamatch", "mean_teacher"):
            if name != self.method and getattr(self, name) is not None:
                raise ValueError(f"a table {name} is for that method, not for {self.method}")
        if self.source is None and self.method not in ("fine_tune", "batch_norm"):
            raise ValueError(f"method {self.method} needs a source, the labelled sky or catalogue")
        if self.method == "fine_tune" and self.label_fraction == 0:
            raise ValueError("fine_tune needs labels: label_fraction is 0")
        if any(part is not None and part.fresh for part in (self.source, self.data)):
            raise ValueError("fresh is for find_lenses: a few labels of an endless sky are no few")
        return self

    @property
    def reads_files(self) -> bool:
        """Whether any of the data of either sky lie in files, which may change."""
        return any(part is not None and part.reads_files for part in (self.source, self.data))
