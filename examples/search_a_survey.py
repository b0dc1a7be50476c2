"""Search a survey: make a small sky of two tiles, search its catalogue, look at the candidates.

    python examples/search_a_survey.py [--objects 400] [--workers 0] [--out survey]

The sky is a mosaic of scenes of `lens_finding_hard`, in which 1 object in 20 is a lens, cut into
two tiles that overlap, in g, r and i, with coordinates and zero points in their headers. The
catalogue has a row an object, and a list holds the lenses that are known already. The search cuts
every object out of the tile whose edge is farthest, scores it with weights of the zoo and ranks
all. Called again, it goes on where it was stopped. Less than two minutes on two cores; writes
OUT/tiles, OUT/catalogue.csv, OUT/results and OUT/candidates.png.
"""

import argparse
import logging
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from astropy.io import fits
from astropy.wcs import WCS
from matplotlib.figure import Figure

from lenszoo.reporting.colour import colour_image
from lenszoo.simulation import sample_cutouts
from lenszoo.survey import search

BANDS, PIXELS, SCALE = ("g", "r", "i"), 64, 0.2
WEIGHTS = "lens_finder.hard_sim_image"
RARITY = 20  # objects a lens
BEST = 12
OVERLAP = 2  # cutouts that both tiles show


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--objects", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("survey"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("lenszoo").setLevel(logging.INFO)

    lenses, images = make_sky(options.out, options.objects)
    result = search(
        options.out / "catalogue.csv",
        options.out / "tiles",
        WEIGHTS,
        options.out / "results",
        known_lenses=options.out / "lenses.csv",
        prevalence=1 / RARITY,
        top=50,
        workers=options.workers,
    )
    print(f"{result.scored} of {result.objects} objects scored on {result.tiles} tiles")

    candidates = pq.read_table(options.out / "results" / "candidates.parquet").to_pylist()
    best = candidates[:BEST]
    hits = sum(row["id"] in lenses for row in best)
    marked = sum(row["known"] is not None for row in best)
    print(f"{hits} of the {len(best)} best candidates are lenses, {marked} of them known before")
    draw(best, lenses, images, options.out / "candidates.png")


def make_sky(out: Path, objects: int) -> tuple[set[str], dict[str, np.ndarray]]:
    """Write two tiles, a catalogue and a list of lenses; return the ids of lenses, and cutouts."""
    scenes = sample_cutouts("lens_finding_hard", 2 * objects, seed=5, bands=BANDS, columns=[])
    labels = np.asarray(scenes.labels)
    count = max(1, objects // RARITY)
    chosen = np.concatenate(
        [np.flatnonzero(labels == 1)[:count], np.flatnonzero(labels == 0)[: objects - count]]
    )
    chosen = np.random.default_rng(0).permutation(chosen)
    columns = max(2 * OVERLAP, int(np.ceil(np.sqrt(objects))))
    rows = -(-objects // columns)
    shape = (rows * PIXELS, columns * PIXELS)
    sky = np.random.default_rng(1).normal(0, 0.03, (*shape, len(BANDS))).astype(np.float32)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = [150.0, 2.0], [shape[1] / 2, shape[0] / 2]
    wcs.wcs.cdelt = [-SCALE / 3600, SCALE / 3600]
    lines, listed, lenses, images = ["id,ra,dec"], ["name,ra,dec"], set(), {}
    for k, scene in enumerate(chosen):
        y, x = (k // columns) * PIXELS, (k % columns) * PIXELS
        sky[y : y + PIXELS, x : x + PIXELS] = scenes.images[scene]
        ra, dec = wcs.all_pix2world(x + PIXELS / 2 - 0.5, y + PIXELS / 2 - 0.5, 0)
        name = str(4_000_000_000_000_000_000 + k)
        lines.append(f"{name},{float(ra):.9f},{float(dec):.9f}")
        images[name] = scenes.images[scene]
        if labels[scene]:
            lenses.add(name)
            if len(lenses) % 2:
                listed.append(f"lens {len(lenses)},{float(ra):.6f},{float(dec):.6f}")
    out.mkdir(parents=True, exist_ok=True)
    (out / "catalogue.csv").write_text("\n".join(lines) + "\n")
    (out / "lenses.csv").write_text("\n".join(listed) + "\n")
    middle = columns // 2 * PIXELS
    stretches = {"west": (0, middle + OVERLAP * PIXELS), "east": (middle, shape[1])}
    for tile, (first, last) in stretches.items():
        for b, band in enumerate(BANDS):
            path = out / "tiles" / tile / f"{band}.fits"
            if path.exists():  # the search would take a new file for another tile
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            header = wcs[:, first:last].to_header()
            header["MAGZERO"] = (25.0, "AB magnitude of flux 1")
            fits.writeto(path, np.ascontiguousarray(sky[:, first:last, b]), header)
    return lenses, images


def draw(best: list[dict], lenses: set[str], images: dict[str, np.ndarray], path: Path) -> None:
    """Draw the best candidates in colour, with their probabilities."""
    figure = Figure(figsize=(9, 7), layout="constrained")
    for axes, row in zip(figure.subplots(3, 4).flat, best, strict=False):
        axes.imshow(colour_image(images[row["id"]]), origin="lower")
        truth = "lens" if row["id"] in lenses else "no lens"
        listed = "" if row["known"] is None else f", {row['known']}"
        axes.set_title(f"p = {row['prob_at_prevalence']:.2f}: {truth}{listed}", fontsize=9)
        axes.set_axis_off()
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
