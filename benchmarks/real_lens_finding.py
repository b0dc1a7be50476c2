"""Score lens finders that were trained on simulations on real and challenge images.

    python benchmarks/real_lens_finding.py FOLDER [WEIGHTS ...]

FOLDER holds either or both of

- ``bologna/``: ground_classifications.csv and space_classifications.csv of challenge 1 (Metcalf et
  al. 2019, arXiv:1802.03609), and below samples/ the cutouts of some of their objects. Prints the
  AUC of every column alone and what the leak check says. Weights score the cutouts in their bands,
  cut to their size, with a table measured on them: too few to measure a network by, so that counts
  and intervals stand beside every score.
- ``sled_ps1_grizy_64.npz``: x (n, 64, 64, 5), known strong lenses (SLED) as Pan-STARRS1 shows
  them, 0.25 arcsec a pixel, with kind, image_sep, centre_snr and bands. There are no others beside
  them, and galaxies of another survey would be told apart by the survey: no AUC, but what the
  probabilities are, by kind and by separation of the images. The stacks have no zero point here:
  each band is scaled to the noise of the sky that is simulated.

Each of WEIGHTS is a name or a run folder, of the image or of both branches, first those before an
adaptation. Use none of these scores to choose anything.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
from _machine import describe

from lenszoo.data import Cutouts, find_leaks, measure, read_catalogue
from lenszoo.data.dataset import as_inputs
from lenszoo.evaluation import roc_auc
from lenszoo.inference import open_model
from lenszoo.simulation import sample_cutouts
from lenszoo.tasks.evaluate import evaluate
from lenszoo.tasks.find_lenses.adapt_batches import sky_noise

# pixel scales: Metcalf et al. 2019, section 3
SETS = {"ground": 0.2, "space": 0.1}
SKY = "lens_finding_easy"  # whose noise the weights know
SLED = "sled_ps1_grizy_64.npz"


def columns_alone(kind: str, folder: Path) -> None:
    """Print what each column of a table tells alone."""
    read = read_catalogue(
        folder / f"{kind}_classifications.csv", layout=f"bologna_{kind}", table_only=True
    )
    counts = read.class_counts()
    print(f"{kind}: {counts['lens']:,} lenses, {counts['nonlens']:,} non-lenses")
    leaks = {leak.column: leak for leak in find_leaks(read.table, read.columns, read.labels)}
    for column, values in zip(read.columns, read.table.T, strict=True):
        finite = np.isfinite(values)
        auc = roc_auc(read.labels[finite], values[finite])
        said = f"LEAK: {leaks[column]}" if column in leaks else "no leak found"
        print(f"  {column:<28} AUC {auc:.4f} on {finite.sum():,}  {said}")


def few_cutouts(kind: str, folder: Path) -> Cutouts:
    """The objects of a table of which all bands are there, without the table's own columns."""
    read = read_catalogue(
        folder / f"{kind}_classifications.csv",
        images=folder / "samples" / f"{kind}_based",
        layout=f"bologna_{kind}",
        columns=(),
        on_missing="skip",
    )
    return dataclasses.replace(
        read, bands=tuple(b if b == "VIS" else b.lower() for b in read.bands)
    )


def prepared(
    read: Cutouts, bands: tuple[str, ...], shape: tuple[int, ...], pixel_scale: float
) -> Cutouts:
    """Cutouts in some bands with the table that is measured on them, then cut to a size."""
    images = read.images[..., [read.bands.index(band) for band in bands]]
    measured = measure(images, pixel_scale=pixel_scale, bands=bands)
    height, width = (n or m for n, m in zip(shape, images.shape[1:3], strict=False))
    top, left = ((m - n) // 2 for m, n in zip(images.shape[1:3], (height, width), strict=True))
    return dataclasses.replace(
        read,
        bands=bands,
        images=images[:, top : top + height, left : left + width],
        table=np.stack(list(measured.values()), axis=1),
        columns=tuple(measured),
    )


def score(name: str, sets: dict[str, Cutouts]) -> None:
    """Print what a lens finder makes of the cutouts of its bands."""
    opened = open_model(name)
    shape = opened.takes.get("images")
    bands = opened.bands or ({4: tuple("ugri"), 1: ("VIS",)}.get(shape[2], ()) if shape else ())
    kinds = [kind for kind, read in sets.items() if set(bands) <= set(read.bands)] if bands else []
    if not kinds:
        print(f"{name}: takes neither some of u, g, r, i nor VIS")
    for kind in kinds:
        read = prepared(sets[kind], bands, shape or (), SETS[kind])
        metrics = evaluate(opened, read).metrics
        lenses, others = metrics["lenses"], metrics["nonlenses"]
        print(f"{name} on {kind}: {lenses} lenses and {others} non-lenses, too few to say much")
        for which, each in metrics["by_score"].items():
            low, high = each["intervals"]["auc"]
            print(f"  {which:<16} AUC {each['auc']:.3f} (95 %: {low:.2f} to {high:.2f})")


def known_lenses(file: Path, name: str) -> None:
    """Print the probabilities of a lens finder for lenses of Pan-STARRS1."""
    opened = open_model(name)
    takes = opened.takes
    with np.load(file) as held:
        arrays = {key: held[key] for key in held.files}
    have = list(arrays["bands"])
    if "images" not in takes or not opened.bands or not set(opened.bands) <= set(have):
        print(f"{name}: takes not images in some of the bands {', '.join(have)}")
        return
    images = arrays["x"][..., [have.index(band) for band in opened.bands]]
    whole = np.isfinite(images).all(axis=(1, 2, 3))
    images = images[whole]
    sky = sample_cutouts(SKY, 256, bands=opened.bands, columns=())
    images = images * (sky_noise(sky.images) / sky_noise(images))
    table = None
    if "table" in takes:
        read = measure(images, pixel_scale=0.25, bands=opened.bands)
        table = np.stack([read[column] for column in opened.columns], axis=1)
    logits = opened.model.predict(as_inputs(images, table), batch_size=128, verbose=0)[:, 0]
    print(f"{name} on {whole.sum()} lenses of SLED ({(~whole).sum()} with gaps left out)")
    separation, kind = arrays["image_sep"][whole], arrays["kind"][whole]
    noisy = arrays["centre_snr"][whole] < np.median(arrays["centre_snr"][whole])
    groups = {"all": np.full(len(logits), True)}
    groups |= {str(each): kind == each for each in np.unique(kind)}
    groups |= {
        "separation below 1.5 arcsec": separation < 1.5,
        "separation 1.5 to 3 arcsec": (separation >= 1.5) & (separation < 3),
        "separation from 3 arcsec": separation >= 3,
        "fainter half": noisy,
        "brighter half": ~noisy,
    }
    for group, rows in groups.items():
        probability = 1 / (1 + np.exp(-logits[rows].astype(np.float64)))
        low, middle, high = np.quantile(probability, (0.16, 0.5, 0.84))
        print(
            f"  {group:<28} {rows.sum():>4}  probability {middle:.3f} ({low:.3f} to {high:.3f}), "
            f"above one half {np.mean(probability > 0.5):.0%}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights", nargs="*")
    options = parser.parse_args()
    print(describe())
    if (bologna := options.folder / "bologna").is_dir():
        for kind in SETS:
            columns_alone(kind, bologna)
        sets = {kind: few_cutouts(kind, bologna) for kind in SETS} if options.weights else {}
        for name in options.weights:
            score(name, sets)
    if (sled := options.folder / SLED).is_file():
        for name in options.weights:
            known_lenses(sled, name)


if __name__ == "__main__":
    main()
