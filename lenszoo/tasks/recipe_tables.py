"""The tables of recipes: where data come from, the optimizer, and what some tasks add."""

import math
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from lenszoo.data.catalogue import OnMissing
from lenszoo.data.checks import OnBad


class Strict(BaseModel):
    """A table that knows its fields and refuses others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Data(Strict):
    """What data of every task share."""

    _sources: ClassVar[tuple[str, ...]] = ("preset",)

    preset: str | None = Field(
        None, description="Simulated sky, see `lenszoo.simulation.list_presets()`."
    )
    images: int = Field(16000, ge=1, description="Simulated images an epoch.")
    fresh: bool = Field(
        True,
        description="New scenes every epoch; false shows the first epoch's again, in another order "
        "and turned anew.",
    )
    val_images: int = Field(1500, ge=2, description="Simulated validation images.")
    test_images: int = Field(1500, ge=2, description="Simulated images for the final report.")
    val_fraction: float = Field(
        0.2, gt=0, lt=1, description="Share of the files held out to validate."
    )
    seed: int | None = Field(
        None, ge=0, description="Seed of scenes or split; by default the run's."
    )
    on_bad: OnBad = Field(
        "raise",
        description="What to do with NaN, infinite or constant pixels: stop, set them to 0, skip "
        "the image, or fill in the median of the band.",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [k for k in self._sources if getattr(self, k) is not None]
        if len(given) != 1:
            raise ValueError(
                f"give exactly one of {', '.join(self._sources)} (given: {given or 'none'})"
            )
        return self


class Data(_Data):
    """Where labelled images come from: a simulated sky, or files. Give exactly one of the three."""

    _sources: ClassVar = ("preset", "directory", "csv")

    directory: str | None = Field(
        None,
        description="Folder of class folders, or of `train` and `val` folders of class folders.",
    )
    csv: str | None = Field(None, description="Table with columns id, path and label.")
    classes: list[str] | None = Field(
        None, description="Order of the class folders or labels; by default alphabetical."
    )


class PoolData(_Data):
    """Where images without labels come from. Give exactly one of preset and images_in."""

    _sources: ClassVar = ("preset", "images_in")

    images_in: str | None = Field(
        None, description="Folder with images in it or below, or CSV with a column path."
    )


class Degrade(Strict):
    """How a coarser camera would have seen fine images, see `lenszoo.data.degrade`."""

    factor: Literal[2, 4] = Field(2, description="Fine pixels a side of a coarse one.")
    psf_fwhm: float = Field(0.0, ge=0, description="Further blur first, FWHM in fine pixels.")
    noise: float = Field(
        0.0, ge=0, description="Standard deviation of the noise added last, in the images' units."
    )


class PairData(_Data):
    """Where pairs of coarse and fine images come from. Give exactly one of preset and high."""

    _sources: ClassVar = ("preset", "high")

    high: str | None = Field(None, description="Folder of the fine images.")
    low: str | None = Field(
        None, description="Folder of the coarse images of the same names; by default made of high."
    )
    degrade: Degrade = Field(
        default_factory=Degrade, description="How coarse images are made where low is not given."
    )
    pixel_scale: float | None = Field(
        None, gt=0, description="Arcsec a pixel of the coarse images of files, for the record."
    )
    patch: int | None = Field(
        24, ge=1, description="Side of the training patches, in coarse pixels; none: whole images."
    )
    patches: int = Field(4, ge=1, description="Patches of each image.")

    @model_validator(mode="before")
    @classmethod
    def _whole_images(cls, values: Any) -> Any:
        """TOML has no null: `patch = "none"` stands for whole images."""
        if isinstance(values, dict) and values.get("patch", 0) in ("none", None):
            return {**values, "patch": None, "patches": 1}
        return values

    @model_validator(mode="after")
    def _low_needs_high(self) -> Self:
        if self.low is not None and self.high is None:
            raise ValueError("low needs high, the folder of the fine images")
        return self


class LensData(_Data):
    """Where lens candidates come from. Give exactly one of the three."""

    _sources: ClassVar = ("preset", "catalogue", "directory")

    catalogue: str | None = Field(None, description="CSV or Parquet table, a row an object.")
    directory: str | None = Field(
        None, description="Folder of class folders such as lenses and nonlenses; no table."
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
    mask_value: float | None = Field(None, description="Value of masked pixels.")
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
        description="What to do with an object that lacks an image: stop, skip it, or blank a "
        "missing band, whose pixels are then bad ones.",
    )
    fresh: bool = Field(
        False, description="New scenes every epoch; false draws once and keeps them in memory."
    )

    @model_validator(mode="before")
    @classmethod
    def _no_number(cls, values: Any) -> Any:
        """What is no finite number counts as missing without being named."""
        if not isinstance(values, dict):
            return values
        named = dict(values)
        if _not_finite(named.get("mask_value")):
            named["mask_value"] = None
        if isinstance(missing := named.get("missing_values"), list | tuple):
            named["missing_values"] = [value for value in missing if not _not_finite(value)]
        return named

    @model_validator(mode="after")
    def _goes_with_a_catalogue(self) -> Self:
        lost = [
            name
            for name in _OF_CATALOGUES
            if getattr(self, name) != type(self).model_fields[name].default
        ]
        if self.catalogue is None and lost:
            raise ValueError(f"{', '.join(lost)}: only a catalogue is read with that")
        return self


_OF_CATALOGUES = (
    "folder",
    "layout",
    "pattern",
    "id",
    "label",
    "missing_values",
    "mask_value",
    "zero_point",
    "sky",
    "on_missing",
)


def _not_finite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


class Optimizer(Strict):
    """The optimizer and its learning rate over the run."""

    name: Literal["adamw", "adam"] = Field("adamw", description="AdamW or Adam.")
    learning_rate: float = Field(1e-3, gt=0, description="Highest learning rate.")
    min_learning_rate: float = Field(0.0, ge=0, description="Lowest rate of cosine and cyclic.")
    schedule: Literal["cosine", "cyclic", "constant"] = Field(
        "cosine", description="Shape: half a cosine, triangles (Smith 2017), or constant."
    )
    warmup_steps: int = Field(0, ge=0, description="Steps of linear rise from zero.")
    cycle_epochs: float = Field(
        2.0, gt=0, description="Length of one triangle of cyclic, in epochs."
    )
    weight_decay: float = Field(0.0, ge=0, description="Decoupled decay; kernels only.")
    clip_norm: float | None = Field(None, gt=0, description="Largest norm of the whole gradient.")
    layer_decay: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Factor on the learning rate from each block to the one before it; the head "
        "has the full rate (Clark et al. 2020, arXiv:2003.10555; Bao et al. 2021, "
        "arXiv:2106.08254).",
    )


class Stage(Strict):
    """One stage of a curriculum over the preset's strength."""

    epochs: int = Field(ge=1, description="Length of the stage.")
    strength: float = Field(gt=0, description="Factor on the mass of the substructure.")


class EarlyStopping(Strict):
    """Stop when the exact validation score no longer rises; not before all layers train."""

    patience: int = Field(ge=1, description="Epochs without a better score.")
    min_delta: float = Field(0.0, ge=0, description="Rise that counts as better.")


class Distill(Strict):
    """Learn from what a trained model answers as well (Hinton et al. 2015, arXiv:1503.02531)."""

    teacher: tuple[str, ...] = Field(
        min_length=1,
        description="Weights by name or path; of several, the ensemble teaches. The teacher sees "
        "the same image, augmentation included.",
    )
    temperature: float = Field(
        2.0, gt=0, description="Divides the logits of both; higher softens the probabilities."
    )
    weight: float = Field(
        0.5, gt=0, le=1, description="Share of the loss on the teacher's probabilities."
    )
    merge: dict[str, tuple[str, ...]] = Field(
        {},
        description="Classes of the data that the teacher knows as several, such as "
        '{"sub": ["sphere", "vort"]}; they are taken as equally frequent.',
    )

    @field_validator("teacher", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class Corpus(Strict):
    """Draw scenes once, and keep their squares with the teacher's answers on disk."""

    scenes: int = Field(
        ge=1,
        description="Scenes, a multiple of data.images; the epochs go through them again and "
        "again, turned in another way each time.",
    )
    turns: Literal[1, 8] = Field(
        1,
        description="8 where the teacher answers each turn of a scene, 1 where its answer to the "
        "scene as drawn serves for all.",
    )


class Adversarial(Strict):
    """A discriminator that learns beside the network and judges it (Goodfellow et al. 2014)."""

    loss: Literal["relativistic", "hinge"] = Field(
        "relativistic",
        description="Relativistic average (Jolicoeur-Martineau 2018, arXiv:1807.00734) or hinge "
        "(Lim & Ye 2017, arXiv:1705.02894).",
    )
    weight: float = Field(1e-3, gt=0, description="Weight of the adversarial loss.")
    average: float = Field(
        0.999, ge=0, lt=1, description="Memory of the average of the generator's weights, a step."
    )


class Dann(Strict):
    """Features that do not tell the skies apart (Ganin et al. 2016, arXiv:1505.07818).

    A second head learns to tell source from target by the features, and the features learn,
    through a reversed gradient, to leave it in the dark.
    """

    weight: float = Field(
        0.3, gt=0, description="Strength of the reversed gradient, reached by and by."
    )
    steepness: float = Field(
        10.0,
        gt=0,
        description="At a share p of the run the strength is weight * (2 / (1 + exp(-steepness * "
        "p)) - 1).",
    )


class Consistency(Strict):
    """What methods share that ask two views of an unlabelled image for one answer."""

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


class Denoising(Strict):
    """How strong the noise is, which the network is to tell."""

    levels: int = Field(8, ge=2, description="Strengths to tell apart, evenly spaced in the log.")
    weakest: float = Field(
        0.03, gt=0, description="Deviation of the weakest noise, in units of the image's own."
    )
    strongest: float = Field(1.0, gt=0, description="Of the strongest, likewise.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.weakest >= self.strongest:
            raise ValueError("weakest is not below strongest")
        return self


class TwoViews(Strict):
    """What methods share that compare two views of an image."""

    projection: int = Field(64, ge=2, description="Length of the vectors that are compared.")
    strength: float = Field(
        1.0, gt=0, description="How far views go, see `lenszoo.layers.LensAugmentation`."
    )


class Contrastive(TwoViews):
    """Views of one image are drawn together, those of two images apart."""

    loss: Literal["margin", "nt_xent"] = Field(
        "margin",
        description="margin: squared distance of a pair, squared hinge for others (Hadsell et al. "
        "2006, doi:10.1109/CVPR.2006.100); nt_xent: cross-entropy of cosine similarities (Chen et "
        "al. 2020, arXiv:2002.05709).",
    )
    margin: float = Field(
        1.0, gt=0, le=2, description="Distance on the unit sphere beyond which others do no harm."
    )
    temperature: float = Field(0.2, gt=0, description="Of nt_xent.")


class SimSiam(TwoViews):
    """A view predicts the other's vector, without others (Chen & He 2021, arXiv:2011.10566)."""

    bottleneck: int = Field(16, ge=1, description="Width of the predictor's inner layer.")
