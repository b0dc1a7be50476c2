"""From recipes to published weights: train, pack, score, write the manifest."""

from lenszoo.release.campaign import Step, campaign, read_list, table
from lenszoo.release.release import release
from lenszoo.release.scores import EVALUATION_SEED, SCORERS, score_real

__all__ = [
    "EVALUATION_SEED",
    "SCORERS",
    "Step",
    "campaign",
    "read_list",
    "release",
    "score_real",
    "table",
]
