"""Recipes: everything that decides a training's result, as one validated TOML file.

The fields that all tasks share stand here; each task adds its own in its ``recipe.py``.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from lenszoo import tasks
from lenszoo.errors import LenszooError, unknown
from lenszoo.files import expanded, has_file, has_folder
from lenszoo.tasks.recipe_tables import EarlyStopping, Optimizer, Stage, Strict


class RecipeBase(Strict):
    """Fields that recipes of every task share."""

    in_phases: ClassVar[bool] = False
    """Whether the task knows ``curriculum``."""
    fine_tunes: ClassVar[bool] = False
    """Whether the task knows ``freeze``, ``lora`` and ``optimizer.layer_decay``."""
    grows: ClassVar[bool] = False
    """Whether the task knows ``grow``."""
    fine_tuning_rate: ClassVar[float | None] = 1e-4
    """Learning rate from weights where the recipe names none; None: as without."""

    task: str = Field(description="Name of the task, see `lenszoo.tasks`.")
    model: str = Field(description="Row of the registry, see `lenszoo models`.")
    data: Any = Field(description="Where examples come from.")
    options: dict[str, Any] = Field(default_factory=dict, description="Options of the model.")
    input_shape: tuple[int, int, int] | None = Field(
        None, description="Height and width in pixels, and bands; by default the data's."
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
    lora: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="Rank of the only change to a backbone, in the dense layers of its blocks "
        "(LoRA, Hu et al. 2021, arXiv:2106.09685); saved weights have it in them. Needs weights.",
    )
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of all random numbers of the run.")
    epochs: int = Field(10, ge=1, le=1_000_000, description="Epochs to train.")
    batch_size: int = Field(64, ge=1, le=65_536, description="Images a step.")
    optimizer: Optimizer = Field(default_factory=Optimizer, description="Table of the optimizer.")
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
    devices: Annotated[int, Field(strict=True, ge=1, le=65_536)] | Literal["all"] = Field(
        1, description="Devices that share each batch equally: their number, or all."
    )
    curriculum: list[Stage] = Field(
        default_factory=list, description="Stages before the true sky (strength 1); presets only."
    )
    early_stopping: EarlyStopping | None = Field(None, description="By default every epoch is run.")

    @model_validator(mode="before")
    @classmethod
    def _rate_from_weights(cls, values: Any) -> Any:
        if cls.fine_tuning_rate is None or not isinstance(values, dict):
            return values
        frozen = values.get("freeze") == "backbone" and values.get("unfreeze_after") is None
        frozen = frozen or values.get("lora") is not None
        table = values.get("optimizer", {})
        if isinstance(table, Optimizer):
            table = table.model_dump(exclude_unset=True)
        if not values.get("weights") or frozen or not isinstance(table, dict):
            return values
        return values | {"optimizer": {"learning_rate": cls.fine_tuning_rate} | table}

    @field_validator("freeze", mode="plain")
    @classmethod
    def _backbone_or_blocks(cls, value: Any) -> Any:
        number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        if not (number or value in ("backbone", None)):
            raise ValueError(f"give 'backbone' or a number of blocks, not {value!r}")
        return value

    @model_validator(mode="after")
    def _phases_are_for_classifiers(self) -> Self:
        if not self.in_phases and self.curriculum:
            raise ValueError("curriculum is for classifiers")
        tunes = self.freeze is not None or self.lora is not None or self.optimizer.layer_decay < 1
        if not self.fine_tunes and tunes:
            raise ValueError(
                "freeze, lora and optimizer.layer_decay are for classifiers and lens finders"
            )
        return self

    @model_validator(mode="after")
    def _one_start(self) -> Self:
        if self.grow is not None and self.weights is not None:
            raise ValueError("weights and grow are both a start: give one")
        if self.grow is not None and not self.grows:
            raise ValueError("grow is for classifiers and super-resolution networks")
        return self

    @model_validator(mode="after")
    def _freeze_makes_sense(self) -> Self:
        if self.freeze is not None and self.weights is None:
            raise ValueError("freeze needs weights: a random backbone that never learns is no use")
        if self.lora is not None and self.weights is None:
            raise ValueError("lora needs weights: it is a small change of what is there")
        if self.lora is not None and (self.freeze is not None or self.optimizer.layer_decay < 1):
            raise ValueError("lora freezes the backbone: leave out freeze and layer_decay")
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

    @property
    def reads_files(self) -> bool:
        """Whether any of the data lie in files, which may change."""
        return self.data.reads_files

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


# Fields of older versions, whose recipes and run folders stay readable -> their new names.
RENAMED = {"widen": "grow"}


PLACES = ("directory", "csv", "stack", "catalogue", "folder", "high", "low", "images_in")
"""Fields of a table of data that say where files lie."""


FREE = frozenset({"devices"})
"""Fields that may change while a run goes on: its result is the same, up to rounding."""


def places_of(fields: dict[str, Any]) -> dict[str, Any]:
    """Return by dotted name those of a recipe's fields that say where data and weights lie.

    They may change while a run goes on, as long as what lies there is the same.
    """
    tables = {name: fields.get(name) or {} for name in ("data", "source")}
    places = {f"{t}.{name}": table.get(name) for t, table in tables.items() for name in PLACES}
    teacher = (fields.get("distill") or {}).get("teacher")
    places |= {"weights": fields.get("weights"), "grow": fields.get("grow")}
    return places | {"distill.teacher": teacher, "perceptual": fields.get("perceptual")}


class Recipe:
    """Makes recipes from keywords, a TOML file or a packaged name.

    ``Recipe(model="simple_cnn", data={"preset": "common_test_sim"})`` returns the recipe of the
    task named by ``task`` (by default a classifier), validated; :meth:`load` reads files.

    Example:
        >>> from lenszoo.training import Recipe
        >>> recipe = Recipe(model="simple_cnn", data={"preset": "common_test_sim"}, epochs=3)
        >>> recipe.task, recipe.epochs
        ('classify', 3)
    """

    def __new__(cls, **fields: Any) -> Any:
        """Validate ``fields`` into a recipe; raise LenszooError naming the field at fault."""
        return validate(fields, "recipe")

    @staticmethod
    def load(source: str | os.PathLike[str]) -> RecipeBase:
        """Read a TOML file, or the packaged recipe of that name (``lenszoo/recipes``)."""
        path = expanded(source)
        if path.suffix != ".toml" and not has_file(path):  # a run's folder may be called like it
            packaged = {p.stem: p for p in recipe_files()}
            if str(source) not in packaged:
                if has_folder(path):
                    raise LenszooError(f"{path} is a folder, not a recipe: give a .toml file.")
                raise unknown("recipe", str(source), packaged, "Or give the path of a .toml file.")
            path = packaged[str(source)]
        try:
            fields = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise LenszooError(f"There is no recipe {path}.") from None
        except (OSError, ValueError, RecursionError) as error:
            reason = str(error) or type(error).__name__
            raise LenszooError(f"Cannot read recipe {path}: {reason}.") from error
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
    task = str(fields.get("task", tasks.DEFAULT))
    kind = tasks.find(task, where).recipe
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
        place = f"{where}: {name}" if name else where
        raise LenszooError(f"{place}: {problem}.") from None


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
