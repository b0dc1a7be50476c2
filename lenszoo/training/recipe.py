"""Recipes: everything that decides what a training produces, as one validated TOML file."""

import os
import tomllib
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from lenszoo.errors import LenszooError, unknown


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Data(_Strict):
    """What data of every task share."""

    _sources: ClassVar[tuple[str, ...]] = ("preset",)

    preset: str | None = Field(
        None, description="Simulated sky, see `lenszoo.simulation.list_presets()`."
    )
    images: int = Field(16000, ge=1, description="Simulated images an epoch.")
    fresh: bool = Field(
        True, description="New scenes every epoch; false repeats the first epoch's."
    )
    val_images: int = Field(1500, ge=2, description="Simulated validation images.")
    test_images: int = Field(1500, ge=2, description="Simulated images for the final report.")
    val_fraction: float = Field(
        0.2, gt=0, lt=1, description="Share of the files held out to validate."
    )
    seed: int | None = Field(
        None, ge=0, description="Seed of scenes or split; by default the run's."
    )
    on_bad: Literal["raise", "zero", "skip"] = Field(
        "raise", description="What to do with files that hold NaN, infinite or constant images."
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


class Degrade(_Strict):
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


class Optimizer(_Strict):
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


class Stage(_Strict):
    """One stage of a curriculum over the preset's strength."""

    epochs: int = Field(ge=1, description="Length of the stage.")
    strength: float = Field(gt=0, description="Factor on the mass of the substructure.")


class EarlyStopping(_Strict):
    """Stop when the exact validation score no longer rises; not before all layers train."""

    patience: int = Field(ge=1, description="Epochs without a better score.")
    min_delta: float = Field(0.0, ge=0, description="Rise that counts as better.")


class Distill(_Strict):
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

    @field_validator("teacher", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class RecipeBase(_Strict):
    """What recipes of every task share."""

    task: str
    model: str = Field(description="Row of the catalogue, see `lenszoo models`.")
    data: Any
    options: dict[str, Any] = Field(default_factory=dict, description="Options of the model.")
    input_shape: tuple[int, int, int] | None = Field(
        None, description="Height, width and bands; by default the data's."
    )
    weights: str | None = Field(None, description="Weights to start from: a name or a path.")
    freeze: Literal["backbone"] | int | None = Field(
        None,
        description="Layers that keep their weights: 'backbone' (all but the head), or n for the "
        "stem and the first n blocks. Needs weights.",
    )
    unfreeze_after: int | None = Field(
        None,
        ge=1,
        description="Epochs after which all layers train, with a new optimizer and the same "
        "schedule; by default frozen layers stay so.",
    )
    seed: int = Field(0, ge=0, lt=2**32, description="One seed for all that is random.")
    epochs: int = Field(10, ge=1, description="Epochs.")
    batch_size: int = Field(64, ge=1, description="Images a step.")
    optimizer: Optimizer = Field(default_factory=Optimizer, description="Optimizer.")
    augment: Literal["d4", "none"] = Field(
        "d4", description="Quarter turns and flips of the training images."
    )
    mixed_precision: Literal["none", "mixed_bfloat16", "mixed_float16"] = Field(
        "none", description="Precision of the layers; logits and weights stay float32."
    )
    jit_compile: bool | Literal["auto"] = Field(
        "auto", description="XLA; auto is on for GPU, TPU and JAX, off for TensorFlow on a CPU."
    )
    curriculum: list[Stage] = Field(
        default_factory=list, description="Stages before the true sky (strength 1); presets only."
    )
    early_stopping: EarlyStopping | None = Field(None, description="By default every epoch is run.")

    @field_validator("freeze", mode="plain")
    @classmethod
    def _backbone_or_blocks(cls, value: Any) -> Any:
        number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        if not (number or value in ("backbone", None)):
            raise ValueError(f"give 'backbone' or a number of blocks, not {value!r}")
        return value

    @model_validator(mode="after")
    def _freeze_makes_sense(self) -> Self:
        if self.freeze is not None and self.weights is None:
            raise ValueError("freeze needs weights: a random backbone that never learns is no use")
        if self.unfreeze_after is not None and self.freeze is None:
            raise ValueError("unfreeze_after needs freeze")
        if self.unfreeze_after is not None and self.unfreeze_after >= self.epochs:
            raise ValueError("unfreeze_after is not before the last of the epochs")
        return self

    @model_validator(mode="after")
    def _curriculum_fits(self) -> Self:
        if self.curriculum and self.data.preset is None:
            raise ValueError("curriculum needs data.preset: files have no strength to change")
        if sum(stage.epochs for stage in self.curriculum) > self.epochs:
            raise ValueError("curriculum is longer than epochs")
        return self

    def strength(self, epoch: int) -> float:
        """Substructure strength of an epoch (0-based)."""
        for stage in self.curriculum:
            if epoch < stage.epochs:
                return stage.strength
            epoch -= stage.epochs
        return 1.0

    @property
    def data_seed(self) -> int:
        """Seed of scenes and splits."""
        return self.seed if self.data.seed is None else self.data.seed


class ClassifyRecipe(RecipeBase):
    """Train a classifier."""

    task: Literal["classify"] = "classify"
    data: Data = Field(description="Where images come from.")
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="Share of the label given to all classes."
    )
    distill: Distill | None = Field(None, description="By default the labels alone teach.")
    tta: bool = Field(
        False, description="Report the scores averaged over quarter turns and flips as well."
    )
    folds: int | None = Field(
        None, ge=2, description="Parts of a cross-validation, see `cross_validate`; files only."
    )

    @model_validator(mode="after")
    def _folds_need_files(self) -> Self:
        if self.folds is not None and self.data.preset is not None:
            raise ValueError(
                "folds needs files (data.directory or data.csv): a simulated sky has fresh "
                "images instead"
            )
        return self


class Adversarial(_Strict):
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


class SuperResolveRecipe(RecipeBase):
    """Train a super-resolution network on pairs of coarse and fine images."""

    task: Literal["super_resolve"]
    data: PairData = Field(description="Where pairs come from.")
    batch_size: int = Field(32, ge=1, description="Patches a step.")
    loss: dict[str, float] = Field(
        default_factory=lambda: {"mse": 1.0},
        description="Weights of mse, mae, ssim (1 - SSIM) and perceptual; or the name of one.",
    )
    perceptual: str | None = Field(
        None, description="Classifier, by name or path, whose maps the perceptual loss compares."
    )
    adversarial: Adversarial | None = Field(None, description="For srgan, and only there.")

    @field_validator("loss", mode="before")
    @classmethod
    def _one_or_mixture(cls, value: Any) -> Any:
        return {value: 1.0} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits_the_task(self) -> Self:
        if self.freeze is not None or self.curriculum:
            raise ValueError("freeze and curriculum are for classifiers")
        if self.batch_size % self.data.patches:
            raise ValueError(
                f"batch_size {self.batch_size} is no multiple of data.patches {self.data.patches}"
            )
        if (self.model == "srgan") != (self.adversarial is not None):
            raise ValueError("a table adversarial belongs to srgan, and srgan needs one")
        if ("perceptual" in self.loss) != (self.perceptual is not None):
            raise ValueError("loss.perceptual and perceptual, its classifier, go together")
        return self


# one member a task; pydantic picks by the `task` field
TASKS: dict[str, type[RecipeBase]] = {
    "classify": ClassifyRecipe,
    "super_resolve": SuperResolveRecipe,
}


class Recipe:
    """Makes recipes from keywords, a TOML file or a packaged name.

    ``Recipe(model="simple_cnn", data={"preset": "common_test_sim"})`` returns the recipe of the
    task named by ``task`` (default ``"classify"``), validated; :meth:`load` reads files.
    """

    def __new__(cls, **fields: Any) -> Any:
        """Validate ``fields`` into a recipe; raise LenszooError naming the field at fault."""
        return validate(fields, "recipe")

    @staticmethod
    def load(source: str | os.PathLike[str]) -> RecipeBase:
        """Read a TOML file, or the packaged recipe of that name (``lenszoo/recipes``)."""
        path = Path(source)
        if path.suffix != ".toml" and not path.exists():
            packaged = {p.stem: p for p in recipe_files()}
            if str(source) not in packaged:
                raise unknown("recipe", str(source), packaged, "Or give the path of a .toml file.")
            path = packaged[str(source)]
        try:
            fields = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise LenszooError(f"There is no recipe {path}.") from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise LenszooError(f"Cannot read recipe {path}: {error}.") from error
        return validate(fields, str(path))


def recipe_files() -> list[Path]:
    """The recipes that come with lenszoo."""
    return sorted((Path(__file__).parent.parent / "recipes").glob("*.toml"))


def validate(fields: dict[str, Any], where: str) -> RecipeBase:
    """Turn a dictionary into the recipe of its task.

    Raises:
        LenszooError: one line with the first field at fault and, for a typo, the nearest legal one.
    """
    task = str(fields.get("task", "classify"))
    if task not in TASKS:
        raise unknown("task", task, TASKS, f"({where})")
    kind = TASKS[task]
    try:
        return kind.model_validate({"task": task, **fields})
    except ValidationError as error:
        # a misspelt field also leaves the right one missing: the typo is what helps
        first = min(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            legal = _fields_beside(kind, first["loc"])
            raise unknown("field", name, legal, f"({where})") from None
        problem = first["msg"].removeprefix("Value error, ")
        raise LenszooError(f"{where}: {name or 'recipe'}: {problem}.") from None


def _fields_beside(kind: type[RecipeBase], location: tuple[int | str, ...]) -> list[str]:
    """Legal names, dotted, at the level of the field that ``location`` points to."""
    model: Any = kind
    prefix = ""
    for part in location[:-1]:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        inner = [
            t
            for t in (annotation, *getattr(annotation, "__args__", ()))
            if hasattr(t, "model_fields")
        ]
        model, prefix = inner[0], f"{prefix}{part}."
    return [prefix + name for name in model.model_fields]
