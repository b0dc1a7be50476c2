"""Count the lenses painted on real galaxies that a lens finder finds, and the galaxies it takes.

    python benchmarks/painted_hosts.py RECIPE [WEIGHTS ...] [--paintings 1000] [--json FILE]

RECIPE is one whose `data.real` paints lenses on galaxies of a survey, such as
lens_finder.des_griz_painted; run this in the folder of its data. The galaxies are those that the
training held out, the lenses drawn by the recipe's law from another seed. A lens is found above the
threshold that 1 % of the non-lenses of the recipe's simulated sky pass, in the test split.
Intervals are bootstraps over the galaxies.
"""

import argparse
import datetime
import json
from pathlib import Path
from typing import Any

import numpy as np
from _machine import describe

from lenszoo.errors import LenszooError
from lenszoo.inference import open_model
from lenszoo.simulation import get_preset, sample_cutouts
from lenszoo.tasks.find_lenses.real_hosts import RealHosts, open_hosts
from lenszoo.tasks.find_lenses.recipe import FindLensesRecipe
from lenszoo.tasks.find_lenses.task import lens_logits
from lenszoo.tasks.recipes import Recipe

SEED, RATE, DRAWS = 2026, 0.01, 1000


def figures(weights: str, held: RealHosts, sky: str, paintings: int, others: int) -> dict[str, Any]:
    """Shares above the threshold of the simulated sky."""
    model = open_model(weights).model
    scenes = sample_cutouts(sky, 2 * others, SEED, "test", columns=())
    negative = lens_logits(model, scenes.images[scenes.known_labels() == 0])
    threshold = float(np.quantile(negative, 1 - RATE, method="higher"))
    images, names = held.paint(paintings, 0, SEED)
    hits, galaxies = lens_logits(model, images) > threshold, np.array(names)
    shares = np.array([hits[galaxies == name].mean() for name in np.unique(galaxies)])
    rng = np.random.default_rng(SEED)
    means = shares[rng.integers(0, len(shares), (DRAWS, len(shares)))].mean(1)
    plain = held.others.images
    assert plain is not None
    return {
        "paintings": len(hits),
        "galaxies": len(plain),
        "found": float(hits.mean()),
        "galaxies_above": int(np.sum(lens_logits(model, np.asarray(plain)) > threshold)),
        "nonlenses": len(negative),
        "intervals": {"found": np.percentile(means, (2.5, 97.5)).tolist()},
        "date": str(datetime.datetime.now(datetime.UTC).date()),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("recipe")
    parser.add_argument("weights", nargs="*")
    parser.add_argument("--paintings", type=int, default=1000)
    parser.add_argument("--nonlenses", type=int, default=2000)
    parser.add_argument("--json", type=Path, help="file of the last ones' figures, for the release")
    options = parser.parse_args()
    recipe = Recipe.load(options.recipe)
    real = recipe.data.real if isinstance(recipe, FindLensesRecipe) else None
    if real is None or real.survey is None:
        raise LenszooError(f"{options.recipe}: give a recipe with data.real.survey.")
    sky = recipe.data.preset or ""
    _, held = open_hosts(real, get_preset(sky))
    print(describe())
    for weights in options.weights:
        report = figures(weights, held, sky, options.paintings, options.nonlenses)
        report["command"] = f"python benchmarks/painted_hosts.py {options.recipe} WEIGHTS"
        low, high = report["intervals"]["found"]
        print(
            f"{weights}: {report['found']:.1%} ({low:.1%} to {high:.1%}) of {report['paintings']} "
            f"lenses painted on {report['galaxies']} real galaxies lie above the threshold that "
            f"1 % of {report['nonlenses']:,} simulated non-lenses pass, and "
            f"{report['galaxies_above']} of these galaxies as they are"
        )
        if options.json is not None:
            options.json.write_text(json.dumps({"real_hosts": report}, indent=2) + "\n")


if __name__ == "__main__":
    main()
