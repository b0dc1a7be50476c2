"""Tables of recipes that tasks share: data, optimizer, stages of a curriculum, early stopping."""

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lenszoo.data.checks import OnBad
from lenszoo.data.scaling import check_scaling
from lenszoo.errors import LenszooError

MAX_IMAGES = 1_000_000_000


class Strict(BaseModel):
    """Table of a recipe that refuses unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def check_effects(self, uses: Mapping[str, tuple[str, ...]], *chosen: str) -> None:
        """Raise ValueError where fields are set that have no effect with the choices made.

        Values that are the default pass: run folders keep the recipe with all of its fields.

        Args:
            uses: names of fields by the choice that they have an effect with.
            *chosen: the choices that this table makes.
        """
        changed = {
            name
            for name, field in type(self).model_fields.items()
            if getattr(self, name) != field.get_default(call_default_factory=True)
        }
        for name in without_effect(uses, *chosen):
            if name in changed:
                users = ", ".join(choice for choice, names in uses.items() if name in names)
                raise ValueError(f"{name} has an effect with {users} alone: leave it out")


def without_effect(uses: Mapping[str, tuple[str, ...]], *chosen: str) -> list[str]:
    """List the fields that have an effect with other choices alone."""
    effective = {name for choice in chosen for name in uses[choice]}
    names = dict.fromkeys(name for names in uses.values() for name in names)
    return [name for name in names if name not in effective]


SIMULATED = ("images", "fresh", "val_images", "test_images")
"""Fields of data that have an effect with a simulated sky alone."""
FILES = ("val_fraction", "on_bad")
"""Fields of data that have an effect with files alone."""


class DataTable(Strict):
    """Table ``data`` of a recipe: fields that every task shares.

    A task's own table names its ``sources`` of data, of which a recipe gives exactly one, each
    with the fields that have an effect with it and not with all others. ``from_path`` says which
    of them a path on the command line stands for.
    """

    sources: ClassVar[Mapping[str, tuple[str, ...]]] = {"preset": SIMULATED}
    partners: ClassVar[tuple[str, ...]] = ()
    """Further places of a source's files, which go away with it."""

    preset: str | None = Field(
        None, description="Simulated sky, see `lenszoo.simulation.list_presets()`."
    )
    images: int = Field(16000, ge=1, le=MAX_IMAGES, description="Simulated images an epoch.")
    fresh: bool = Field(
        True,
        description="New scenes every epoch; false shows the first epoch's again, in another order "
        "and turned anew.",
    )
    val_images: int = Field(1500, ge=2, le=MAX_IMAGES, description="Simulated validation images.")
    test_images: int = Field(
        1500, ge=2, le=MAX_IMAGES, description="Simulated images for the final report."
    )
    val_fraction: float = Field(
        0.2, gt=0, lt=1, description="Share of the files held out to validate."
    )
    seed: int | None = Field(
        None, ge=0, description="Seed of scenes or split; by default the run's."
    )
    on_bad: OnBad = Field(
        "raise",
        description="Treatment of NaN, infinite or constant pixels: stop, set them to 0, skip "
        "the image, or fill in the median of the band.",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        named = [k for k in self.sources if getattr(self, k) is not None]
        if len(named) != 1:
            raise ValueError(
                f"give exactly one of {', '.join(self.sources)} (now: {', '.join(named) or 'none'})"
            )
        self.check_effects(self.sources, *named)
        return self

    @property
    def reads_files(self) -> bool:
        """Whether any of the data lie in files, which may change."""
        return self.preset is None

    @classmethod
    def from_path(cls, path: str) -> dict[str, str]:
        """Fields that ``--data PATH`` stands for."""
        raise LenszooError(f"--data {path}: this task learns from --preset alone.")


PREPARED = (*FILES, "crop", "scaling")
"""Fields of data that have an effect with images in files."""


class FileImages(DataTable):
    """Fields of data that may be images in files."""

    crop: int | None = Field(
        None, ge=1, description="Pixels a side of the central square that is cut out of each image."
    )
    scaling: Literal["minmax", "zscale"] | tuple[float, float] | None = Field(
        None,
        description="Values of an image that become 0 and 1: its least and greatest (minmax), the "
        "limits of zscale in each band, or two numbers.",
    )

    @model_validator(mode="after")
    def _prepares_files(self) -> Self:
        check_scaling(self.scaling)
        return self


class Optimizer(Strict):
    """The optimizer and its learning rate over the run."""

    names: ClassVar = {"adamw": ("layer_decay",), "adam": ("layer_decay",), "muon": ()}
    schedules: ClassVar = {
        "cosine": ("min_learning_rate",),
        "cyclic": ("min_learning_rate", "cycle_epochs"),
        "constant": (),
    }

    name: Literal["adamw", "adam", "muon"] = Field(
        "adamw",
        description="AdamW, Adam, or Muon for the kernels within the network and AdamW for the "
        "rest (Jordan et al. 2024).",
    )
    learning_rate: float = Field(
        1e-3,
        gt=0,
        description="Highest learning rate, per step; from weights, by default 1e-4, which keeps "
        "what they know (1e-3 where the backbone stays frozen, or with lora).",
    )
    min_learning_rate: float = Field(
        0.0, ge=0, description="Lowest of cosine and cyclic, per step."
    )
    schedule: Literal["cosine", "cyclic", "constant"] = Field(
        "cosine", description="Shape: half a cosine, triangles (Smith 2017), or constant."
    )
    warmup_steps: int = Field(0, ge=0, description="Length of the linear rise from zero, in steps.")
    cycle_epochs: float = Field(
        2.0, gt=0, description="Length of one triangle of cyclic, in epochs."
    )
    weight_decay: float = Field(0.0, ge=0, description="Decoupled decay a step; kernels only.")
    clip_norm: float | None = Field(
        None,
        gt=0,
        description="Largest norm of the whole gradient.",
    )
    layer_decay: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Factor on the learning rate from each block to the one before it; the head "
        "has the full rate (Clark et al. 2020, arXiv:2003.10555; Bao et al. 2021, "
        "arXiv:2106.08254).",
    )

    @model_validator(mode="after")
    def _falls(self) -> Self:
        self.check_effects(self.names, self.name)
        self.check_effects(self.schedules, self.schedule)
        if self.min_learning_rate > self.learning_rate:
            raise ValueError(
                f"min_learning_rate, {self.min_learning_rate:g}, lies above learning_rate, "
                f"{self.learning_rate:g}"
            )
        return self


class Stage(Strict):
    """One stage of a curriculum over the preset's strength."""

    epochs: int = Field(ge=1, description="Length of the stage, in epochs.")
    strength: float = Field(gt=0, description="Factor on the mass of the substructure.")


class EarlyStopping(Strict):
    """Stop when the exact validation score no longer rises; not before all layers train."""

    patience: int = Field(ge=1, description="Epochs without a better score.")
    min_delta: float = Field(
        0.0,
        ge=0,
        description="Rise of the score that patience asks for; the best epoch is the best, however "
        "small its rise.",
    )
