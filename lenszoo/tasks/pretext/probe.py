"""Score frozen features: cross-validation of a new head, and AUC against the number of labels.

The protocol of the self-supervised reference systems: freeze the backbone, replace the head, and
score it by 5-fold cross-validation on about 215 labelled images. A backbone looks at each image
once (:func:`frozen_features`); all that is fitted here sees its features only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from lenszoo.data.checks import OnBad
from lenszoo.errors import LenszooError
from lenszoo.inference import embed
from lenszoo.inference.candidates import PredictInputs
from lenszoo.inference.predictor import BATCH_SIZE
from lenszoo.metrics.classification import roc_auc
from lenszoo.tasks.pretext.linear_head import FittedHead, LogisticHead

LABEL_COUNTS = (50, 100, 215, 600, 2000)
_SHOWN = 3


def frozen_features(
    model: keras.Model,
    images: PredictInputs,
    *,
    batch_size: int = BATCH_SIZE,
    on_bad: OnBad | None = None,
    tta: bool = False,
) -> np.ndarray:
    """Look at each image once with a frozen backbone: :func:`lenszoo.embed`.

    Args:
        model: a classifier of the catalogue; its layers run as in inference, so that BatchNorm
            uses its stored statistics and Dropout passes all.
        images: shape (n, H, W, bands), or files as in :func:`lenszoo.embed`.
        batch_size: images a step.
        on_bad: what happens to images with NaN pixels; "skip" would leave rows of NaN, which no
            head can be fitted on.
        tta: means over the quarter turns and flips of each image, in eight times the time.

    Returns:
        The output of the layer ``features``, float32 (n, d).

    Raises:
        LenszooError: as :func:`lenszoo.embed`.

    Example:
        >>> from lenszoo import build_model
        >>> images = np.random.default_rng(0).random((3, 32, 32, 1), "float32")
        >>> backbone = build_model("simple_cnn", input_shape=(32, 32, 1), num_classes=2)
        >>> len(frozen_features(backbone, images))
        3
    """
    return embed(model, images, batch_size=batch_size, on_bad=on_bad, tta=tta)


@dataclass(frozen=True, eq=False)
class FrozenScore:
    """Cross-validated score of a new head on frozen features.

    Attributes:
        aucs: macro one-vs-rest ROC-AUC of each fold, shape (folds,).
        logits: of each image from the head that did not see it, shape (n, K), float64.
        fold: which fold held each image out, shape (n,).
        classes: the K labels that occur, in the order of the logits.

    Example:
        >>> from lenszoo.training import cross_validate_frozen
        >>> labels = np.arange(60) % 2
        >>> features = labels[:, None] + 0.1 * np.random.default_rng(0).normal(size=(60, 2))
        >>> score = cross_validate_frozen(features, labels)
        >>> len(score.aucs), round(score.mean, 2)
        (5, 1.0)
    """

    aucs: NDArray[np.float64]
    logits: NDArray[np.float64]
    fold: NDArray[np.int64]
    classes: NDArray[np.int64]

    @property
    def mean(self) -> float:
        """Mean of the AUC over folds."""
        return float(self.aucs.mean())

    @property
    def spread(self) -> float:
        """Sample standard deviation of the AUC over folds."""
        return float(self.aucs.std(ddof=1))

    def __str__(self) -> str:
        return (
            f"AUC {self.mean:.4f} +- {self.spread:.4f} over {len(self.aucs)} folds "
            f"of {len(self.logits):,} images"
        )


def cross_validate_frozen(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    folds: int = 5,
    seed: int = 0,
    head: LogisticHead | None = None,
) -> FrozenScore:
    """Score a new head on frozen features by stratified k-fold cross-validation.

    Standardisation and regularisation are settled anew in each fold, on its own training part.

    Args:
        features: shape (n, d), of one frozen backbone.
        labels: shape (n,), class numbers.
        folds: number of folds.
        seed: of the folds and of the head's inner ones.
        head: by default :class:`LogisticHead`, multinomial logistic regression.

    Raises:
        LenszooError: features that are not finite or not (n, d), another number of labels, a
            single class, or a class of fewer images than folds.

    Example:
        >>> from lenszoo.training import cross_validate_frozen
        >>> labels = np.arange(60) % 2
        >>> features = labels[:, None] + 0.1 * np.random.default_rng(0).normal(size=(60, 2))
        >>> round(cross_validate_frozen(features, labels).mean, 2)
        1.0
    """
    from sklearn.model_selection import StratifiedKFold

    x = _checked_features(features, "features")
    classes, y = _checked_labels(labels, len(x), "features")
    counts = np.bincount(y)
    if folds < 2 or counts.min() < folds:
        rare = counts.argmin()
        raise LenszooError(
            f"folds={folds}: cross-validation takes 2 folds or more and as many images of each "
            f"class; of class {classes[rare]} there are {counts[rare]}."
        )
    head = head or LogisticHead()
    logits = np.empty((len(y), len(classes)))
    fold = np.empty(len(y), np.int64)
    aucs = []
    splits = StratifiedKFold(folds, shuffle=True, random_state=seed).split(x, y)
    for k, (seen, held) in enumerate(splits):
        fitted = _fit(head, x[seen], y[seen], classes, seed)
        logits[held], fold[held] = fitted.logits(x[held]), k
        aucs.append(roc_auc(y[held], logits[held]))
    return FrozenScore(np.array(aucs), logits, fold, classes)


def label_efficiency(
    candidates: Mapping[str, tuple[ArrayLike, ArrayLike]],
    train_labels: ArrayLike,
    test_labels: ArrayLike,
    *,
    counts: Sequence[int] = LABEL_COUNTS,
    seeds: int | Sequence[int] = 3,
    head: LogisticHead | None = None,
) -> pa.Table:
    """Fit a head on few labels and on more, for every backbone alike, and score on one test set.

    Every candidate is given the same labelled images (:func:`nested_subsets`), the same head and
    the same choices of regularisation.

    Args:
        candidates: by name, features (n, d) of the training pool and (m, d) of the test set; d may
            differ between candidates.
        train_labels: shape (n,), class numbers of the pool.
        test_labels: shape (m,).
        counts: numbers of labels. One that takes the whole pool is the same subset for every seed:
            a spread over seeds then tells nothing, so keep the pool well above the largest count.
        seeds: of the subsets; 3 stands for 0, 1, 2.
        head: by default :class:`LogisticHead`.

    Returns:
        A row for each candidate, count and seed: ``candidate``, ``labels``, ``seed``, ``auc``
        (macro one-vs-rest on the test set) and ``c``, the regularisation that was chosen.

    Raises:
        LenszooError: features that are not finite or do not fit the labels, pool and test set of
            different classes, or counts with too few images of a class.

    Example:
        >>> from lenszoo.training import label_efficiency
        >>> labels = np.arange(80) % 2
        >>> features = labels[:, None] + 0.1 * np.random.default_rng(0).normal(size=(80, 2))
        >>> candidates = {"mine": (features[:40], features[40:])}
        >>> table = label_efficiency(candidates, labels[:40], labels[40:], counts=[10, 20])
        >>> sorted(set(table["labels"].to_pylist()))
        [10, 20]
    """
    head = head or LogisticHead()
    drawn = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    if not (candidates and counts and drawn):
        raise LenszooError("The label-efficiency curve takes a candidate, a count and a seed.")
    pairs = {name: _checked_pair(name, pair) for name, pair in candidates.items()}
    first = next(iter(pairs))
    classes, pool = _checked_labels(train_labels, len(pairs[first][0]), f"{first}: training")
    test_classes, truth = _checked_labels(test_labels, len(pairs[first][1]), f"{first}: test")
    if not np.array_equal(classes, test_classes):
        raise LenszooError(
            f"The training pool has classes {classes.tolist()}, the test set "
            f"{test_classes.tolist()}; both need the same."
        )
    for name, (train, test) in pairs.items():
        if (len(train), len(test)) != (len(pool), len(truth)):
            raise LenszooError(
                f"{name}: features of {len(train)} + {len(test)} images, but {len(pool)} + "
                f"{len(truth)} labels (training pool + test set)."
            )
    subsets = {seed: nested_subsets(pool, counts, seed) for seed in drawn}
    rows = []
    for name, (train, test) in pairs.items():
        for seed, parts in subsets.items():
            for count, part in zip(counts, parts, strict=True):
                fitted = _fit(head, train[part], pool[part], classes, seed)
                auc = roc_auc(truth, fitted.logits(test))
                rows.append((name, count, seed, auc, fitted.c))
    names = ("candidate", "labels", "seed", "auc", "c")
    return pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


def nested_subsets(labels: ArrayLike, counts: Sequence[int], seed: int) -> list[NDArray[np.int64]]:
    """Draw stratified subsets, of which each smaller one is part of each larger one.

    All are the beginnings of one random order in which every class is spread evenly, so that each
    has the pool's shares of the classes to within one image a class.

    Args:
        labels: shape (n,), of the pool.
        counts: images in each subset.
        seed: of the order.

    Returns:
        Row numbers, one array for each count.

    Raises:
        LenszooError: a count below 1 or above n.

    Example:
        >>> from lenszoo.training import nested_subsets
        >>> small, large = nested_subsets(np.arange(20) % 2, [4, 10], seed=1)
        >>> len(small), len(large), set(small) <= set(large)
        (4, 10, True)
    """
    y = np.asarray(labels)
    for count in counts:
        if not 1 <= count <= len(y):
            raise LenszooError(
                f"{count:,} labels were asked for, but the training pool has {len(y):,}; "
                f"choose counts from 1 to {len(y):,}."
            )
    rng = np.random.default_rng(seed)
    place = np.empty(len(y))
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        # each in the middle of one of equal stretches, so that no class comes first
        place[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
    order = np.lexsort((rng.random(len(y)), place))  # classes of equal size take turns by chance
    return [order[:count] for count in counts]


def _fit(
    head: LogisticHead,
    features: NDArray[np.float64],
    labels: NDArray[np.int64],
    classes: NDArray[np.int64],
    seed: int,
) -> FittedHead:
    counts = np.bincount(labels, minlength=len(classes))
    if counts.min() < head.least:
        rare = counts.argmin()
        raise LenszooError(
            f"{len(labels)} labels hold {counts[rare]} of class {classes[rare]}, and the head "
            f"takes {head.least} of each: give more labels"
            f"{' or fix c of the LogisticHead' if counts.min() else ''}."
        )
    return head.fit(features, labels, seed)


def _checked_pair(name: str, pair: object) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if not (isinstance(pair, tuple | list) and len(pair) == 2):
        raise LenszooError(f"{name}: give a pair, features of the training pool and of the test.")
    train = _checked_features(pair[0], f"{name}: training features")
    test = _checked_features(pair[1], f"{name}: test features")
    if train.shape[1] != test.shape[1]:
        raise LenszooError(
            f"{name}: {train.shape[1]} training features but {test.shape[1]} test features an "
            "image; both must come from the same backbone."
        )
    return train, test


def _checked_features(features: ArrayLike, what: str) -> NDArray[np.float64]:
    try:
        x = np.asarray(features, np.float64)
    except (TypeError, ValueError):
        raise LenszooError(f"{what}: no numeric array; pass shape (images, features).") from None
    if x.ndim != 2 or 0 in x.shape:
        raise LenszooError(f"{what}: shape {x.shape}; pass (images, features).")
    bad = np.flatnonzero(~np.isfinite(x).all(axis=1))
    if len(bad):
        rows = ", ".join(map(str, bad[:_SHOWN])) + (", ..." if len(bad) > _SHOWN else "")
        raise LenszooError(
            f"{what}: NaN or inf in {len(bad)} of {len(x)} rows ({rows}): leave out images that "
            "were skipped; if all rows are bad, the backbone has diverged."
        )
    return x


def _checked_labels(
    labels: ArrayLike, n: int, what: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The classes that occur, and the labels as positions among them."""
    y = np.asarray(labels)
    if y.shape != (n,):
        raise LenszooError(f"{what}: {n} rows, but labels of shape {y.shape}; pass one a row.")
    if y.dtype.kind not in "iub":
        raise LenszooError(f"{what}: labels of type {y.dtype}; pass class numbers.")
    classes, positions = np.unique(y.astype(np.int64), return_inverse=True)
    if len(classes) < 2:
        raise LenszooError(
            f"{what}: all labels are {classes[0]}; a score takes images of two classes or more."
        )
    return classes, positions
