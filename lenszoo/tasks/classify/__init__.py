"""Classification: the class of dark-matter substructure that an image shows."""

from lenszoo.tasks import Headline, TaskInfo

TASKS = (
    TaskInfo(
        "classify",
        "classifies images",
        Headline("macro_ovr_auc", "AUC {:.4f}"),
        "lenszoo.tasks.classify.recipe:ClassifyRecipe",
        "lenszoo.tasks.classify.task:ClassifyTask",
        {"macro_ovr_auc": "AUC {:.4f}", "accuracy": "accuracy {:.4f}"},
    ),
)
