"""Shortcut baseline: a logistic regression on global image statistics.

Simulated and real data sets leak their labels through brightness, size or noise (a fixed lens model
is recognised by its ring). A regression that sees only such numbers, and no pattern, gives the
score that a network must beat before it can be said to have seen the substructure.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lenszoo.errors import LenszooError
from lenszoo.flux_range import power_of_two
from lenszoo.masked import unmasked
from lenszoo.metrics.classification import (
    accuracy,
    check_labels,
    log_softmax,
    per_class_auc,
    roc_auc,
)

QUANTILES = (0.01, 0.05, 0.25, 0.50, 0.75, 0.95, 0.99)
RINGS = 12
BRIGHT = (0.1, 0.25, 0.5)
_CHUNK_PIXELS = 6_000_000
_ABSENT = -1e3  # log-probability of a class without samples: finite, never the largest


def feature_names(bands: int = 1) -> list[str]:
    """Names of the columns of :func:`global_statistics`, band after band."""
    names = ["mean", "std", "skewness", "minimum", "maximum"]
    names += [f"quantile_{100 * q:02.0f}" for q in QUANTILES]
    names += [f"ring_{r:02d}" for r in range(RINGS)]
    names += ["centroid_x", "centroid_y", "radius", "axis_ratio", "ellipticity_1", "ellipticity_2"]
    names += [f"bright_{100 * f:02.0f}" for f in BRIGHT]
    return names if bands == 1 else [f"band{b}_{name}" for b in range(bands) for name in names]


def global_statistics(images: ArrayLike) -> NDArray[np.float64]:
    """Global statistics of each image: its histogram, radial profile and moments, nothing finer.

    A band gives 33 numbers (:func:`feature_names`): mean, standard deviation, skewness, extremes
    and seven quantiles; the mean in 12 rings about the image centre (11 out to half the shorter
    side, the twelfth beyond); centroid (half-sides), root-mean-square radius, axis ratio and
    the ellipticity components (1 - q)/(1 + q) times cos and sin of twice the position angle, from
    the flux above median + a tenth of the way to the maximum; and the fractions of pixels brighter
    than 0.1, 0.25 and 0.5 of the way from minimum to maximum.

    Args:
        images: shape (N, H, W) or (N, H, W, bands); pixels that are not finite count as 0.

    Returns:
        Shape (N, 33 * bands), always finite.

    Raises:
        LenszooError: another number of axes, or no pixels.

    Example:
        >>> global_statistics(np.zeros((5, 32, 32, 2))).shape
        (5, 66)
    """
    stack = np.asanyarray(images)  # a memory map stays one
    if stack.ndim == 3:
        stack = stack[..., None]
    if stack.ndim != 4 or 0 in stack.shape:
        raise LenszooError(f"The images have shape {np.shape(images)}; pass (N, H, W, bands).")
    n, height, width, bands = stack.shape
    geometry = _Geometry(height, width)
    step = max(1, _CHUNK_PIXELS // (height * width * bands))
    out = np.empty((n, len(feature_names()) * bands))
    for start in range(0, n, step):
        part = np.asarray(unmasked(stack[start : start + step]), dtype=np.float32)
        pixels = np.moveaxis(part, 3, 1).reshape(-1, height * width)
        out[start : start + step] = _statistics(pixels, geometry).reshape(len(part), -1)
    return out


class _Geometry:
    """Ring and moment weights of one image size, as matrices that multiply the flat pixels."""

    def __init__(self, height: int, width: int) -> None:
        half = max(min(height, width) / 2, 1)
        y, x = np.mgrid[:height, :width].astype(np.float32)
        y, x = (y - (height - 1) / 2) / half, (x - (width - 1) / 2) / half
        ring = np.minimum(np.hypot(x, y) * (RINGS - 1), RINGS - 1).astype(int).ravel()
        member = (ring[:, None] == np.arange(RINGS)).astype(np.float32)
        self.rings = member / np.maximum(member.sum(axis=0), 1)
        x, y = x.ravel(), y.ravel()
        self.moments = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)


def _statistics(pixels: NDArray[np.float32], geometry: _Geometry) -> NDArray[np.float64]:
    """Statistics (M, 33) of flat images (M, pixels)."""
    if not np.isfinite(pixels).all():
        pixels = np.where(np.isfinite(pixels), pixels, np.float32(0))
    size = pixels.shape[1]
    peak = np.maximum(pixels.max(axis=1), -pixels.min(axis=1))
    unit = power_of_two(peak)[:, None]
    pixels = np.divide(pixels, unit, dtype=np.float32)
    rings = pixels @ geometry.rings
    mean = pixels.mean(axis=1, dtype=np.float64)
    centred = pixels - mean[:, None].astype(np.float32)
    square = centred * centred
    variance = square.mean(axis=1, dtype=np.float64)
    third = np.einsum("np,np->n", square, centred).astype(np.float64) / size
    skewness = _ratio(third, variance**1.5)
    # One sort serves the quantiles, the extremes and the bright fractions.
    ordered = np.sort(pixels, axis=1)
    low, median, high = ordered[:, 0], ordered[:, (size - 1) // 2], ordered[:, -1]
    spots = np.array(QUANTILES) * (size - 1)
    below = np.floor(spots).astype(int)
    above = np.minimum(below + 1, size - 1)
    quantiles = ordered[:, below] + (ordered[:, above] - ordered[:, below]) * (spots - below)
    levels = low[:, None] + np.array(BRIGHT, np.float32) * (high - low)[:, None]
    ranks = [
        np.searchsorted(row, at, side="right") for row, at in zip(ordered, levels, strict=True)
    ]
    flux = np.subtract(pixels, (median + 0.1 * (high - median))[:, None], out=centred)
    moments = np.maximum(flux, 0, out=flux) @ geometry.moments
    fluxes = [mean, np.sqrt(variance), low, high, *quantiles.T, *rings.T]
    fluxes = [*(np.stack(fluxes, axis=1, dtype=np.float64) * unit).T]
    columns = [*fluxes[:2], skewness, *fluxes[2:]]
    columns += [*_shape(moments), *(1 - np.array(ranks) / size).T]
    return np.stack(columns, axis=1).astype(np.float64)


def _shape(moments: NDArray[np.float32]) -> list[NDArray[np.float64]]:
    """Centroid x and y, radius, axis ratio and two ellipticity components from raw moments."""
    flux, mx, my, mxx, myy, mxy = moments.T.astype(np.float64)
    x, y = _ratio(mx, flux), _ratio(my, flux)
    xx, yy, xy = _ratio(mxx, flux) - x * x, _ratio(myy, flux) - y * y, _ratio(mxy, flux) - x * y
    trace = np.maximum(xx + yy, 0)
    spread = np.hypot(xx - yy, 2 * xy)
    major, minor = np.sqrt((trace + spread) / 2), np.sqrt(np.maximum(trace - spread, 0) / 2)
    ratio = np.where(major > 0, _ratio(minor, major), 1)
    size = (1 - ratio) / (1 + ratio)
    return [
        x,
        y,
        np.sqrt(trace),
        ratio,
        size * _ratio(xx - yy, spread),
        size * _ratio(2 * xy, spread),
    ]


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    """``above / below``, 0 where the denominator is (a constant image has no shape)."""
    small = np.abs(below) < 1e-20
    return np.where(small, 0, above / np.where(small, 1, below))


@dataclass(frozen=True, eq=False)
class ShortcutResult:
    """Scores of the shortcut baseline; every AUC is NaN where it is undefined.

    Attributes:
        per_class_auc: one-vs-rest AUC of each class, shape (K,).
        macro_ovr_auc: their mean (two classes: the AUC of class 1).
        macro_ovo_auc: the mean over pairs of classes.
        accuracy: fraction right.
        scores: out-of-fold scores (n, K), to be used as logits; a class that does not occur has
            -1000. None when there is no result.
        rows: the n rows that were used, shape (n,).
        total: how many rows there were.
        folds: number of folds, 0 when there is no result.
        seed: of the folds and of the choice of rows.
        reason: why there is no result, else None.

    Example:
        >>> from lenszoo.evaluation import shortcut_baseline
        >>> labels = np.arange(60) % 2
        >>> images = labels[:, None, None, None] + np.random.default_rng(0).random((60, 8, 8, 1))
        >>> float(shortcut_baseline(images, labels, 2).macro_ovr_auc)
        1.0
    """

    per_class_auc: NDArray[np.float64]
    macro_ovr_auc: float
    macro_ovo_auc: float
    accuracy: float
    scores: NDArray[np.float64] | None
    rows: NDArray[np.int64]
    total: int
    folds: int
    seed: int
    reason: str | None = None


def shortcut_baseline(
    images: ArrayLike,
    labels: ArrayLike,
    n_classes: int,
    seed: int = 0,
    folds: int = 5,
    max_images: int = 10_000,
    groups: ArrayLike | None = None,
) -> ShortcutResult:
    """Score the classes from global statistics by a cross-validated logistic regression.

    Args:
        images: shape (N, H, W, bands) or (N, H, W), or the features (N, F) of
            :func:`global_statistics` when the images do not fit into memory.
        labels: shape (N,), 0..n_classes-1.
        n_classes: K.
        seed: of the folds and of the choice of images.
        folds: stratified folds; fewer when the smallest class has fewer samples.
        max_images: a larger set is cut to this many, drawn by the seed, to bound the time.
        groups: shape (N,), the object that each image shows, which one fold holds whole: a galaxy
            and the same galaxy with a painted lens would tell of each other's label.

    Returns:
        The result; without scores, and with the reason, when fewer than two classes occur or a
        class has a single sample.

    Raises:
        LenszooError: labels out of range or of another length than the images.

    Example:
        >>> images = np.random.default_rng(0).random((60, 8, 8))
        >>> labels = np.arange(60) % 2
        >>> shortcut_baseline(images + labels[:, None, None], labels, 2).macro_ovr_auc
        1.0
    """
    stack = np.asanyarray(images)
    if len(stack) == 0:
        raise LenszooError("There are no images for the shortcut baseline.")
    y = check_labels(labels, len(stack), n_classes)
    rows = np.arange(len(y))
    if len(y) > max_images:
        rows = np.sort(np.random.default_rng(seed).choice(len(y), max_images, replace=False))
    y = y[rows]
    counts = np.bincount(y, minlength=n_classes)
    present = np.flatnonzero(counts)
    objects = None if groups is None else np.asarray(groups)[rows]
    if objects is not None and len(np.unique(objects)) == len(objects):
        objects = None  # folds of any objects will do
    shown = len(y) if objects is None else len(np.unique(objects))
    fewest = int(counts[present].min())
    if objects is not None:  # a class whose objects all lie in one fold is learned by no model
        fewest = min(len(np.unique(objects[y == label])) for label in present)
    splits = min(folds, fewest, shown)
    if len(present) < 2 or splits < 2:
        single = "has a single image" if objects is None else "shows a single object"
        reason = "all images show one object" if shown < 2 else f"a class {single}"
        reason = "only one class occurs" if len(present) < 2 else reason
        none, nan = np.full(n_classes, np.nan), float("nan")
        return ShortcutResult(none, nan, nan, nan, None, rows, len(stack), 0, seed, reason)
    chosen = stack if len(rows) == len(stack) else stack[rows]
    features = np.asarray(chosen, np.float64) if stack.ndim == 2 else global_statistics(chosen)
    scores = np.full((len(y), n_classes), _ABSENT)
    scores[:, present] = _out_of_fold(features, np.searchsorted(present, y), splits, seed, objects)
    return ShortcutResult(
        per_class_auc=per_class_auc(y, scores),
        macro_ovr_auc=roc_auc(y, scores, "ovr"),
        macro_ovo_auc=roc_auc(y, scores, "ovo"),
        accuracy=accuracy(y, scores),
        scores=scores,
        rows=rows,
        total=len(stack),
        folds=splits,
        seed=seed,
    )


def _out_of_fold(
    features: NDArray[np.float64],
    labels: NDArray[np.int64],
    folds: int,
    seed: int,
    groups: NDArray[Any] | None,
) -> NDArray[np.float64]:
    """Log-probabilities (N, K) of each sample from the model that did not see it."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cholesky"))
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    split = kind(folds, shuffle=True, random_state=seed)
    # not predict_log_proba, which is -inf once a probability underflows
    return log_softmax(
        cross_val_predict(
            model, features, labels, groups=groups, cv=split, method="decision_function"
        )
    )
