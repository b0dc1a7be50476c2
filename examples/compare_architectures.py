"""Compare architectures on one sky: ROC-AUC, parameters and training time.

    python examples/compare_architectures.py [MODEL ...] [--epochs 4] [--images 3000]

The sky is DeepLenseSim's Model I, simulated as the networks train, every image seen once. At this
small scale (ten minutes on two cores for the default four) the table tells how fast a network
learns, not how good it gets: for that give it ten times the images. Runs go to `compare/MODEL`; a
run that was cut off goes on where it stood.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt

from lenszoo import load_model
from lenszoo.training import Recipe, train

DEFAULT = ("simple_cnn", "cnn_attention", "resnet18_slim", "mobilevit_mini")


def run(name: str, options: argparse.Namespace) -> dict:
    """Train one architecture and return what the table shows of it."""
    recipe = Recipe(
        model=name,
        seed=options.seed,
        epochs=options.epochs,
        batch_size=32,
        mixed_precision="mixed_bfloat16",
        label_smoothing=0.02,
        data={
            "preset": options.preset,
            "images": options.images,
            "val_images": options.test_images,
            "test_images": options.test_images,
        },
        optimizer={"learning_rate": 2e-3, "weight_decay": 0.01, "warmup_steps": 30},
    )
    result = train(recipe, options.out / name)
    seconds = min(row["seconds"] for row in result.history)
    return {
        "name": name,
        "parameters": load_model(result.run_dir).count_params(),
        "auc": result.metrics["macro_ovr_auc"],
        "interval": result.metrics["intervals"]["macro_ovr_auc"],
        "shortcut": result.metrics["shortcut"]["macro_ovr_auc"],
        "ms": 1e3 * seconds / options.images,
    }


def plot(rows: list[dict], title: str, path: Path) -> None:
    """AUC against parameters and against time."""
    figure, axes = plt.subplots(1, 2, figsize=(9.6, 4.2), sharey=True, layout="constrained")
    left, right = axes
    for row in rows:
        low, high = row["interval"]
        error = [[row["auc"] - low], [high - row["auc"]]]
        for axis, key in ((left, "parameters"), (right, "ms")):
            axis.errorbar(row[key], row["auc"], error, marker="o", capsize=3)
            axis.annotate(
                row["name"],
                (row[key], row["auc"]),
                textcoords="offset points",
                xytext=(7, 5),
                fontsize=8,
            )
    for axis, label in ((left, "parameters"), (right, "ms an image, simulation included")):
        axis.axhline(rows[0]["shortcut"], color="0.6", linestyle=":")
        axis.set(xscale="log", xlabel=label)
        axis.margins(x=0.25)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    left.set_ylabel("macro ROC-AUC")
    right.text(
        0.98,
        rows[0]["shortcut"],
        "global statistics alone",
        transform=right.get_yaxis_transform(),
        ha="right",
        va="bottom",
        fontsize=8,
        color="0.4",
    )
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", default=DEFAULT)
    parser.add_argument("--preset", default="deeplense_model_1")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--images", type=int, default=3000, help="new images an epoch")
    parser.add_argument("--test-images", type=int, default=900)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("compare"))
    options = parser.parse_args()
    print(f"{'model':20} {'parameters':>12} {'macro AUC':>10}  {'95 %':15} {'ms/image':>9}")
    rows = []
    for name in options.models:
        row = run(name, options)
        rows.append(row)
        low, high = row["interval"]
        between = f"{low:.3f} to {high:.3f}"
        print(
            f"{name:20} {row['parameters']:12,} {row['auc']:10.4f}  {between:15} {row['ms']:9.1f}",
            flush=True,
        )
    print(f"{'(shortcut baseline)':20} {'':12} {rows[0]['shortcut']:10.4f}")
    seen = options.epochs * options.images
    plot(rows, f"{options.preset}, {seen:,} images seen", options.out / "compare.png")
    print(f"picture: {options.out / 'compare.png'}")


if __name__ == "__main__":
    main()
