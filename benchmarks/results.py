"""Write the table of measured results into README.md from the manifest: `make results`.

With --check it writes nothing and fails if the README is out of date.
"""

import argparse
import sys
from pathlib import Path

from lenszoo.catalog import CATALOG
from lenszoo.pretrained.manifest import WeightsEntry, load_manifest

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- results: made by `make results` -->", "<!-- end of results -->"
HEADER = (
    "| weights | sky | images seen | macro ROC-AUC (95 %) | per class | accuracy | "
    "shortcut baseline | 45 real images: AUC, accuracy |\n"
    "|---|---|---:|---|---|---:|---:|---|\n"
)


def row(entry: WeightsEntry) -> str:
    """One line of the table."""
    test, shortcut = entry.metrics["test"], entry.metrics["shortcut"]
    low, high = test["intervals"]["macro_ovr_auc"]
    classes = ", ".join(f"{name} {value:.4f}" for name, value in test["per_class_auc"].items())
    real = entry.metrics.get("real")
    cells = (
        f"`{entry.name}`",
        f"`{entry.data['preset']}`",
        f"{entry.data['images_seen']:,}",
        f"**{test['macro_ovr_auc']:.4f}** ({low:.4f} to {high:.4f})",
        classes,
        f"{test['accuracy']:.4f}",
        f"{shortcut['macro_ovr_auc']:.3f}",
        f"{real['macro_ovr_auc']:.3f}, {real['accuracy']:.3f}" if real else "",
    )
    return "| " + " | ".join(cells) + " |\n"


def table() -> str:
    """The whole block between the marks."""
    entries = load_manifest(ROOT / "weights_manifest.json").entries
    order = list(CATALOG)
    entries = sorted(entries, key=lambda e: (order.index(e.model), e.name))
    lines = "".join(row(entry) for entry in entries)
    notes = "".join(
        f"- `{e.name}`: {e.metrics['test']['n']:,} unseen images, scene seed "
        f"{e.metrics['measured']['seed']}; {e.metrics['measured']['machine']}.\n"
        for e in entries
    )
    return f"{BEGIN}\n{HEADER}{lines}\n{notes}{END}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    readme = ROOT / "README.md"
    old = readme.read_text(encoding="utf-8")
    before, _, rest = old.partition(BEGIN)
    _, _, after = rest.partition(END)
    new = before + table() + after
    if new == old:
        return 0
    if arguments.check:
        print("README.md is not what the manifest says; run `make results`.")
        return 1
    readme.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
