"""Find lenses: simulate a survey, learn from images and a table, adapt to another, search it.

    python examples/find_lenses.py [--use both] [--backbone conv] [--epochs 8] [--out lenses]

The sky `lens_finding_easy` shows lenses and what is mistaken for them: ellipticals, spirals, rings,
mergers, bright companions, edge-on discs and stars, in u, g, r and i. The table holds what a survey
would measure on the images. A small lens finder learns from both, on half lenses and half others;
it is adapted to `lens_finding_hard`, another survey with fainter arcs, of which it is told a fifth
of the labels, and searches that one, where 1 object in 20 is a lens. In nature far fewer are, and
so, of candidates of one probability. Attention says where the network gathered what it knew, not
why it answered as it did. About two minutes on two cores; writes OUT/easy/report.html and
OUT/adapted/report.html, OUT/report.html with the 50 best candidates, OUT/candidates.csv and
OUT/find_lenses.png.
"""

import argparse
import logging
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from PIL import Image

from lenszoo import load_model, predict
from lenszoo.data import Cutouts
from lenszoo.evaluation import candidates_page
from lenszoo.inference import provenance_of, write_table
from lenszoo.models.lens_finder import attention_maps
from lenszoo.reporting.colour import colour_image
from lenszoo.simulation import sample_cutouts
from lenszoo.training import Recipe, train

HEAT = colormaps["YlOrRd"]
EASY, HARD = "lens_finding_easy", "lens_finding_hard"
BEST = 12  # drawn with what was looked at; the page has PAGE of them
PAGE = 50
RARITY = 20  # objects a lens in the sky that is searched


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--use", choices=("both", "image", "table"), default="both")
    parser.add_argument("--backbone", default="conv", help="conv, or a classifier by name")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--images", type=int, default=1600, help="simulated candidates to learn by")
    parser.add_argument("--test-images", type=int, default=600)
    parser.add_argument("--out", type=Path, default=Path("lenses"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("lenszoo").setLevel(logging.INFO)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # many small networks: it would warn
    sizes = {
        "images": options.images,
        "val_images": max(20, options.images // 8),
        "test_images": options.test_images,
    }
    recipe = Recipe(
        task="find_lenses",
        use=options.use,
        options={"backbone": options.backbone, "width": 16, "dim": 32},
        epochs=options.epochs,
        batch_size=16,
        data={"preset": EASY, **sizes},
        optimizer={"learning_rate": 2e-3, "warmup_steps": 30, "clip_norm": 1.0},
    )
    scores = train(recipe, options.out / "easy").metrics
    for name, each in scores["by_score"].items():
        tpr10 = "none" if each["tpr10"] is None else f"{each['tpr10']:.3f}"
        print(f"{name:16} AUC {each['auc']:.4f}, TPR10 {tpr10}")
    for name, base in scores["baselines"].items():
        if base["auc"] is not None:
            print(f"shortcut baseline on {name}: AUC {base['auc']:.4f}")

    recipe = Recipe(
        task="adapt",
        method="joint",
        weights=str(options.out / "easy"),
        epochs=1,
        batch_size=16,
        source={"preset": EASY, **sizes},
        data={"preset": HARD, **sizes},
    )
    adapted = train(recipe, options.out / "adapted").metrics
    before = adapted["before"]["auc"]
    print(f"on the harder sky AUC {before:.4f}, adapted {adapted['auc']:.4f}")

    # The test scenes again, most of the lenses taken out.
    sky = sample_cutouts(HARD, options.test_images, seed=0, split="test")
    lenses, others = (np.flatnonzero(sky.labels == label) for label in (1, 0))
    sky = sky.take(np.sort([*others, *lenses[: -(-len(others) // (RARITY - 1))]]))
    model = load_model(options.out / "adapted")
    answers = predict(model, sky)
    write_table(answers.sort_by([("logit_lens", "descending")]), options.out / "candidates.csv")
    page = candidates_page(
        sky.images,
        answers["logit_lens"].to_numpy(),
        n=PAGE,
        ids=sky.ids,
        bands=sky.bands,
        kinds=[str(kind).replace("_", "-") for kind in sky.truth["kind"]],
        provenance=provenance_of(answers),
    )
    page.save(options.out)
    best = np.argsort(-answers["logit_lens"].to_numpy(), kind="stable")[:BEST]
    lenses = int(sky.labels[best].sum())
    print(f"{lenses} of the {len(best)} best candidates are lenses; {sky.labels.sum()} were there")
    picture = draw(model, sky.take(best), answers["prob_lens"].to_numpy()[best])
    picture.savefig(options.out / "find_lenses.png", dpi=130)
    written = ("report.html", "find_lenses.png", "candidates.csv")
    print(", ".join(str(options.out / name) for name in written))


def attention_shares(model, cutouts: Cutouts) -> tuple[np.ndarray | None, np.ndarray]:
    """Attention to each position of the images and each column of the table.

    Averaged over the attending tokens, as the logit comes from their mean; 1 is uniform attention.
    """
    inputs = {"images": cutouts.images, "table": cutouts.table}
    named = isinstance(model.input, dict)
    weights, grid = attention_maps(
        model, inputs if named else inputs["images" if len(model.input.shape) == 4 else "table"]
    )
    shares = weights.mean(axis=(1, 2)) * weights.shape[-1]
    if grid is None:
        return None, shares
    positions = grid[0] * grid[1]
    return shares[:, :positions].reshape(-1, *grid), shares[:, positions:]


def heat(attention: np.ndarray, size: tuple[int, int], top: float) -> np.ndarray:
    """Colours for a map of attention as large as the image, clear where little was paid."""
    fine = Image.fromarray(attention.astype(np.float32)).resize(
        size[::-1], Image.Resampling.BICUBIC
    )
    share = np.clip(np.asarray(fine) / top, 0, 1)
    colours = HEAT(share)
    colours[..., 3] = 0.9 * share**0.7
    return colours


def draw(model, best: Cutouts, probabilities: np.ndarray) -> Figure:
    """The candidates in colour, beside what of them was looked at; below, the columns."""
    places, columns = attention_shares(model, best)
    figure = Figure(figsize=(14, 9.5), layout="constrained")
    above, below = (
        figure.subfigures(2, 1, height_ratios=[2.4, 1]) if columns.size else (figure, None)
    )
    above.suptitle("The best candidates (in red what is no lens), and where they were looked at")
    axes = above.subplots(3, 8)
    for axis in axes.flat:
        axis.axis("off")
    top = 1 if places is None else np.percentile(places, 99)
    for k, (left, right) in enumerate(axes.reshape(-1, 2)[: len(best)]):
        kind = str(best.truth["kind"][k])
        left.imshow(colour_image(best.images[k], best.bands), origin="lower")
        left.set_title(
            f"{probabilities[k]:.3f}  {kind.replace('_', '-')}",
            fontsize=11,
            loc="left",
            color="black" if kind == "lens" else "crimson",
        )
        if places is not None:
            flux = np.maximum(best.images[k].mean(axis=2), 0)
            right.imshow(np.arcsinh(5 * flux / flux.std()), cmap="gray_r", origin="lower")
            right.imshow(heat(places[k], best.images.shape[1:3], top), origin="lower")
    if places is not None:
        bar = above.colorbar(ScalarMappable(Normalize(0, top), HEAT), ax=axes, shrink=0.6, pad=0.01)
        bar.set_label("attention (1: all looked at alike)")
    if below is not None:
        order = np.argsort(-columns.mean(axis=0))
        axis = below.subplots()
        axis.boxplot(columns[:, order], widths=0.6, medianprops={"color": "tab:orange"})
        names = [best.columns[k].replace("_", " ") for k in order]
        axis.set_xticks(range(1, len(names) + 1), names, rotation=35, ha="right")
        axis.axhline(1, color="0.7", linestyle=":")
        axis.set(ylabel="attention (1: alike)", title="Which columns of the table were looked at")
        axis.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    main()
