"""Coverage of 95 % intervals of the ROC-AUC, from simulated scores: which one the reports use.

    python benchmarks/auc_intervals.py --samples 1000
    python benchmarks/auc_intervals.py --samples 150 --reports

Scores of m positives and n negatives are drawn from normal distributions (equal and unequal widths)
and from exponential ones, of AUC 0.6 to 0.998. A row a pair of m and n: how often the interval
covers the AUC, as the mean over distributions and AUCs and at worst, and its mean width.
``--reports``: how often the intervals of the reports themselves cover the mean score of such data.
"""

import argparse
from collections.abc import Iterator

import numpy as np
from scipy.stats import norm, rankdata

from lenszoo.evaluation import (
    ClassificationReport,
    LensFindingReport,
    classification_report,
    lens_finding_report,
)
from lenszoo.metrics.intervals import auc_interval

SIZES = ((12, 12), (50, 50), (10, 400), (400, 10), (300, 300))
AUCS = (0.6, 0.9, 0.98, 0.998)
Z, RESAMPLES, MAX_PAIRS = norm.ppf(0.975), 300, 10_000


def draw(kind: str, auc: float, m: int, n: int, rng: np.random.Generator) -> tuple:
    """Scores of m positives and n negatives."""
    ratio = auc / (1 - auc)
    if kind == "exponential":
        return rng.exponential(ratio, m), rng.exponential(1, n)
    if kind == "mirrored":
        return -rng.exponential(1, m), -rng.exponential(ratio, n)
    width = float(kind.removeprefix("normal "))
    return rng.normal(np.hypot(1, width) * norm.ppf(auc), width, m), rng.normal(0, 1, n)


def intervals(
    positive: np.ndarray, negative: np.ndarray, rng: np.random.Generator
) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield the name and the limits of each method."""
    m, n = len(positive), len(negative)
    ranks = rankdata(np.concatenate([positive, negative]))
    above = (ranks[:m] - rankdata(positive)) / n
    below = 1 - (ranks[m:] - rankdata(negative)) / m
    auc, error = above.mean(), np.sqrt(above.var(ddof=1) / m + below.var(ddof=1) / n)
    yield "Newcombe 5", tuple(auc_interval(auc, m, n))
    yield "DeLong", (auc - Z * error, auc + Z * error)
    if 0 < auc < 1:
        middle, half = np.log(auc / (1 - auc)), Z * error / (auc * (1 - auc))
        low, high = (1 / (1 + np.exp(-(middle + sign * half))) for sign in (-1, 1))
        yield "DeLong, logit", (low, high)
    else:
        yield "DeLong, logit", (auc, auc)
    if m * n <= MAX_PAIRS:
        wins = (positive[:, None] > negative).astype(float)
        ups = rng.multinomial(m, np.full(m, 1 / m), RESAMPLES)
        downs = rng.multinomial(n, np.full(n, 1 / n), RESAMPLES)
        resampled = ((ups @ wins) * downs).sum(axis=1) / (m * n)
        yield "bootstrap", tuple(np.percentile(resampled, [2.5, 97.5]))


def classes(n: int, signal: float, rng: np.random.Generator) -> ClassificationReport:
    """Report on n images of three classes."""
    labels, logits = np.arange(n) % 3, rng.normal(0, 1, (n, 3))
    logits[np.arange(n), labels] += signal
    return classification_report(labels, logits, "abc", n_resamples=100)


def lenses(n: int, signal: float, rng: np.random.Generator) -> LensFindingReport:
    """Report on n objects, half of them lenses."""
    labels = np.arange(n) % 2
    return lens_finding_report(labels, rng.normal(signal * labels, 1), n_resamples=100)


def report_coverage(samples: int, rng: np.random.Generator) -> None:
    """Print how often the intervals of the reports cover the mean over all draws."""
    macro = ("macro_ovr_auc", "macro_ovo_auc", "accuracy")
    ranked = ("auc", "average_precision", "tpr0", "tpr10")
    for make, keys, sizes in ((classes, macro, (36, 150)), (lenses, ranked, (40, 200))):
        for n in sizes:
            for signal in (1.5, 3.0, 5.0):
                drawn = [make(n, signal, rng).metrics for _ in range(samples)]
                for key in keys:
                    mean = np.mean([metrics[key] for metrics in drawn])
                    bounds = np.array([metrics["intervals"][key] for metrics in drawn])
                    covered = np.mean((bounds[:, 0] <= mean) & (mean <= bounds[:, 1]))
                    print(f"{n:4} {key:18} mean {mean:.4f}  covered {covered:.3f}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1000, help="samples a distribution and AUC")
    parser.add_argument("--reports", action="store_true", help="of the reports' own intervals")
    options = parser.parse_args()
    samples, rng = options.samples, np.random.default_rng(0)
    if options.reports:
        report_coverage(samples, rng)
        return
    print(f"{'m':>4} {'n':>4}  {'interval':14} mean   worst  width")
    for m, n in SIZES:
        coverage: dict[str, list[float]] = {}
        widths: dict[str, list[float]] = {}
        for kind in ("normal 1", "normal 2", "normal 0.5", "exponential", "mirrored"):
            for auc in AUCS:
                hits: dict[str, list[bool]] = {}
                for _ in range(samples):
                    for name, (low, high) in intervals(*draw(kind, auc, m, n, rng), rng):
                        hits.setdefault(name, []).append(low <= auc <= high)
                        widths.setdefault(name, []).append(high - low)
                for name, each in hits.items():
                    coverage.setdefault(name, []).append(float(np.mean(each)))
        for name, each in coverage.items():
            mean, width = np.mean(each), np.mean(widths[name])
            print(f"{m:4} {n:4}  {name:14} {mean:.3f}  {min(each):.3f}  {width:.3f}", flush=True)


if __name__ == "__main__":
    main()
