"""Lens finding on cutouts and tables, and the adaptation of a lens finder to another sky."""

from lenszoo.tasks import Headline, TaskInfo

_PURPOSE, _HEADLINE = "finds lenses", Headline("auc", "AUC {:.4f}")
_FIGURES = {"auc": "AUC {:.4f}", "tpr0": "TPR0 {:.3f}", "tpr10": "TPR10 {:.3f}"}

TASKS = (
    TaskInfo(
        "find_lenses",
        _PURPOSE,
        _HEADLINE,
        "lenszoo.tasks.find_lenses.recipe:FindLensesRecipe",
        "lenszoo.tasks.find_lenses.task:FindLensesTask",
        _FIGURES | {"nonlenses": "{:,} non-lenses"},
    ),
    TaskInfo(
        "adapt",
        _PURPOSE,
        _HEADLINE,
        "lenszoo.tasks.find_lenses.recipe:AdaptRecipe",
        "lenszoo.tasks.find_lenses.adapt:AdaptTask",
        _FIGURES
        | {"before.auc": "AUC {:.4f} before", "before.tpr10": "TPR10 {:.3f} before"}
        | {"nonlenses": "{:,} non-lenses"},
    ),
)
