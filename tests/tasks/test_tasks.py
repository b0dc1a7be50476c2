"""The tasks by name, and that nothing else branches on a task's name."""

import ast
from pathlib import Path

import pytest
from oneline import one_line

from lenszoo import tasks
from lenszoo.models.registry import CATALOG
from lenszoo.pretrained import load_manifest
from lenszoo.tasks.base import Task
from lenszoo.tasks.recipes import RecipeBase, recipe_files
from lenszoo.training import Recipe

ROOT = Path(__file__).parents[2]
# tables of wording a task each: model cards and tables of results
WORDING = (
    "cards.py",
    "card_sections.py",
    "scores.py",
    "best_weights.py",
    "result_tables.py",
    "publish.py",
)
# the rows of models say what each is for
ROWS = "lenszoo/models/registry.py"


@pytest.mark.parametrize("info", tasks.infos().values(), ids=tasks.infos())
def test_every_row_leads_to_a_recipe_and_a_task(info):
    assert issubclass(info.recipe, RecipeBase) and issubclass(info.task, Task)
    assert not info.task.__abstractmethods__
    assert info.recipe.model_fields["task"].annotation.__args__ == (info.name,)


def test_every_model_and_every_recipe_has_a_task():
    assert {row.task for row in CATALOG.values()} <= set(tasks.infos())
    assert {Recipe.load(path).task for path in recipe_files()} <= set(tasks.infos())
    one_line("Did you mean 'classify'", lambda: tasks.find("classfy"))


def test_every_published_figure_has_the_headline_of_its_recipes_task():
    by_file = {path.name: path for path in recipe_files()}
    for entry in load_manifest(ROOT / "weights_manifest.json").entries:
        test = entry.metrics["test"]
        info = tasks.of_figures(test, CATALOG[entry.model].task)
        recipe = Recipe.load(by_file[entry.recipe])
        assert info.headline == tasks.find(recipe.task).headline, entry.name
        assert info.headline.key in test


def test_a_line_of_figures_leaves_out_what_is_undefined():
    line = tasks.find("find_lenses").line
    metrics = {"auc": 0.98765, "tpr0": 0.25, "tpr10": None, "nonlenses": 1234, "n": 3}
    assert line(metrics) == "AUC 0.9877, TPR0 0.250, 1,234 non-lenses"
    nested = {"auc": 0.9, "before": {"auc": 0.8}}
    assert tasks.find("adapt").line(nested) == "AUC 0.9000, AUC 0.8000 before"
    assert tasks.find("classify").line({}) == ""


def test_a_name_is_added_once():
    one_line("task classify already", lambda: tasks.add(tasks.find("classify")))


def branches(path):
    """Lines that compare with the name of a task, or choose by one from a table."""
    names = set(tasks.infos())

    def named(node):
        return isinstance(node, ast.Constant) and node.value in names

    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        parts = []
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
            parts += [
                e for p in parts if isinstance(p, ast.Tuple | ast.List | ast.Set) for e in p.elts
            ]
        elif isinstance(node, ast.Dict):
            parts = node.keys
        elif isinstance(node, ast.MatchValue):
            parts = [node.value]
        if any(map(named, parts)):
            yield node.lineno


def test_no_other_file_branches_on_a_tasks_name():
    files = [*(ROOT / "lenszoo").rglob("*.py"), *(ROOT / "tools").glob("*.py")]
    places = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in files
        if "tasks" not in path.relative_to(ROOT).parts and path.name not in WORDING
        for line in branches(path)
    }
    assert not [place for place in places if not place.startswith(ROWS)]
