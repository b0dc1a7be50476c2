"""Count the known lenses in Pan-STARRS1 that lens finders find at one false positive in a hundred.

    python benchmarks/pan_starrs_lenses.py FILE [WEIGHTS ...] [--json FILE]

FILE is an npz of known strong lenses (SLED) in stacks of Pan-STARRS1: x (n, 64, 64, 5), 0.25 arcsec
a pixel; bands; kind; and image_sep, the separation of their images [arcsec], NaN where unknown.
Each of WEIGHTS is a name or a run folder, of images in some of the bands. A lens is found above the
threshold that 1 % of the non-lenses of the simulated sky lens_finding_ps1 pass, in the test split.
Most of these are look-alikes; beside stands the threshold that 1 % of their early types with
neighbours pass, the galaxies that lenses are painted on. The stacks have no zero point here: each
band of each image is scaled to the noise of the simulated sky. Bad pixels are filled with the
median of their band.

Printed are shares by separation and kind, with Wilson's intervals. Lenses wider than 10 arcsec are
those of clusters, whose arcs lie outside the cutouts; those narrower than 1.5 arcsec cannot be told
from a galaxy in this seeing. Use none of these scores to choose anything.
"""

import argparse
import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from _machine import describe

from lenszoo.data.input_scale import measure_each
from lenszoo.inference import open_model
from lenszoo.inference.loaded_model import OpenedModel
from lenszoo.metrics.intervals import wilson_interval
from lenszoo.simulation import sample_cutouts
from lenszoo.tasks.find_lenses.task import lens_logits

SKY, SEED, RATE = "lens_finding_ps1", 2026, 0.01
WIDE, CLUSTERS, BLENDED = 3.0, 10.0, 1.5  # separations [arcsec]


class Lenses:
    """The known lenses of a file, their images filled and scaled."""

    def __init__(self, file: Path, noise: np.ndarray) -> None:
        with np.load(file) as held:
            self.bands, self.kind = tuple(map(str, held["bands"])), held["kind"]
            self.separation, images = held["image_sep"], held["x"].astype(np.float32)
        middle = np.nanmedian(images, (1, 2), keepdims=True)
        images = np.where(np.isfinite(images), images, np.nan_to_num(middle))
        own = measure_each(images).noise
        self.images = images * np.where(own > 0, noise / own, 1.0)[:, None, None].astype(np.float32)

    def groups(self) -> Iterator[tuple[str, np.ndarray]]:
        """Names and rows of groups of lenses."""
        separation, wide = self.separation, self.separation >= WIDE
        yield "separation from 3 arcsec", wide
        yield "of these, below 10 arcsec", wide & (separation < CLUSTERS)
        for kind in np.unique(self.kind):
            name = str(kind).replace("_", " ")
            yield f"of these, {name}", wide & (separation < CLUSTERS) & (self.kind == kind)
        yield "separation 1.5 to 3 arcsec", (separation >= BLENDED) & ~wide
        yield "separation below 1.5 arcsec", separation < BLENDED
        yield "all", np.full(len(separation), True)


def in_bands(images: np.ndarray, have: tuple[str, ...], opened: OpenedModel) -> np.ndarray:
    """Images in the bands of a model."""
    return images[..., [have.index(band) for band in opened.bands or have]]


def figures(
    opened: OpenedModel, lenses: Lenses, others: np.ndarray, early: np.ndarray
) -> dict[str, Any]:
    """Shares that are found, by group of lenses; early marks the early types among the others."""
    scores = lens_logits(opened.model, in_bands(lenses.images, lenses.bands, opened))
    negative = lens_logits(opened.model, in_bands(others, lenses.bands, opened))
    threshold, galaxies = (
        float(np.quantile(part, 1 - RATE, method="higher")) for part in (negative, negative[early])
    )
    groups = {}
    for name, rows in lenses.groups():
        n = int(rows.sum())
        if not n:
            continue
        hits, early_hits, halves = (
            int(np.sum(scores[rows] > limit)) for limit in (threshold, galaxies, 0.0)
        )
        low, high = (float(limit) for limit in np.ravel(wilson_interval(hits, n)))
        groups[name] = {
            "n": n,
            "found": hits / n,
            "found_among_early_types": early_hits / n,
            "above_half": halves / n,
            "intervals": {"found": [low, high]},
        }
    return {
        "nonlenses": len(others),
        "false_positive_rate": RATE,
        "early_types": int(early.sum()),
        "threshold": float(1 / (1 + np.exp(-threshold))),
        "early_type_threshold": float(1 / (1 + np.exp(-galaxies))),
        "nonlenses_above_half": float(np.mean(negative > 0)),
        "groups": groups,
    }


def show(name: str, report: dict[str, Any]) -> None:
    """Print the figures of a lens finder."""
    print(
        f"{name}: 1 % of {report['nonlenses']:,} non-lenses lie above p = "
        f"{report['threshold']:.3f} and {report['nonlenses_above_half']:.1%} above one half; 1 % "
        f"of their {report['early_types']} early types above {report['early_type_threshold']:.3f}"
    )
    for group, part in report["groups"].items():
        low, high = part["intervals"]["found"]
        print(
            f"  {group:<32} {part['n']:>4}  found {part['found']:.0%} ({low:.0%} to {high:.0%}), "
            f"among early types {part['found_among_early_types']:.0%}, above one half "
            f"{part['above_half']:.0%}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("weights", nargs="*")
    parser.add_argument("--nonlenses", type=int, default=2000)
    parser.add_argument("--json", type=Path, help="file of the last ones' score, for the release")
    options = parser.parse_args()
    print(describe())
    sky = sample_cutouts(SKY, 2 * options.nonlenses, SEED, "test", columns=())
    rows = sky.known_labels() == 0
    others, early = sky.images[rows], sky.truth["kind"][rows] == "elliptical"
    lenses = Lenses(options.file, np.median(measure_each(others).noise, 0))
    for weights in options.weights:
        opened = open_model(weights)
        if not set(opened.bands or lenses.bands) <= set(lenses.bands):
            print(f"{weights}: takes bands beside {', '.join(lenses.bands)}")
            continue
        report = figures(opened, lenses, others, early)
        show(weights, report)
    if options.json is not None:
        about = {
            "date": str(datetime.datetime.now(datetime.UTC).date()),
            "command": "python benchmarks/pan_starrs_lenses.py FILE",
            "weights_sha256": opened.provenance["weights_sha256"],
        }
        options.json.write_text(json.dumps({"pan_starrs": report | about}, indent=2) + "\n")


if __name__ == "__main__":
    main()
