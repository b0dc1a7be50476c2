"""A task that is added in one place trains, is scored and reports like those of lenszoo.

The task regresses the Einstein radius (arcsec) of simulated lenses with any classifier's network.
"""

import json
from types import SimpleNamespace
from typing import Literal

import keras
import numpy as np
import pytest
from oneline import one_line
from typer.testing import CliRunner

import lenszoo
from lenszoo import tasks
from lenszoo.cli import app
from lenszoo.models.in_batches import in_batches
from lenszoo.pretrained.loading import build_model
from lenszoo.reporting.report import Report
from lenszoo.simulation import SPLIT_START, get_preset, sample
from lenszoo.tasks.base import Options, Task
from lenszoo.tasks.recipe_tables import DataTable
from lenszoo.tasks.recipes import Field, RecipeBase
from lenszoo.training import Recipe, train

SKY = "deeplense_model_2"


class MeasureRecipe(RecipeBase):
    """Train a network that measures Einstein radii."""

    task: Literal["measure"]
    data: DataTable = Field(description="Simulated sky.")


class Radii(keras.utils.PyDataset):
    """Images and Einstein radii of a sky, in batches."""

    def __init__(self, drawn, size):
        super().__init__()
        self.drawn, self.size = drawn, size

    def __len__(self):
        return -(-len(self.drawn.ids) // self.size)

    def __getitem__(self, i):
        rows = slice(i * self.size, (i + 1) * self.size)
        return self.drawn.images[rows], self.drawn.radii[rows]


def draw(preset, n, seed, split):
    drawn = sample(preset, n, seed, SPLIT_START[split])
    radii = drawn.truth["einstein_radius"].astype("float32")[:, None]
    return SimpleNamespace(images=drawn.images, radii=radii, ids=[f"{split}/{i}" for i in range(n)])


class MeasureTask(Task):
    monitor = "val_score"
    published = ("n", "rmse")

    def __init__(self, recipe):
        self.recipe, data = recipe, recipe.data
        self.source = SimpleNamespace(
            validation=lambda: draw(data.preset, data.val_images, recipe.data_seed, "val"),
            test=lambda: draw(data.preset, data.test_images, recipe.data_seed, "test"),
            describe={"preset": data.preset},
        )
        self.steps_per_epoch = -(-data.images // recipe.batch_size)

    def build(self):
        shape = get_preset(self.recipe.data.preset).image_shape
        options = self.recipe.options
        return build_model(self.recipe.model, input_shape=shape, num_classes=1, **options)

    def loss(self):
        return {"loss": "mse"}

    def epoch(self, epoch):
        data = self.recipe.data
        drawn = draw(data.preset, data.images, self.recipe.data_seed + epoch, "train")
        return Radii(drawn, self.recipe.batch_size)

    def validate(self, model):
        return {"val_score": -self.figure(model, self.validation)}

    def identity(self):
        return {"task": "measure", "data": self.source.describe}

    @classmethod
    def sample(cls, model, preset, n, seed, *, bands=None):
        return draw(preset, n, seed, "test")

    @classmethod
    def figure(cls, model, data):
        error = in_batches(model, data.images, 32) - data.radii
        return float(np.sqrt(np.mean(error**2)))

    @classmethod
    def score(cls, model, data, *, title=None, provenance=None, history=None, seed=0):
        metrics = {"n": len(data.ids), "rmse": cls.figure(model, data)}
        title = title or f"{len(data.ids)} Einstein radii"
        return Report(title, metrics, provenance=provenance or {})

    @classmethod
    def evaluate(cls, model, data, options, **about):
        return cls.score(model, data, **about)


@pytest.fixture
def measure():
    tasks.add(
        tasks.TaskInfo(
            "measure",
            "measures Einstein radii",
            tasks.Headline("rmse", "RMSE {:.3f} arcsec"),
            MeasureRecipe,
            MeasureTask,
            {"rmse": "RMSE {:.3f} arcsec"},
        )
    )
    yield
    tasks.remove("measure")


FIELDS = {
    "task": "measure",
    "model": "simple_cnn",
    "options": {"width": 4},
    "epochs": 2,
    "batch_size": 8,
    "data": {"preset": SKY, "images": 16, "val_images": 8, "test_images": 8},
}


def test_it_trains_is_scored_and_reports(measure, tmp_path):
    result = train(FIELDS, tmp_path / "run")
    assert result.metrics["n"] == 8 and np.isfinite(result.metrics["rmse"])
    assert len(result.history) == 2
    report = lenszoo.evaluate(tmp_path / "run", preset=SKY, images=8)
    assert report.metrics == pytest.approx(result.metrics)  # the same scenes
    test, _ = MeasureTask.release(report)
    assert test == report.metrics
    assert Recipe(**FIELDS).optimizer.name == "adamw"  # fields that all tasks share


def command(*words, code=0):
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == code, done.output
    return done.output


def test_the_command_line_knows_it(measure, tmp_path):
    toml = tmp_path / "r.toml"
    data = "\n".join(f"{name} = {json.dumps(value)}" for name, value in FIELDS["data"].items())
    toml.write_text(
        'task = "measure"\nmodel = "simple_cnn"\noptions = { width = 4 }\nbatch_size = 8\n'
        f"[data]\n{data}\n"
    )
    run, report = tmp_path / "run", tmp_path / "report"
    said = command("train", toml, "--epochs", 1, "--set", "augment=none", "--out", run)
    assert "RMSE " in said and " arcsec; open " in said
    command("evaluate", run, "--preset", SKY, "--images", 8, "--out", report)
    assert json.loads((report / "report.json").read_text())["metrics"]["n"] == 8
    files = command("train", toml, "--data", tmp_path, "--out", tmp_path / "other", code=2)
    assert "learns from --preset alone" in files


def test_without_it_the_name_is_unknown():
    one_line("'measure'", lambda: Recipe(**FIELDS))


def test_an_option_that_a_task_does_not_know_is_refused():
    Options(tta=False, on_bad="skip").refuse("measures", "tta", "classes")
    one_line(
        "tta= does not apply to a model that measures",
        lambda: Options(tta=True).refuse("measures", "classes", "tta"),
    )


def test_a_task_has_no_folds_unless_it_says_so():
    one_line(
        "no cross-validation for task measure",
        lambda: MeasureTask.folds(SimpleNamespace(task="measure"), 3),
    )
