"""The README's table of the best weights of each task and sky."""

from collections.abc import Iterable

from result_tables import TABLES, of_kind
from scores import headline, task_of

from lenszoo.errors import LenszooError
from lenszoo.pretrained.manifest import WeightsEntry

MARKS = "<!-- best weights: made by `make results` -->", "<!-- end of best weights -->"


def best(entries: Iterable[WeightsEntry]) -> list[WeightsEntry]:
    """The weights of the highest score of each task and sky, in the catalogue's order.

    Backbones that saw no label are left out: they are no use without a head.
    """
    winners: dict[tuple[str, str], WeightsEntry] = {}
    for entry in entries:
        task, test = task_of(entry), entry.metrics.get("test", {})
        key = task.headline.key
        if "by_labels" in test or key not in test:
            continue
        place = task.name, entry.data["preset"]
        if place not in winners or test[key] > winners[place].metrics["test"][key]:
            winners[place] = entry
    return [each for task in TABLES for each in of_kind(winners.values(), task)]


def best_row(entry: WeightsEntry) -> tuple[str, ...]:
    """One line of the README's table."""
    task, metrics = task_of(entry).name, entry.metrics
    baseline = {
        "classify": lambda: f"{metrics['shortcut']['macro_ovr_auc']:.3f}, image statistics",
        "find_lenses": lambda: (
            f"{metrics['baselines']['image statistics']['auc']:.3f}, image statistics"
        ),
        "super_resolve": lambda: f"{metrics['bicubic']['psnr']:.2f} dB, bicubic interpolation",
    }[task]()
    return (
        f"[`{entry.name}`](docs/cards/{entry.name}.md)",
        {"classify": "substructure", "find_lenses": "lenses", "super_resolve": "pixels"}[task],
        f"`{entry.data['preset']}`",
        headline(entry),
        baseline,
        f"{entry.bytes / 2**20:.1f} MiB",
    )


_BEST_HEAD = "| weights | of | sky | score (95 %) | baseline | size |\n|---|---|---|---|---|---:|\n"


def readme(text: str, entries: Iterable[WeightsEntry]) -> str:
    """The README with its table of the best weights.

    Raises:
        LenszooError: the README has no block for the table.
    """
    begin, end = MARKS
    before, opened, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (opened and closed):
        raise LenszooError(f"README.md has no block for the best weights: add {begin} and {end}.")
    rows = "".join("| " + " | ".join(best_row(entry)) + " |\n" for entry in best(entries))
    return f"{before}{begin}\n{_BEST_HEAD}{rows}{end}{after}"
