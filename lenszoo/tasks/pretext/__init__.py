"""Pretexts: a classifier's backbone learns from images without labels."""

from lenszoo.tasks import Headline, TaskInfo

TASKS = (
    TaskInfo(
        "pretext",
        "turns images into features, learned without labels",
        Headline("probe_auc", "AUC {:.4f} of a linear head"),
        "lenszoo.tasks.pretext.recipe:PretextRecipe",
        "lenszoo.tasks.pretext.task:PretextTask",
        {
            "score": "score {:.4f}",
            "pretext.probe_auc": "AUC {:.4f} of a linear head",
            "start.probe_auc": "{:.4f} at the start",
            "pretext.effective_rank": "effective rank {:.1f}",
        },
    ),
)
