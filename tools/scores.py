"""The measured figures of weights: a table with what they must be compared to, and tidy rows."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from lenszoo import tasks
from lenszoo.models.registry import model_info
from lenszoo.pretrained.manifest import WeightsEntry
from lenszoo.tasks import TaskInfo

# numbers beside the figures that are none
_COUNTS = ("n", "lenses", "nonlenses", "folds", "labels", "draws", "starts", "scale", "data_range")


class ScoreTable(NamedTuple):
    """Figures in rows; the weights and what is to be seen beside them in columns.

    Attributes:
        columns: head of the table.
        rows: a label and a cell a column.
        notes: sentences that say what the columns and figures are.
    """

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    notes: tuple[str, ...]


class TidyRow(NamedTuple):
    """One figure of one set of weights; ``low`` and ``high`` are its 95 % interval, if any."""

    metric: str
    value: float
    low: float | None
    high: float | None
    n: int | None


def task_of(entry: WeightsEntry) -> TaskInfo:
    """Return the task of the weights: their model's, or that of a backbone that saw no label."""
    return tasks.of_figures(entry.metrics.get("test", {}), model_info(entry.model).task)


def kind(entry: WeightsEntry) -> str:
    """Name the task of the weights."""
    return task_of(entry).name


def headline(entry: WeightsEntry) -> str:
    """The main figure with its interval, in a few words; empty where none was measured."""
    test, which = entry.metrics.get("test", {}), kind(entry)
    key = task_of(entry).headline.key
    if key not in test:
        return ""
    if which == "pretext":
        spread = test["by_labels"][str(test["labels"])]["std"]
        return (
            f"ROC-AUC {test[key]:.4f} ± {spread:.4f} of a linear head that is given "
            f"{test['labels']:,} labels"
        )
    if which == "super_resolve":
        return f"PSNR {cell(test, key, '.2f')} dB"
    return f"ROC-AUC {cell(test, key)}"


def cell(scores: Mapping[str, Any], key: str, form: str = ".4f") -> str:
    """A figure and its interval, such as ``0.9962 (0.9954 to 0.9969)``; empty where it lacks."""
    value = scores.get(key)
    if value is None:
        return ""
    bounds = (scores.get("intervals") or {}).get(key)
    interval = f" ({bounds[0]:{form}} to {bounds[1]:{form}})" if bounds else ""
    return f"{value:{form}}{interval}"


def bounds(test: Mapping[str, Any], key: str) -> tuple[float, float] | None:
    """The 95 % interval of a figure; of a linear head's, two deviations of its draws of labels."""
    found = (test.get("intervals") or {}).get(key)
    if found:
        return found[0], found[1]
    if "by_labels" in test and key in test:
        spread = 2 * test["by_labels"][str(test["labels"])]["std"]
        return test[key] - spread, test[key] + spread
    return None


def score_table(entry: WeightsEntry) -> ScoreTable:
    """The figures of an entry, those of its baselines beside them."""
    table = _TABLES[kind(entry)](entry.metrics)
    return table._replace(rows=[row for row in table.rows if any(row[1:])])


def _classifier(metrics: Mapping[str, Any]) -> ScoreTable:
    test, shortcut = metrics.get("test", {}), metrics.get("shortcut", {})
    rows = [
        (
            "ROC-AUC, mean of the classes",
            cell(test, "macro_ovr_auc"),
            cell(shortcut, "macro_ovr_auc"),
        )
    ]
    baseline = shortcut.get("per_class_auc", {})
    rows += [
        (f"ROC-AUC of `{name}` against the rest", f"{value:.4f}", cell(baseline, name))
        for name, value in test.get("per_class_auc", {}).items()
    ]
    rows += [
        ("accuracy", cell(test, "accuracy"), ""),
        ("log loss", cell(test, "log_loss"), ""),
        ("calibration error", cell(test, "ece"), ""),
    ]
    notes = [
        "The shortcut baseline is a logistic regression on global statistics of the images: a "
        "score means what it adds to that."
    ]
    real = metrics.get("real")
    if real:
        notes.append(
            f"On {real['n']} real images of the DeepLense common test: ROC-AUC "
            f"{real['macro_ovr_auc']:.3f}, accuracy {real['accuracy']:.3f}; so few say little."
        )
    return ScoreTable(("these weights", "shortcut baseline"), rows, tuple(notes))


def _finder(metrics: Mapping[str, Any]) -> ScoreTable:
    test, baselines = metrics.get("test", {}), metrics.get("baselines", {})
    shown = test.get("by_score") or {"these weights": test}
    columns = (*shown, *(f"baseline: {name}" for name in baselines))
    labels = {
        "auc": "ROC-AUC",
        "tpr_1e-2": "true-positive rate at 1 % false positives",
        "tpr_1e-3": "at 0.1 %",
        "tpr0": "TPR0: found with no false positive",
        "tpr10": "TPR10: found with fewer than ten",
        "average_precision": "average precision",
        "calibration_error": "calibration error",
    }
    rows = [
        (label, *(cell(scores, key) for scores in (*shown.values(), *baselines.values())))
        for key, label in labels.items()
    ]
    notes: tuple[str, ...] = ()
    if baselines:
        notes = (
            "A baseline is a logistic regression, cross-validated, on global statistics of the "
            "images or on the columns of the table: a score means what it adds to that.",
        )
    return ScoreTable(columns, rows, notes)


def _super_resolver(metrics: Mapping[str, Any]) -> ScoreTable:
    test = metrics.get("test", {})
    bicubic, floor = metrics.get("bicubic", {}), metrics.get("floor", {})
    truth = test.get("truth", {})
    share = f"{100 * test['share_of_way']:.1f} %" if "share_of_way" in test else ""
    rows = [
        ("PSNR, dB", *(cell(scores, "psnr", ".2f") for scores in (test, bicubic, floor))),
        ("SSIM", *(cell(scores, "ssim") for scores in (test, bicubic, floor))),
        ("of the way from bicubic to the floor", share, "", ""),
        (
            "PSNR against the noiseless truth, dB",
            *(cell(scores, "psnr", ".2f") for scores in (truth, truth.get("bicubic", {}))),
            "",
        ),
        *(
            (
                label,
                *(cell(scores, key, ".2%").replace("%", " %") for scores in (test, bicubic)),
                "",
            )
            for key, label in (
                ("flux_error", "error of the flux, median"),
                ("ring_flux_error", "the same in the ring"),
            )
        ),
    ]
    notes = (
        "Targets are noisy: on average no network can come nearer to them than the truth itself, "
        "the noise floor. PSNR is for a data range of 1 and does not compare between data.",
    )
    return ScoreTable(("these weights", "bicubic interpolation", "noise floor"), rows, notes)


def _backbone(metrics: Mapping[str, Any]) -> ScoreTable:
    test, random = metrics["test"], metrics.get("random", {})

    def spread(found: Mapping[str, Any] | None, of: str = "std") -> str:
        return f"{found['mean']:.4f} ± {found[of]:.4f}" if found else ""

    others = random.get("by_labels", {})
    rows = [
        (f"ROC-AUC of a linear head, {int(n):,} labels", spread(found), spread(others.get(n)))
        for n, found in sorted(test["by_labels"].items(), key=lambda row: int(row[0]))
    ]
    folds = test.get("five_fold")
    if folds:
        starts = ", ".join(spread(each, "spread") for each in random.get("five_fold", ()))
        rows.append(
            (f"the same, five folds of {folds['labels']:,} labels", spread(folds, "spread"), starts)
        )
    rows.append(("effective rank of the features", cell(test, "effective_rank", ".1f"), ""))
    notes = (
        "A linear head is trained on frozen features. A random backbone is the same network as it "
        "starts, untrained: the weights are worth what they add to that.",
        f"± is the standard deviation over {test['draws']} draws of the labels"
        + (f", and over {random['starts']} random starts." if random else "."),
    )
    return ScoreTable(("these weights", "random backbones"), rows, notes)


_TABLES = {
    "classify": _classifier,
    "find_lenses": _finder,
    "super_resolve": _super_resolver,
    "pretext": _backbone,
}


def tidy_rows(entry: WeightsEntry) -> list[TidyRow]:
    """Every figure of an entry, by its path in the manifest, such as ``test.by_score.image.auc``.

    Spectra and other lists are left out.
    """
    metrics = {name: part for name, part in entry.metrics.items() if name != "measured"}
    n = entry.metrics.get("measured", {}).get("images")
    return list(_walk(metrics, (), entry.metrics.get("test", {}).get("n", n)))


def _walk(part: Mapping[str, Any], path: tuple[str, ...], n: int | None) -> Iterator[TidyRow]:
    n, intervals = part.get("n", n), part.get("intervals") or {}
    if path[-1:] == ("five_fold",):  # of the labelled images alone
        n = part.get("labels", n)
    for name, value in part.items():
        if name == "intervals" or name in _COUNTS:
            continue
        if isinstance(value, Mapping):
            yield from _walk(value, (*path, name), n)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            low, high = intervals.get(name) or (None, None)
            yield TidyRow(".".join((*path, name)), value, low, high, n)
