"""Rank the candidates of Space Warps with lens finders, and by cross-validation of a recipe.

    python benchmarks/space_warps.py FILE [WEIGHTS ...]
    python benchmarks/space_warps.py FILE --recipe RECIPE --out FOLDER [--folds 5] [--json FILE]

FILE is an npz of candidates in CFHTLS (Marshall et al. 2016, arXiv:1504.06148; More et al. 2016,
arXiv:1504.05587): flux (n, 64, 64, 3) in g, r and i, linear, AB zero point 25, 0.2 arcsec a pixel;
grade (n,) by experts, name and field. Those graded at least 2 count as lenses and those at most 0.7
as look-alikes, which volunteers had marked too. Printed are ROC-AUC with a bootstrap interval, and
the share of lenses found at 1 % and 10 % false positives.

With --recipe, a recipe whose data.real.catalogue are the look-alikes: it is trained once a fold,
without the look-alikes of the fold's fields, which that training scores. Lenses are in no training;
a lens is scored by the training of its own field's fold.
"""

import argparse
import datetime
import json
from pathlib import Path

import numpy as np
from _machine import describe

from lenszoo.evaluation import roc_auc
from lenszoo.inference import predict
from lenszoo.training import Recipe, train

LENS, LOOK_ALIKE = 2.0, 0.7  # grades, from and to
SEED, BOOTSTRAP = 0, 2000


class Candidates:
    """The candidates of a file, in rows with a grade that counts."""

    def __init__(self, file: Path) -> None:
        with np.load(file) as held:
            grade = held["grade"]
            rows = (grade >= LENS) | (grade <= LOOK_ALIKE)
            self.images = held["flux"][rows].astype(np.float32)
            self.lens = grade[rows] >= LENS
            self.field = held["field"][rows]
            self.names = [f"{f}_{n}" for f, n in zip(self.field, held["name"][rows], strict=True)]

    def folds(self, number: int) -> np.ndarray:
        """Number of the fold of each candidate; those of one field share it."""
        fields, of = np.unique(self.field, return_inverse=True)
        return np.random.default_rng(SEED).permutation(len(fields))[of] % number

    def write(self, rows: np.ndarray, folder: Path) -> Path:
        """Write cutouts (bands, H, W) and their table, and return the table's path."""
        folder.mkdir(parents=True, exist_ok=True)
        names = [self.names[row] for row in rows]
        for row, name in zip(rows, names, strict=True):
            np.save(folder / f"{name}.npy", self.images[row].transpose(2, 0, 1))
        table = folder / "look_alikes.csv"
        table.write_text("\n".join(["id", *names]) + "\n")
        return table


def logits(weights: str, images: np.ndarray) -> np.ndarray:
    """Logit of the lens class, the mean over the eight turns and flips of each image."""
    table = predict(weights, images, tta=True)
    return table["logit_lens"].to_numpy() - table["logit_nonlens"].to_numpy()


def interval(lens: np.ndarray, scores: np.ndarray) -> list[float]:
    """95 % of the AUC, over other lenses and other look-alikes."""
    rng = np.random.default_rng(SEED)
    groups = np.flatnonzero(lens), np.flatnonzero(~lens)
    resampled = []
    for _ in range(BOOTSTRAP):
        rows = np.concatenate([rng.choice(group, len(group)) for group in groups])
        resampled.append(roc_auc(lens[rows], scores[rows]))
    return np.quantile(resampled, (0.025, 0.975)).tolist()


def line(lens: np.ndarray, scores: np.ndarray) -> str:
    """Scores of a ranking, in words."""
    low, high = interval(lens, scores)
    rates = [
        f"{np.mean(scores[lens] > np.quantile(scores[~lens], 1 - share, method='higher')):.2f} at "
        f"{share:.0%}"
        for share in (0.01, 0.1)
    ]
    return (
        f"AUC {roc_auc(lens, scores):.3f} (95 %: {low:.3f} to {high:.3f}), true-positive rate "
        f"{', '.join(rates)} false positives"
    )


def cross_validate(candidates: Candidates, options: argparse.Namespace) -> None:
    """Train a recipe once a fold and print the scores of all candidates."""
    recipe, of = Recipe.load(options.recipe), candidates.folds(options.folds)
    scores = np.full(len(of), np.nan)
    for fold in range(options.folds):
        rows = np.flatnonzero(~candidates.lens & (of != fold))
        folder = options.out / f"fold{fold}"
        table = candidates.write(rows, folder / "look_alikes")
        real = recipe.data.real.model_copy(update={"catalogue": str(table), "folder": None})
        data = recipe.data.model_copy(update={"real": real})
        train(recipe.model_copy(update={"data": data}), folder / "run")
        own = of == fold
        scores[own] = logits(str(folder / "run"), candidates.images[own])
        print(f"fold {fold}: {own.sum()} candidates, {line(candidates.lens[own], scores[own])}")
    np.save(options.out / "scores.npy", scores)
    print(f"{options.recipe}, {options.folds} folds: {line(candidates.lens, scores)}")
    if options.json is not None:
        lens = candidates.lens
        figure = {
            "auc": float(roc_auc(lens, scores)),
            "intervals": {"auc": interval(lens, scores)},
            "n": len(lens),
            "lenses": int(lens.sum()),
            "nonlenses": int((~lens).sum()),
            "folds": options.folds,
            "date": str(datetime.datetime.now(datetime.UTC).date()),
            "command": f"python benchmarks/space_warps.py FILE --recipe {options.recipe}",
        }
        options.json.write_text(json.dumps({"space_warps": figure}, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("weights", nargs="*")
    parser.add_argument("--recipe", help="name or TOML file of a recipe with data.real.catalogue")
    parser.add_argument("--out", type=Path, default=Path("space_warps"), help="runs of the folds")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="file of the score, for tools/release.py")
    options = parser.parse_args()
    candidates = Candidates(options.file)
    print(describe())
    today, lenses = datetime.datetime.now(datetime.UTC).date(), int(candidates.lens.sum())
    print(f"{today}, seed {SEED}: {lenses} lenses, {len(candidates.lens) - lenses} look-alikes")
    for weights in options.weights:
        print(f"{weights}: {line(candidates.lens, logits(weights, candidates.images))}")
    if options.recipe is not None:
        cross_validate(candidates, options)


if __name__ == "__main__":
    main()
