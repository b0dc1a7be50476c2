"""Train a lens-finding recipe with several image branches and compare them on unseen scenes.

    python benchmarks/image_branches.py RECIPE --out FOLDER [--branches conv resnet18_slim ...]
        [--images 3000] [--epochs 6]

RECIPE is a recipe of a simulated sky, by name or TOML file. All trainings of one call share its
scenes. Printed is a table: parameters, size with float16 kernels, ROC-AUC and true-positive rate
on scenes of the test split, and the seconds that an epoch took. The runs stay in FOLDER; one that
is finished is not trained again.
"""

import argparse
from pathlib import Path

from _machine import describe

from lenszoo.inference import open_model
from lenszoo.training import Recipe, train

BRANCHES = ("resnet18_slim", "conv", "simple_cnn", "mobilevit_mini")
COLUMNS = (
    "image branch",
    "parameters",
    "MiB",
    "ROC-AUC",
    "true-positive rate at 1 % false positives",
    "calibration error",
    "seconds an epoch",
)


def row(recipe: Recipe, branch: str, out: Path) -> str:
    """Train a recipe with an image branch, and return a row of the table."""
    backbone = {"options": recipe.options | {"backbone": branch}}
    result = train(recipe.model_copy(update=backbone), out / branch)
    scores, rates = result.metrics, result.metrics["by_score"]["image only"]
    (low, high), count = (
        scores["intervals"]["auc"],
        open_model(str(out / branch)).model.count_params(),
    )
    seconds = [epoch["seconds"] for epoch in result.history]
    cells = (
        f"`{branch}`",
        f"{count:,}",
        f"{count * 2 / 2**20:.2f}",
        f"{scores['auc']:.4f} ({low:.4f} to {high:.4f})",
        f"{rates['tpr_1e-2']:.3f}",
        f"{scores['calibration_error']:.3f}",
        f"{sum(seconds) / len(seconds):.0f}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("recipe")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--branches", nargs="+", default=BRANCHES)
    parser.add_argument(
        "--images",
        type=int,
        help="training images, half as many to test on; by default the recipe's",
    )
    parser.add_argument("--epochs", type=int, help="epochs, by default the recipe's")
    options = parser.parse_args()
    recipe = Recipe.load(options.recipe)
    images, epochs, data = options.images, options.epochs or recipe.epochs, recipe.data
    if images is not None:
        sizes = {"images": images, "val_images": images // 5, "test_images": images // 2}
        data = data.model_copy(update=sizes)
    recipe = recipe.model_copy(update={"data": data, "epochs": epochs})
    print(describe())
    print(
        f"{options.recipe}: {epochs} epochs of {data.images:,} images, seed {recipe.seed}; "
        f"{data.test_images:,} scenes of the test split\n"
    )
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
    for branch in options.branches:
        print(row(recipe, branch, options.out), flush=True)


if __name__ == "__main__":
    main()
