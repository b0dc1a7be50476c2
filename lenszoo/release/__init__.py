"""From recipes to published weights: train, pack, score, write the manifest."""

from lenszoo.release.release import release
from lenszoo.release.scores import EVALUATION_SEED, SCORERS, score_real

__all__ = ["EVALUATION_SEED", "SCORERS", "release", "score_real"]
