"""The head of a probe: standardised features and multinomial logistic regression."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lenszoo.errors import LenszooError
from lenszoo.metrics.classification import as_logits, log_loss

C_GRID = tuple(10.0**k for k in range(-2, 5))
INNER_FOLDS = 5
# A few units in the last place of float32: what a constant feature scatters by in another batch.
_ROUNDING = 1e-6
_PATIENCE = 2


@dataclass(frozen=True, eq=False)
class FittedHead:
    """A head that was fitted.

    Attributes:
        mean: of each feature over the images it saw, shape (d,).
        scale: what centred features are multiplied by, shape (d,); 0 for a constant one.
        regression: the scikit-learn estimator on standardised features.
        c: its regularisation, as in :class:`LogisticHead`.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    regression: Any
    c: float

    def logits(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logits (n, K) of features (n, d)."""
        return as_logits(self.regression.decision_function((features - self.mean) * self.scale))


@dataclass(frozen=True)
class LogisticHead:
    """Multinomial logistic regression with an L2 penalty on standardised features.

    It minimises ``c * sum(cross-entropy) + |w|^2 / 2`` over features of unit variance divided by
    the square root of their number, so that one ``c`` means the same for a backbone of 128
    features and of 2,048. A feature that scatters by float32 rounding alone counts as constant
    and is passed over: a collapsed backbone is worth an AUC of 0.5.

    Attributes:
        c: weight of the data against the penalty. By default the best of 0.01, 0.1, ... 10,000 by
            the cross-entropy in a stratified cross-validation of the labelled images, in 5 folds
            or as many as the rarest class has images; two values after the best end the search.

    Example:
        >>> from lenszoo.training import LogisticHead
        >>> labels = np.arange(60) % 2
        >>> features = labels[:, None] + 0.1 * np.random.default_rng(0).normal(size=(60, 2))
        >>> LogisticHead(c=1.0).fit(features, labels).logits(features).shape
        (60, 2)
    """

    c: float | None = None

    def __post_init__(self) -> None:
        if self.c is not None and not 0 < self.c < np.inf:
            raise LenszooError(f"c of the LogisticHead must be positive, not {self.c}.")

    @property
    def least(self) -> int:
        """Images of each class that it takes: two where some are held out to choose ``c``."""
        return 1 if self.c is not None else 2

    def fit(
        self, features: NDArray[np.float64], labels: NDArray[np.int64], seed: int = 0
    ) -> FittedHead:
        """Fit to features (n, d), finite, and labels (n,), 0..K-1, at least two of each class.

        Args:
            features: of the labelled images.
            labels: their classes.
            seed: of the folds in which ``c`` is chosen.
        """
        from threadpoolctl import threadpool_limits

        mean, scale = _standardisation(features)
        x = (features - mean) * scale
        # so small products that threads would only wait for one another
        with threadpool_limits(1):
            c = self.c if self.c is not None else _best_c(features, labels, seed)
            return FittedHead(mean, scale, _regression(c, scale).fit(x, labels), c)


def _standardisation(features: NDArray[np.float64]) -> tuple[Any, Any]:
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    varies = deviation > _ROUNDING * np.abs(features).max(axis=0)
    return mean, np.where(varies, 1 / np.where(varies, deviation, 1), 0)


def _regression(c: float, scale: NDArray[np.float64]) -> Any:
    from sklearn.linear_model import LogisticRegression

    # Dividing c by the number of features is dividing them by its root, and keeps `tol` of use.
    live = max(int(np.count_nonzero(scale)), 1)
    return LogisticRegression(C=c / live, max_iter=2000, warm_start=True)


class _Fold:
    """One split of the labelled images, fitted with weaker and weaker penalties."""

    def __init__(self, x: NDArray[np.float64], y: NDArray[np.int64], seen: Any, held: Any) -> None:
        mean, self.scale = _standardisation(x[seen])
        x = (x - mean) * self.scale
        self.seen, self.held = (x[seen], y[seen]), (x[held], y[held])
        self.regression = _regression(1.0, self.scale)

    def loss(self, c: float) -> float:
        """Summed cross-entropy of what was held out; the fit starts where the last ended."""
        self.regression.C = _regression(c, self.scale).C
        self.regression.fit(*self.seen)
        x, y = self.held
        return log_loss(y, self.regression.decision_function(x)) * len(y)


def _best_c(features: NDArray[np.float64], labels: NDArray[np.int64], seed: int) -> float:
    """Return the ``c`` of least held-out cross-entropy; of equals the strongest penalty."""
    from sklearn.model_selection import StratifiedKFold

    count = min(INNER_FOLDS, int(np.bincount(labels).min()))
    splits = StratifiedKFold(count, shuffle=True, random_state=seed).split(features, labels)
    folds = [_Fold(features, labels, seen, held) for seen, held in splits]
    losses: list[float] = []
    for c in C_GRID:
        losses.append(sum(fold.loss(c) for fold in folds))
        # past the least the weakest penalties only overfit, and they take longest to fit
        if len(losses) - int(np.argmin(losses)) > _PATIENCE:
            break
    return C_GRID[int(np.argmin(losses))]
