"""Write what was measured from the manifest: `make results`.

README.md (its tables), docs/results (index.md, results.csv) and the model cards in docs/cards. With
--check it writes nothing and fails where one of them is not what weights_manifest.json says, or
where there is a card of weights that are gone.
"""

import argparse
import io
import sys
from pathlib import Path

from best_weights import readme
from cards import card, count_parameters, index
from result_pages import page, tidy

from lenszoo.errors import LenszooError
from lenszoo.pretrained.manifest import FILE_NAME, WeightsEntry, load_manifest

ROOT = Path(__file__).parent.parent
CARDS, RESULTS = Path("docs", "cards"), Path("docs", "results")


def pages(root: Path) -> dict[Path, str]:
    """All that follows from the manifest: paths in the checkout and what they should hold."""
    entries = load_manifest(root / FILE_NAME).entries
    made = {
        Path("README.md"): readme((root / "README.md").read_text("utf-8"), entries),
        RESULTS / "index.md": page(entries, root / RESULTS),
        RESULTS / "results.csv": tidy(entries),
        CARDS / "index.md": index(entries),
    }
    cards = {CARDS / f"{e.name}.md": card(e, _parameters(e, root / "weights")) for e in entries}
    return made | cards


def _parameters(entry: WeightsEntry, folder: Path) -> int | None:
    """Size of the network, where the checkout holds its file: a cache would be another answer."""
    parts = [folder / file.path for file in entry.files]
    if not all(part.is_file() for part in parts):
        return None
    return count_parameters(io.BytesIO(b"".join(part.read_bytes() for part in parts)))


def faults(root: Path) -> tuple[list[Path], list[Path]]:
    """What is missing or not what the manifest says, and the cards that no weights have."""
    made = pages(root)
    wrong = [
        path
        for path, text in made.items()
        if not (root / path).is_file() or (root / path).read_text("utf-8") != text
    ]
    there = (path.relative_to(root) for path in (root / CARDS).glob("*.md"))
    return wrong, sorted(path for path in there if path not in made)


def write(root: Path) -> None:
    """Write what is wrong anew, and remove the cards of weights that are gone."""
    made, (wrong, gone) = pages(root), faults(root)
    for path in wrong:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(made[path], encoding="utf-8")
    for path in gone:
        (root / path).unlink()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if out of date")
    try:
        if not parser.parse_args().check:
            write(ROOT)
            return 0
        wrong, gone = faults(ROOT)
    except LenszooError as error:
        print(error)
        return 1
    for path in wrong:
        print(f"{path} is not what {FILE_NAME} says; run `make results`.")
    for path in gone:
        print(f"{path} is a card of weights that are gone; run `make results`.")
    return 1 if wrong or gone else 0


if __name__ == "__main__":
    sys.exit(main())
