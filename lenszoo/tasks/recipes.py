"""Recipes: everything that decides what a training produces, as one validated TOML file."""

import os
import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from lenszoo.errors import LenszooError, unknown
from lenszoo.tasks.recipe_tables import (
    AdaMatch,
    Adversarial,
    Contrastive,
    Corpus,
    Dann,
    Data,
    Denoising,
    Distill,
    EarlyStopping,
    LensData,
    MeanTeacher,
    Optimizer,
    PairData,
    PoolData,
    SimSiam,
    Stage,
    Strict,
)


class RecipeBase(Strict):
    """What recipes of every task share."""

    task: str
    model: str = Field(description="Row of the catalogue, see `lenszoo models`.")
    data: Any
    options: dict[str, Any] = Field(default_factory=dict, description="Options of the model.")
    input_shape: tuple[int, int, int] | None = Field(
        None, description="Height, width and bands; by default the data's."
    )
    weights: str | None = Field(None, description="Weights to start from: a name or a path.")
    grow: str | None = Field(
        None,
        description="Weights, by name or path, of a smaller network to begin as, of fewer channels "
        "(Chen et al. 2016, arXiv:1511.05641) or residual blocks (Goyal et al. 2017, "
        "arXiv:1706.02677).",
    )
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
        "auto",
        description="XLA; auto is on for GPU, TPU and JAX, off for TensorFlow on a CPU, where only "
        "transformers gain.",
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
    def _some_are_for_classifiers(self) -> Self:
        if self.task != "classify" and (self.freeze is not None or self.curriculum):
            raise ValueError("freeze and curriculum are for classifiers")
        return self

    @model_validator(mode="after")
    def _one_start(self) -> Self:
        if self.grow is not None and self.weights is not None:
            raise ValueError("weights and grow are both a start: give one")
        if self.grow is not None and self.task not in ("classify", "super_resolve"):
            raise ValueError("grow is for classifiers and super-resolution networks")
        return self

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
    corpus: Corpus | None = Field(
        None, description="By default every image is drawn as it is needed, and none comes twice."
    )
    tta: bool = Field(
        False, description="Report the scores averaged over quarter turns and flips as well."
    )
    folds: int | None = Field(
        None, ge=2, description="Parts of a cross-validation, see `cross_validate`; files only."
    )

    @model_validator(mode="after")
    def _corpus_fits(self) -> Self:
        if self.corpus is None:
            return self
        if self.data.preset is None or not self.data.fresh or self.curriculum:
            raise ValueError("corpus needs data.preset, data.fresh and no curriculum")
        if self.corpus.scenes % self.data.images:
            raise ValueError(
                f"corpus.scenes {self.corpus.scenes} is no multiple of data.images "
                f"{self.data.images}"
            )
        return self

    @model_validator(mode="after")
    def _folds_need_files(self) -> Self:
        if self.folds is not None and self.data.preset is not None:
            raise ValueError(
                "folds needs files (data.directory or data.csv): a simulated sky has fresh "
                "images instead"
            )
        return self


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
        if self.batch_size % self.data.patches:
            raise ValueError(
                f"batch_size {self.batch_size} is no multiple of data.patches {self.data.patches}"
            )
        if (self.model == "srgan") != (self.adversarial is not None):
            raise ValueError("a table adversarial belongs to srgan, and srgan needs one")
        if ("perceptual" in self.loss) != (self.perceptual is not None):
            raise ValueError("loss.perceptual and perceptual, its classifier, go together")
        return self


class FindLensesRecipe(RecipeBase):
    """Train a lens finder on images, a table, or both."""

    task: Literal["find_lenses"]
    model: str = Field("lens_finder", description="Row of the catalogue that finds lenses.")
    data: LensData = Field(description="Where candidates come from.")
    use: Literal["both", "image", "table"] = Field(
        "both", description="What the network is given: images, the table, or both."
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Share given to the other class.")
    allow_leaky_columns: bool = Field(
        False, description="Train although a column of the table gives the answer away."
    )


class AdaptRecipe(RecipeBase):
    """Adapt a lens finder to a sky with few labels, from one with many."""

    task: Literal["adapt"]
    model: str = Field("lens_finder", description="Row of the catalogue that finds lenses.")
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


class PretextRecipe(RecipeBase):
    """Train a backbone on images without labels."""

    task: Literal["pretext"]
    data: PoolData = Field(description="Where images come from; labels are not looked at.")
    method: Literal["rotation", "denoising", "contrastive", "simsiam"] = Field(
        description="rotation: by which quarter turn was the image turned? (Gidaris et al. 2018, "
        "arXiv:1803.07728); denoising: how strong is the noise that was added?; contrastive and "
        "simsiam: two views of an image have the same vector.",
    )
    denoising: Denoising | None = Field(None, description="Of method denoising: its defaults.")
    contrastive: Contrastive | None = Field(None, description="Of method contrastive, likewise.")
    simsiam: SimSiam | None = Field(None, description="Of method simsiam, likewise.")

    @model_validator(mode="after")
    def _fits_the_method(self) -> Self:
        for name in ("denoising", "contrastive", "simsiam"):
            if name != self.method and getattr(self, name) is not None:
                raise ValueError(f"a table {name} is for that method, not for {self.method}")
        if self.batch_size < 2 and self.method in ("contrastive", "simsiam"):
            raise ValueError(f"{self.method} compares images: batch_size is 1")
        return self


# one member a task; pydantic picks by the `task` field
TASKS: dict[str, type[RecipeBase]] = {
    "adapt": AdaptRecipe,
    "classify": ClassifyRecipe,
    "find_lenses": FindLensesRecipe,
    "pretext": PretextRecipe,
    "super_resolve": SuperResolveRecipe,
}

# Fields of older versions, whose recipes and run folders stay readable -> what they are called now.
RENAMED = {"widen": "grow"}


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


def as_recipe(recipe: Any) -> Any:
    """A recipe of a recipe, its fields, the path of a TOML file or the name of a packaged one."""
    if isinstance(recipe, str | os.PathLike):
        return Recipe.load(recipe)
    return validate(recipe, "recipe") if isinstance(recipe, dict) else recipe


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
        return kind.model_validate({"task": task, **_without_paths(_renamed(fields))})
    except ValidationError as error:
        # a misspelt field also leaves the right one missing: the typo is what helps
        first = min(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            legal = _fields_beside(kind, first["loc"])
            raise unknown("field", name, legal, f"({where})") from None
        problem = first["msg"].removeprefix("Value error, ")
        raise LenszooError(f"{where}: {name or 'recipe'}: {problem}.") from None


def _renamed(fields: dict[str, Any]) -> dict[str, Any]:
    """The same with fields of older recipes and run folders under the names that they have now."""
    old = {name for name, new in RENAMED.items() if new not in fields}
    return {RENAMED[name] if name in old else name: value for name, value in fields.items()}


def _without_paths(value: Any) -> Any:
    """The same with paths as text, which is what a recipe holds."""
    if isinstance(value, dict):
        return {key: _without_paths(each) for key, each in value.items()}
    return os.fspath(value) if isinstance(value, os.PathLike) else value


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
