"""Recipe of the classification task."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from lenszoo.data.cutting import MAX_SIZE
from lenszoo.data.stacks import is_stack_file
from lenszoo.data.table import is_table_file
from lenszoo.tasks.recipe_tables import PREPARED, SIMULATED, FileImages, Strict
from lenszoo.tasks.recipes import RecipeBase

COLUMNS = ("id_column", "path_column", "label_column")


class Data(FileImages):
    """Where labelled images come from: a simulated sky, or files. Give exactly one of the four."""

    sources: ClassVar = {
        "preset": SIMULATED,
        "directory": (*PREPARED, "classes"),
        "csv": (*PREPARED, "classes", *COLUMNS, "cutout_size", "positions"),
        "stack": (*PREPARED, "classes"),
    }

    directory: str | None = Field(
        None,
        description="Folder of class folders, or of `train` and `val` folders of class folders.",
    )
    csv: str | None = Field(None, description="Table with a row an image.")
    stack: str | None = Field(
        None, description="File of many images (.npz or HDF5) with an array `labels`."
    )
    id_column: str = Field("id", description="The table's column of ids.")
    path_column: str | list[str] = Field(
        "path", description="The table's column of files, or one column a band."
    )
    label_column: str = Field("label", description="The table's column of classes.")
    cutout_size: int | None = Field(
        None,
        ge=1,
        le=MAX_SIZE,
        description="Pixels a side of the squares to cut out of the table's files, at its x and y "
        "(pixels, the first at 0) or its ra and dec (degrees).",
    )
    positions: dict[str, str] = Field(
        default_factory=dict,
        description="The table's columns of x and y, or of ra and dec, to cut at.",
    )
    classes: list[str] | None = Field(
        None, description="Order of the class folders or labels; by default alphabetical."
    )

    @classmethod
    def from_path(cls, path: str) -> dict[str, str]:
        """A CSV, a stack, or a folder of class folders."""
        if is_stack_file(path):
            return {"stack": path}
        return {"csv" if is_table_file(path) else "directory": path}

    @model_validator(mode="after")
    def _positions_of_cutouts(self) -> Self:
        if self.positions and self.cutout_size is None:
            raise ValueError("positions: they say where to cut; cutout_size says how much")
        return self


class Hint(Strict):
    """A layer of the student from which a layer of the teacher is predicted."""

    student: str = Field(
        description="Layer of the student, such as block4_add2, that answers tokens or maps."
    )
    teacher: str = Field(
        description="Layer of the teacher, such as stage2_block2_relu2, that answers maps."
    )
    points: int = Field(
        1, ge=1, description="Points a side at which a cell of the student reads the map."
    )


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
    hints: tuple[Hint, ...] = Field(
        (),
        description="Maps inside the teacher that the student learns to predict as well (Romero "
        "et al. 2015, arXiv:1412.6550).",
    )
    hint_weight: float = Field(
        0.2, gt=0, description="Factor of the hints' mean squared errors in the loss."
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

    @model_validator(mode="after")
    def _weight_of_hints(self) -> Self:
        self.check_effects({"hints": ("hint_weight",)}, *(("hints",) if self.hints else ()))
        return self


class Corpus(Strict):
    """Draw scenes once, and keep their squares with the teacher's answers on disk.

    The stages of a curriculum are streamed all the same.
    """

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


class ClassifyRecipe(RecipeBase):
    """Train a classifier."""

    in_phases: ClassVar = True
    fine_tunes: ClassVar = True
    grows: ClassVar = True

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
        if self.data.preset is None or not self.data.fresh:
            raise ValueError("corpus needs data.preset and data.fresh")
        if self.distill is not None and self.distill.hints:
            raise ValueError("distill.hints needs the teacher in every step: leave out corpus")
        if self.corpus.turns > 1 and self.distill is None:
            raise ValueError("corpus.turns counts answers of a teacher: leave it out, or distill")
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
                "folds needs files (data.directory, data.csv or data.stack): a simulated sky has "
                "fresh images instead"
            )
        return self
