"""Compare methods of domain adaptation, from an easy sky with labels to a hard one with few.

    python benchmarks/domain_adaptation.py OUT [--weights lens_finder.easy_sim] [--seeds 3]

Takes a lens finder that was trained on ``lens_finding_easy``, given by name or run folder, or
trains a small one, adapts it by every method and seed to ``lens_finding_hard`` with
``--label-fraction`` of the labels, all for the same number of steps, and prints AUROC and TPR10 on
one fixed set of test scenes: mean over seeds, sample standard deviation, and the number of
negatives, on which TPR10 depends. ``none`` is the source model as it is; ``target_only`` starts
from scratch on the labels that ``fine_tune`` has; ``joint`` is what dann, adamatch and mean_teacher
are without the unlabelled images.

A seed decides the scenes of the target, which of them keep labels, and the training. The best epoch
is chosen on ``--val-images`` labelled scenes of the target, the same for all methods: these are
labels too. Test scenes have a seed of their own. The source is the same for all seeds.

Runs are folders below OUT; one that is finished is not trained again, so that the command goes on
where it was stopped. Settings to try it, in two minutes: --images 160 --epochs 1 --source-epochs 1
--seeds 1 --test-images 100 --val-images 40 --width 8 --use image.
"""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from _machine import describe

from lenszoo import load_model
from lenszoo.data import Cutouts
from lenszoo.files import write_bytes
from lenszoo.metrics.classification import roc_auc
from lenszoo.metrics.lens_finding import tpr10
from lenszoo.pretrained.loading import model_config
from lenszoo.simulation import sample_cutouts
from lenszoo.tasks.find_lenses.adapt import METHODS, AdaptTask
from lenszoo.tasks.find_lenses.adapt_batches import AdaptBatches, Parts, hide_labels
from lenszoo.tasks.find_lenses.task import FindLensesTask, lens_logits
from lenszoo.training import Recipe, train
from lenszoo.training.state import read_progress

SOURCE, TARGET = "lens_finding_easy", "lens_finding_hard"
SOURCE_SEED, TEST_SEED = 10_000, 20_000  # far from the seeds of the target
ROWS = ("none", "target_only", *METHODS)


class Train(FindLensesTask):
    """Without a report: test scores are taken here, on the same scenes for all."""

    def report(self, model, history, folder):
        """Write what ``train`` looks for in a finished run."""
        write_bytes(folder / "report.json", b'{"metrics": {}}\n')
        return {}


class Adapt(AdaptTask):
    """The same for an adaptation."""

    report = Train.report


class Labelled(AdaptBatches):
    """Batches of candidates and labels, as a loss of Keras takes them."""

    def __getitem__(self, index: int):
        """Batch ``index``."""
        x, y = super().__getitem__(index)
        return x, y["labels"]


class FewLabels(Train):
    """From scratch on the labels that ``fine_tune`` has, in as many steps."""

    def __init__(self, recipe, fraction: float):
        super().__init__(recipe)
        self.few = hide_labels(self.source.first(), fraction, recipe.data_seed)

    def epoch(self, epoch: int):
        """The batches of ``fine_tune``."""
        recipe = self.recipe
        return Labelled(
            None,
            self.few,
            Parts(0, recipe.batch_size, 0),
            steps=self.steps_per_epoch,
            seed=recipe.seed,
            epoch=epoch,
            augment=recipe.augment,
        )


def sky(preset: str, seed: int, options: argparse.Namespace) -> dict:
    """The data of a recipe."""
    return {
        "preset": preset,
        "seed": seed,
        "images": options.images,
        "val_images": options.val_images,
    }


def train_source(options: argparse.Namespace) -> str:
    """Train the source model, unless weights are given; returns what to load."""
    if options.weights:
        return options.weights
    recipe = Recipe(
        task="find_lenses",
        use=options.use,
        options={"width": options.width},
        mixed_precision=options.mixed_precision,
        data=sky(SOURCE, SOURCE_SEED, options),
        epochs=options.source_epochs,
        batch_size=options.batch_size,
        optimizer={"learning_rate": options.scratch_rate},
    )
    run = options.out / "source"
    train(recipe, run, task=None if finished(run) else Train(recipe))
    return str(run)


def finished(run: Path) -> bool:
    """Whether nothing is left to train: then no sky need be drawn for it."""
    progress = read_progress(run)
    return progress is not None and progress.finished


def train_row(row: str, seed: int, source: str, options: argparse.Namespace) -> Path:
    """Train a row of the table with one seed; returns its run folder."""
    run = options.out / f"{row}_{seed}"
    done = finished(run)
    fields = {
        "data": sky(TARGET, seed, options),
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "mixed_precision": options.mixed_precision,
        "seed": seed,
    }
    if row == "target_only":
        network = dict(model_config(load_model(source))["options"])
        columns, use = network.pop("columns"), network.pop("use")
        recipe = Recipe(
            task="find_lenses",
            use=use or ("both" if columns else "image"),
            options=network,
            optimizer={"learning_rate": options.scratch_rate},
            **fields,
        )
        task = None if done else FewLabels(recipe, options.label_fraction)
    else:
        recipe = Recipe(
            task="adapt",
            method=row,
            weights=source,
            source=sky(SOURCE, SOURCE_SEED, options),
            label_fraction=options.label_fraction,
            optimizer={"learning_rate": options.learning_rate},
            **fields,
        )
        task = None if done else Adapt(recipe)
    train(recipe, run, task=task)
    return run


def score(model: str | Path, kept: Path, test: Cutouts, key: str) -> dict[str, float]:
    """AUROC and TPR10 of a run's best weights, or of weights by name; kept in a file."""
    if kept.exists():
        stored = json.loads(kept.read_text(encoding="utf-8"))
        if stored["test"] == key:
            return stored
    labels, logits = test.known_labels(), lens_logits(load_model(model), test.inputs())
    values = {"test": key, "auc": roc_auc(labels, logits), "tpr10": tpr10(labels, logits)}
    write_bytes(kept, (json.dumps(values) + "\n").encode())
    return values


def table(scores: dict[str, list[dict]], negatives: int) -> str:
    """The table in Markdown."""
    lines = [
        f"| method | AUROC | TPR10 of {negatives:,} non-lenses | runs |",
        "|---|---|---|---|",
    ]
    for row, runs in scores.items():
        cells = []
        for name in ("auc", "tpr10"):
            values = [each[name] for each in runs]
            spread = f" +- {np.std(values, ddof=1):.4f}" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.4f}{spread}")
        lines.append(f"| {row} | {' | '.join(cells)} | {len(runs)} |")
    return "\n".join(lines)


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", help="trained on the easy sky; none: trains its own")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=8000, help="of each sky")
    parser.add_argument("--val-images", type=int, default=1500)
    parser.add_argument("--test-images", type=int, default=10_000)
    parser.add_argument("--label-fraction", type=float, default=0.2)
    parser.add_argument("--source-epochs", type=int, default=15)
    parser.add_argument("--epochs", type=int, default=8, help="passes over the target")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=3e-4, help="of adaptation")
    parser.add_argument("--scratch-rate", type=float, default=1e-3, help="from scratch")
    parser.add_argument("--width", type=int, default=32, help="of its own: first convolution")
    parser.add_argument("--use", choices=("both", "image"), default="both", help="of its own")
    parser.add_argument("--mixed-precision", default="none")
    parser.add_argument("--rows", nargs="+", default=ROWS, choices=ROWS)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    source = train_source(options)
    columns = model_config(load_model(source))["options"]["columns"]
    test = sample_cutouts(TARGET, options.test_images, TEST_SEED, "test", columns=columns)
    key = f"{TARGET} {options.test_images} {TEST_SEED} from {options.weights}"
    negatives = test.class_counts()["nonlens"]
    scores: dict[str, list[dict]] = {}
    # seed by seed, so that the table of what there is can be read early
    for seed in range(options.seeds):
        for row in options.rows:
            if row == "none" and seed:
                continue
            model = source if row == "none" else train_row(row, seed, source, options)
            kept = options.out / f"{row}_{seed}.scores.json"
            scores.setdefault(row, []).append(score(model, kept, test, key))
            print(f"seed {seed}, {row}: {scores[row][-1]}", flush=True)
    settings = {name: str(value) for name, value in vars(options).items() if name != "out"}
    text = f"{describe()}\n{json.dumps(settings)}\n\n{table(scores, negatives)}\n"
    write_bytes(options.out / "table.md", text.encode())
    print(text)


if __name__ == "__main__":
    main()
