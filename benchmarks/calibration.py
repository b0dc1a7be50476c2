"""Compare the ``common_test_sim`` sky with the real common-test set, figure by figure.

    python benchmarks/calibration.py [REAL.npz] [--out FIGURE.png] [--images 1500] [--seed 2718]

REAL.npz holds real images ``x`` (n, 150, 150, 1) in [0, 1] and their class names ``label``. Without
it only the published figures are compared; they were read off 171 real images, 57 a class. The
exact real images were read back from pictures of 256 steps: simulated ones go through the same.

A figure is "ok" within its tolerance of the published one. Where none is set, the published and the
real figure must each lie in the central 99 % of what as many simulated images give: 171 or 57 for
the published, as many as there are for the real. Of a hundred such lines chance puts one off.
"""

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import _fit
from _distinguish import distinguish, forest, logistic
from _machine import describe
from _measure import RADII, measure, noise_law

from lenszoo.metrics.shortcut import global_statistics, shortcut_baseline
from lenszoo.simulation import sample

CLASSES = ("no", "sphere", "vort")
PUBLISHED_IMAGES = 171  # behind the published figures, all but the pixel mean and std of the set
DRAWS = 300
HALF_STEP = 1 / 512  # the published profile counts a pixel at the lower edge of its 8-bit step
PROFILE = (0.037, 0.060, 0.114, 0.196, 0.265, 0.261, 0.206, 0.134)
PROFILE += (0.078, 0.047, 0.030, 0.021, 0.016, 0.014, 0.012)
PERCENTILES = (5, 25, 50, 75, 95)
NOISE_IMAGES = 60  # simulated images of class no that are refitted for the noise
SHORTCUT_LIMIT = 0.65
COLUMNS = 8  # images a row of the figure

Measured = dict[str, np.ndarray]


@dataclass(frozen=True)
class Line:
    """One line of the table.

    Attributes:
        name: what stands on it.
        statistic: from the measurements of a set of images to the figure.
        published: the published figure and the digits it was given with.
        tolerance: how far from the published figure the simulated one may lie.
        only: the class whose images it is about.
    """

    name: str
    statistic: Callable[[Measured], float]
    published: float
    digits: int = 3
    tolerance: float | None = None
    only: str | None = None


def mean_of(key: str) -> Callable[[Measured], float]:
    return lambda m: float(np.nanmean(m[key]))


def std_of(key: str) -> Callable[[Measured], float]:
    return lambda m: float(np.nanstd(m[key]))


def percentile_of(key: str, q: float) -> Callable[[Measured], float]:
    return lambda m: float(np.nanpercentile(m[key], q))


def profile_at(k: int) -> Callable[[Measured], float]:
    return lambda m: float(m["profile"][:, k].mean() - HALF_STEP)


def pixel_std(m: Measured) -> float:
    return float(np.sqrt(m["mean_square"].mean() - m["mean"].mean() ** 2))


def lines() -> list[Line]:
    """Every line with a published figure that is measured image by image."""
    table = [
        Line("pixel mean", mean_of("mean"), 0.0617, 4, 0.002),
        Line("pixel std", pixel_std, 0.117, 3, 0.003),
    ]
    by_class = ((0.0620, 0.1161), (0.0625, 0.1181), (0.0623, 0.1154))
    for name, (mean, std) in zip(CLASSES, by_class, strict=True):
        table.append(Line(f"pixel mean, {name}", mean_of("mean"), mean, 4, only=name))
        table.append(Line(f"pixel std, {name}", pixel_std, std, 4, only=name))
    for name, key, mean, std, digits in (
        ("ring radius, px", "ring_radius", 26.4, 3.4, 1),
        ("ring axis ratio", "ring_ratio", 0.743, 0.121, 3),
        ("ring centre x, px", "ring_x", 75.0, 4.1, 1),
        ("ring centre y, px", "ring_y", 75.0, 4.4, 1),
        ("flux axis ratio", "flux_ratio", 0.63, 0.14, 2),
        ("flux angle, degrees", "flux_angle", -4.0, 16.0, 0),
        ("sky", "sky", 0.0118, 0.0009, 4),
    ):
        table.append(Line(f"{name}: mean", mean_of(key), mean, digits))
        table.append(Line(f"{name}: std", std_of(key), std, digits))
    table.append(Line("sky: sigma of a pixel", mean_of("sky_sigma"), 0.0040, 4, 0.0003))
    table.append(Line("sky: neighbours (white is 1)", mean_of("sky_grain"), 1.0, 1, 0.01))
    for name, key, values, digits in (
        ("ring radius", "ring_radius", (20.7, 24.1, 26.2, 28.8, 32.0), 1),
        ("ring axis ratio", "ring_ratio", (0.58, 0.62, 0.75, 0.84, 0.94), 2),
    ):
        for q, value in zip(PERCENTILES, values, strict=True):
            table.append(Line(f"{name}: percentile {q}", percentile_of(key, q), value, digits))
    for k, (r, value) in enumerate(zip(RADII, PROFILE, strict=True)):
        table.append(Line(f"profile at {r} px", profile_at(k), value, 3, 0.1 * value))
    return table


def band(
    m: Measured, labels: np.ndarray, n: int, statistic: Callable[[Measured], float]
) -> tuple[float, float]:
    """Central 99 % of a statistic over draws of ``n`` images, classes in equal parts."""
    rng = np.random.default_rng(0)
    rows = [np.flatnonzero(labels == k) for k in np.unique(labels)]
    values = []
    for _ in range(DRAWS):
        chosen = np.concatenate([rng.choice(r, n // len(rows)) for r in rows])
        values.append(statistic({key: value[chosen] for key, value in m.items()}))
    low, high = np.percentile(values, [0.5, 99.5])
    return float(low), float(high)


@dataclass
class Table:
    """Prints its rows as they come and keeps the names of those that are off."""

    off: list[str] = field(default_factory=list)

    def row(
        self,
        name: str,
        published: float | None,
        real: float | None,
        simulated: float,
        checks: list[tuple[str, bool]],
    ) -> None:
        """One line: three figures and the checks that the simulated one passed or not."""
        cells = "".join(
            f"{'-' if value is None else format(value, '.4g'):>{width}s}"
            for value, width in ((published, 10), (real, 10), (simulated, 11))
        )
        verdict = "; ".join(f"{'ok' if ok else 'OFF'} {what}" for what, ok in checks)
        print(f"{name:30s}{cells}  {verdict}", flush=True)
        if not all(ok for _, ok in checks):
            self.off.append(name)

    def judge(
        self, line: Line, m: Measured, labels: np.ndarray, real: Measured, real_labels: np.ndarray
    ) -> None:
        """One line that is measured image by image; ``real`` may hold no image."""
        if line.only is not None:
            k = CLASSES.index(line.only)
            m = {key: value[labels == k] for key, value in m.items()}
            real = {key: value[real_labels == k] for key, value in real.items()}
            labels = labels[labels == k]
        value = line.statistic(m)
        if line.tolerance is not None:
            close = abs(value - line.published) <= line.tolerance
            checks = [(f"(published +- {line.tolerance:.2g})", close)]
        else:
            n = PUBLISHED_IMAGES if line.only is None else PUBLISHED_IMAGES // len(CLASSES)
            low, high = band(m, labels, n, line.statistic)
            rounding = 0.5 * 10.0**-line.digits
            inside = low - rounding <= line.published <= high + rounding
            checks = [(f"(published; {n} give {low:.4g} .. {high:.4g})", inside)]
        measured = None
        if n := len(real.get("mean", ())):
            measured = line.statistic(real)
            low, high = band(m, labels, n, line.statistic)
            checks.append((f"(real; {n} give {low:.4g} .. {high:.4g})", low <= measured <= high))
        self.row(line.name, line.published, measured, value, checks)


def noise_rows(table: Table, simulated, truth: dict, real: np.ndarray) -> None:
    """Noise variance against value, and the ring's chi-square, from smooth fits of class no."""
    _, fitted = _fit.fit(simulated, _fit.smooth_truth(truth), iterations=7)
    floor, slope = noise_law(simulated, fitted)
    chi = np.percentile(_fit.ring_chi_square(simulated, fitted), PERCENTILES)
    real_floor = real_slope = None
    real_chi: list[float | None] = [None] * len(PERCENTILES)
    if len(real):
        _, fitted = _fit.fit(real)
        real_floor, real_slope = noise_law(real, fitted)
        real_chi = list(np.percentile(_fit.ring_chi_square(real, fitted), PERCENTILES))
    close = abs(slope / _fit.NOISE_SLOPE - 1) <= 0.05
    table.row("noise variance: slope", _fit.NOISE_SLOPE, real_slope, slope, [("(5 %)", close)])
    near = abs(floor - _fit.NOISE_FLOOR) <= 1.5e-6  # a tenth of the sky's variance
    table.row("noise variance: floor", _fit.NOISE_FLOOR, real_floor, floor, [("(1.5e-6)", near)])
    for q, own, value in zip(PERCENTILES, real_chi, chi, strict=True):
        checks = [("(1 +- 0.1)", abs(value - 1) <= 0.1)] if q == 50 else []
        table.row(f"ring chi-square, no: perc. {q}", None, own, float(value), checks)


def features(images: np.ndarray, m: Measured) -> dict[str, np.ndarray]:
    """Features of the classifiers: global statistics, and these with ring, sky and profile."""
    statistics = global_statistics(images)
    more = [m[k] for k in ("ring_radius", "ring_ratio", "ring_x", "ring_y")]
    more += [m[k] for k in ("flux_ratio", "flux_angle", "sky", "sky_sigma", "sky_grain")]
    more += list(m["profile"].T)
    wide = np.nan_to_num(np.column_stack([statistics, *more]))
    return {"33 global statistics": statistics, f"{wide.shape[1]} with ring and sky": wide}


def distinguish_rows(table: Table, real: tuple, simulated: tuple, seed: int) -> None:
    """Real against simulated, by two models on two sets of features."""
    print("\nreal against simulated (cross-validated; 0.5: cannot be told apart)")
    own, other = features(*real), features(*simulated)
    for name in own:
        for model in (logistic, forest):
            distinction = distinguish(model, own[name], other[name], seed)
            label = f"{model.__name__}, {name}"
            print(f"{label:32s}{distinction}  {'ok' if distinction.alike else 'OFF'}", flush=True)
            if not distinction.alike:
                table.off.append(label)
    print(f"{distinction.real} real, {distinction.simulated} simulated images")


def shortcut_rows(table: Table, images: np.ndarray, labels: np.ndarray, seed: int) -> None:
    """How far global statistics tell the simulated classes apart."""
    print(
        f"\nshortcut baseline of the simulated classes (one against the rest, < {SHORTCUT_LIMIT})"
    )
    result = shortcut_baseline(images, labels, len(CLASSES), seed)
    for name, auc in zip(CLASSES, result.per_class_auc, strict=True):
        print(f"{name:32s}AUC {auc:.3f}  {'ok' if auc < SHORTCUT_LIMIT else 'OFF'}")
        if auc >= SHORTCUT_LIMIT:
            table.off.append(f"shortcut, {name}")


def draw(
    out: Path, real: np.ndarray, real_labels: np.ndarray, simulated: np.ndarray, labels: np.ndarray
) -> None:
    """Eight real and eight simulated images of each class, in one stretch."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.colors import PowerNorm

    rows = []
    for k, name in enumerate(CLASSES):
        for kind, stack, y in (("real", real, real_labels), ("simulated", simulated, labels)):
            if len(stack):
                rows.append((f"{name}, {kind}", stack[y == k][:COLUMNS]))
    figure, axes = plt.subplots(
        len(rows), COLUMNS, figsize=(1.62 * COLUMNS, 1.62 * len(rows)), squeeze=False
    )
    norm = PowerNorm(0.5, 0.0, 1.0)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    for line, (title, stack) in zip(axes, rows, strict=True):
        line[0].set_ylabel(title)
        for axis, image in zip(line, stack, strict=False):
            axis.imshow(image.reshape(image.shape[:2]), cmap="gray", norm=norm, origin="upper")
    figure.subplots_adjust(
        left=0.03, right=0.998, bottom=0.002, top=0.998, wspace=0.02, hspace=0.02
    )
    figure.savefig(out, dpi=120)
    print(f"figure: {out}\n")


def read_real(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Real images and their labels as indices into CLASSES."""
    with np.load(path) as data:
        return data["x"], np.array([CLASSES.index(str(name)) for name in data["label"]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("real", nargs="?", type=Path, help="npz with x and label")
    parser.add_argument("--out", type=Path, help="figure of real beside simulated images")
    parser.add_argument("--images", type=int, default=1500, help="simulated images")
    parser.add_argument("--seed", type=int, default=2718)
    args = parser.parse_args()
    drawn = sample("common_test_sim", args.images, args.seed)
    labels, simulated = drawn.labels, _fit.quantise(drawn.images)
    real, real_labels = simulated[:0], labels[:0]
    if args.real:
        real, real_labels = read_real(args.real)
    print(
        f"common_test_sim: {args.images} images of seed {args.seed} in 256 steps; {len(real)} real "
        f"images; published: {PUBLISHED_IMAGES} real images"
    )
    if args.out:
        draw(args.out, real, real_labels, simulated, labels)
    table = Table()
    measured, own = measure(simulated), measure(real) if len(real) else {}
    print(f"{'':30s}{'published':>10s}{'real':>10s}{'simulated':>11s}  verdict")
    for line in lines():
        table.judge(line, measured, labels, own, real_labels)
    smooth = np.flatnonzero(labels == 0)[:NOISE_IMAGES]
    truth = {name: value[smooth] for name, value in drawn.truth.items()}
    noise_rows(table, simulated[smooth], truth, real[real_labels == 0])
    shortcut_rows(table, simulated, labels, args.seed)
    if len(real):
        distinguish_rows(table, (real, own), (simulated, measured), args.seed)
    print(f"\noff: {', '.join(table.off) or 'nothing'}\n{describe()}")


if __name__ == "__main__":
    main()
