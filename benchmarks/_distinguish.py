"""Can summary statistics tell real images from simulated ones? Cross-validated, with a null."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FOLDS, REPEATS, NULLS, BOOTSTRAPS = 5, 2, 12, 1000
PER_REAL = 10  # simulated images for each real one


@dataclass(frozen=True)
class Distinction:
    """Cross-validated AUC of real against simulated.

    Attributes:
        auc: of the scores averaged over repeats; interval: its bootstrap 95 % interval.
        null: the same AUC where as many simulated images stand in for the real ones, one a draw:
            what chance alone gives.
        real, simulated: how many images.
    """

    auc: float
    interval: tuple[float, float]
    null: np.ndarray
    real: int
    simulated: int

    def __str__(self) -> str:
        (low, high), null = self.interval, self.null
        return (
            f"AUC {self.auc:.3f} (95 % interval {low:.3f} .. {high:.3f}); simulated against "
            f"simulated {null.mean():.3f} +- {null.std():.3f}"
        )

    @property
    def alike(self) -> bool:
        """Whether chance gives such an AUC: at most two standard deviations above the null."""
        return self.auc <= self.null.mean() + 2 * self.null.std()


def logistic(seed: int):
    """A logistic regression on standardised features, both sides weighing the same."""
    return make_pipeline(
        StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000)
    )


def forest(seed: int):
    """A random forest, both sides weighing the same."""
    return RandomForestClassifier(
        60, min_samples_leaf=3, class_weight="balanced_subsample", random_state=seed
    )


def _scores(model: Callable, features: np.ndarray, real: np.ndarray, seed: int) -> np.ndarray:
    """Out-of-fold probability of being real, averaged over repeats of the folds."""
    total = np.zeros(len(real))
    for repeat in range(REPEATS):
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed + repeat)
        for train, held in folds.split(features, real):
            fitted = model(seed + repeat).fit(features[train], real[train])
            total[held] += fitted.predict_proba(features[held])[:, 1]
    return total / REPEATS


def distinguish(
    model: Callable, real: np.ndarray, simulated: np.ndarray, seed: int = 0
) -> Distinction:
    """Train ``model`` on real (n, F) against simulated (m, F) features, in folds, and on the null.

    Simulated images are drawn without repetition: 10 a real one, and n more for each null.
    """
    rng = np.random.default_rng(seed)
    n = len(real)
    shuffled = simulated[rng.permutation(len(simulated))]
    m = min(PER_REAL * n, len(shuffled) - n)
    others, spare = shuffled[:m], shuffled[m:]
    truth = np.r_[np.ones(n), np.zeros(m)]
    score = _scores(model, np.concatenate([real, others]), truth, seed)
    draws = []
    for _ in range(BOOTSTRAPS):
        pick = np.concatenate([rng.integers(0, n, n), n + rng.integers(0, m, m)])
        draws.append(roc_auc_score(truth[pick], score[pick]))
    null = []
    for k in range(NULLS):
        stand_in = spare[rng.choice(len(spare), n, replace=False)]
        features = np.concatenate([stand_in, others])
        null.append(roc_auc_score(truth, _scores(model, features, truth, seed + k)))
    low, high = np.percentile(draws, [2.5, 97.5])
    auc = float(roc_auc_score(truth, score))
    return Distinction(auc, (float(low), float(high)), np.array(null), n, m)
