"""Write the table of measured results into README.md from the manifest: `make results`.

With --check it writes nothing and fails if the README is out of date.
"""

import argparse
import sys
from pathlib import Path

from lenszoo.catalog import CATALOG
from lenszoo.pretrained.manifest import WeightsEntry, load_manifest

ROOT = Path(__file__).parent.parent
MARKS = "<!-- {}: made by `make results` -->", "<!-- end of {} -->"
PROBED = ("50", "215", "2000")  # labels that a linear head is given


def classifier_row(entry: WeightsEntry) -> tuple[str, ...]:
    """One line of the table of classifiers."""
    test, shortcut = entry.metrics["test"], entry.metrics["shortcut"]
    low, high = test["intervals"]["macro_ovr_auc"]
    classes = ", ".join(f"{name} {value:.4f}" for name, value in test["per_class_auc"].items())
    real = entry.metrics.get("real")
    return (
        f"`{entry.name}`",
        f"`{entry.data['preset']}`",
        f"{entry.data['images_seen']:,}",
        f"**{test['macro_ovr_auc']:.4f}** ({low:.4f} to {high:.4f})",
        classes,
        f"{test['accuracy']:.4f}",
        f"{shortcut['macro_ovr_auc']:.3f}",
        f"{real['macro_ovr_auc']:.3f}, {real['accuracy']:.3f}" if real else "",
    )


def pair_row(entry: WeightsEntry) -> tuple[str, ...]:
    """One line of the table of super-resolution networks."""
    test, bicubic, floor = (entry.metrics[key] for key in ("test", "bicubic", "floor"))
    low, high = test["intervals"]["psnr"]
    return (
        f"`{entry.name}`",
        f"**{test['psnr']:.2f}** ({low:.2f} to {high:.2f})",
        f"{test['ssim']:.4f}",
        f"{bicubic['psnr']:.2f}",
        f"{floor['psnr']:.2f}",
        f"{100 * test['share_of_way']:.1f} %",
        f"{test['truth']['psnr']:.2f} ({test['truth']['bicubic']['psnr']:.2f})",
        f"{entry.data['images_seen']:,}",
    )


def finder_row(entry: WeightsEntry) -> tuple[str, ...]:
    """One line of the table of lens finders."""
    test, baselines = entry.metrics["test"], entry.metrics["baselines"]
    low, high = test["intervals"]["auc"]
    alone = (test["by_score"].get(f"{part} only") for part in ("image", "table"))
    return (
        f"`{entry.name}`",
        f"`{entry.data['preset']}`",
        f"**{test['auc']:.4f}** ({low:.4f} to {high:.4f})",
        *(f"{score['auc']:.4f}" if score else "" for score in alone),
        f"{test['tpr0']:.3f}, {test['tpr10']:.3f} ({test['nonlenses']:,})",
        f"{test['calibration_error']:.3f}",
        ", ".join(f"{name} {value['auc']:.3f}" for name, value in baselines.items()),
    )


def backbone_row(entry: WeightsEntry) -> tuple[str, ...]:
    """One line of the table of backbones that learned without labels."""
    test, random = entry.metrics["test"], entry.metrics["random"]

    def cells(by_labels: dict) -> list[str]:
        return [f"{by_labels[n]['mean']:.3f} ± {by_labels[n]['std']:.3f}" for n in PROBED]

    pairs = zip(cells(test["by_labels"]), cells(random["by_labels"]), strict=True)
    return (
        f"`{entry.name}`",
        f"{entry.data['images_seen']:,}",
        *(f"**{own}** ({other})" for own, other in pairs),
        f"{test['effective_rank']:.1f}",
    )


def kind(entry: WeightsEntry) -> str:
    """The table that weights belong to."""
    return "pretext" if "probe_auc" in entry.metrics["test"] else CATALOG[entry.model].task


# by kind: name of the block in README.md, heads of the columns with their alignment, and a line
TABLES = {
    "classify": (
        "results",
        "| weights | sky | images seen | macro ROC-AUC (95 %) | per class | accuracy | "
        "shortcut baseline | 45 real images: AUC, accuracy |\n"
        "|---|---|---:|---|---|---:|---:|---|\n",
        classifier_row,
    ),
    "find_lenses": (
        "lens-finding results",
        "| weights | sky | ROC-AUC (95 %) | image only | table only | TPR0, TPR10 (non-lenses) | "
        "calibration error | baselines: ROC-AUC |\n"
        "|---|---|---|---:|---:|---|---:|---|\n",
        finder_row,
    ),
    "super_resolve": (
        "super-resolution results",
        "| weights | PSNR, dB (95 %) | SSIM | bicubic | noise floor | of the way | against the "
        "truth (bicubic) | images seen |\n"
        "|---|---|---:|---:|---:|---:|---:|---:|\n",
        pair_row,
    ),
    "pretext": (
        "pretext results",
        "| weights | images seen | ROC-AUC of a linear head with "
        + " | ".join(f"{n} labels (random backbones)" for n in PROBED)
        + " | effective rank |\n|---|---:|"
        + "---|" * len(PROBED)
        + "---:|\n",
        backbone_row,
    ),
}


def table(which: str) -> str:
    """The whole block of a kind of weights between its marks."""
    name, header, row = TABLES[which]
    entries = load_manifest(ROOT / "weights_manifest.json").entries
    entries = tuple(e for e in entries if kind(e) == which)
    order = list(CATALOG)
    entries = tuple(sorted(entries, key=lambda e: (order.index(e.model), e.name)))
    lines = "".join("| " + " | ".join(row(entry)) + " |\n" for entry in entries)
    notes = "".join(
        f"- `{e.name}`: {e.metrics['test']['n']:,} unseen images, scene seed "
        f"{e.metrics['measured']['seed']}; {e.metrics['measured']['machine']}.\n"
        for e in entries
    )
    begin, end = (mark.format(name) for mark in MARKS)
    rows = f"{header}{lines}\n{notes}" if entries else ""
    return f"{begin}\n{rows}{end}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    readme = ROOT / "README.md"
    old = readme.read_text(encoding="utf-8")
    new = old
    for which, (name, _, _) in TABLES.items():
        begin, end = (mark.format(name) for mark in MARKS)
        before, _, rest = new.partition(begin)
        _, _, after = rest.partition(end)
        new = before + table(which) + after
    if new == old:
        return 0
    if arguments.check:
        print("README.md is not what the manifest says; run `make results`.")
        return 1
    readme.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
