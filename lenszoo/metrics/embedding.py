"""Collapse of an embedding: standard deviation and effective rank."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lenszoo.errors import LenszooError

# Random weights, no collapse, have a mean std of 0.011 to 0.06 and a rank of 1.8 to 6 on simulated
# lenses (resnet18_slim and cnn_attention, four starts each).
STD_THRESHOLD = 0.005
RANK_THRESHOLD = 1.2


@dataclass(frozen=True, eq=False)
class Collapse:
    """Spread of an embedding; see :func:`collapse`.

    Attributes:
        std: standard deviation of each dimension of the embeddings at unit length, times sqrt(d);
            shape (d,). About 1 where all directions are equally likely, 0 where all images are one
            point.
        effective_rank: from 1 (all on a line through the origin) to min(n, d).
        n: number of images.

    >>> spread = collapse(np.random.default_rng(0).normal(size=(200, 4)))
    >>> spread.collapsed, spread.n
    (False, 200)
    """

    std: NDArray[np.float64]
    effective_rank: float
    n: int

    @property
    def std_mean(self) -> float:
        """Mean of the standard deviation over dimensions."""
        return float(self.std.mean())

    @property
    def std_min(self) -> float:
        """Smallest standard deviation of a dimension; 0 for a unit that is always zero."""
        return float(self.std.min())

    @property
    def collapsed(self) -> bool:
        """Whether the mean std is below 0.005, or the effective rank below 1.2."""
        return self.std_mean < STD_THRESHOLD or self.effective_rank < RANK_THRESHOLD

    def __str__(self) -> str:
        prefix = "collapsed: " if self.collapsed else ""
        return (
            f"{prefix}std per dimension {self.std_mean:.4f} (1 is isotropic), effective rank "
            f"{self.effective_rank:.1f} of {min(self.n, len(self.std))}"
        )


def collapse(features: ArrayLike) -> Collapse:
    """Measure the spread of an embedding over many images, and whether it has collapsed.

    The standard deviation per dimension is that of Chen & He 2021 (SimSiam, arXiv:2011.10566),
    which is 1/sqrt(d) for unit vectors of any direction, here times sqrt(d). The effective rank
    is that of Garrido et al. 2023 (RankMe, arXiv:2210.02885), exp of the entropy of the singular
    values divided by their sum, neither centred nor scaled; it also shows a collapse to a few
    dimensions, which the standard deviation does not. Features after a ReLU have a mean far from
    zero: well trained ones stay below a std of 1 and far below the full rank.

    Args:
        features: shape (n, d), n and d at least 2; the rank is meaningful for n well above d.

    Raises:
        LenszooError: another shape, or values that are not finite.

    >>> points = np.random.default_rng(0).normal(size=(100, 4))
    >>> collapse(points).collapsed, collapse(np.ones((100, 4))).collapsed
    (False, True)
    """
    x = np.asarray(features, np.float64)
    if x.ndim != 2 or min(x.shape) < 2:
        raise LenszooError(
            f"The features have shape {x.shape}; pass (images, dimensions), two or more of each."
        )
    if not np.isfinite(x).all():
        bad = int((~np.isfinite(x).all(axis=1)).sum())
        raise LenszooError(f"{bad} of {len(x)} rows of the features hold NaN or inf.")
    largest = np.abs(x).max()
    x = x / (largest or 1.0)  # squares of neither very large nor very small values vanish
    length = np.linalg.norm(x, axis=1, keepdims=True)
    unit = np.divide(x, length, out=np.zeros_like(x), where=length > 0)
    std = unit.std(axis=0) * np.sqrt(x.shape[1])
    return Collapse(std, effective_rank(x), len(x))


def effective_rank(features: ArrayLike) -> float:
    """Effective rank of features (n, d): exp(entropy) of the normalised singular values.

    Garrido et al. 2023, arXiv:2210.02885; Roy & Vetterli 2007. Features that are all zero have 1.

    >>> round(effective_rank(np.eye(3)), 6)
    3.0
    """
    values = np.linalg.svd(np.asarray(features, np.float64), compute_uv=False)
    shares = values[values > 0] / (values.sum() or 1.0)
    return float(np.exp(-(shares * np.log(shares)).sum()))
