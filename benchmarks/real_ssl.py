"""Pretexts on real lenses: label efficiency of lensed galaxies against lensed quasars.

    python benchmarks/real_ssl.py FOLDER OUT [--epochs 20] [--seeds 5] [--finders WEIGHTS ...]

FOLDER holds ``sled_ps1_grizy_64.npz``, known lenses as Pan-STARRS1 shows them (x (n, 64, 64, 5) in
g r i z y, kind), and, where it has it, ``cosmos_acs_f814w_168.npz``, galaxies of HST (x (n, 168,
168)). Their images without labels and as many simulated ones are the pool of every pretext. Then
the backbone is frozen, and a linear head learns from 50 to 400 labels whether a lens of SLED is a
galaxy or a quasar: both were seen by one telescope, so that no survey is told from another. The
head is scored on a third of the lenses that no head has seen; the pretexts have seen their images,
not their kinds.

Beside the pretexts stand the random start and a network of the same size that learned lenses from
non-lenses on the simulation, with labels, in as many steps. With --finders also released lens
finders, which learned lenses of another kind of simulation from non-lenses, in fluxes: those of g,
r and i on Space Warps (below), others on SLED in their own bands. The others look at g, r and i,
HST's one band thrice; each band is brought to asinh(flux / 3 sigma of its sky) and the brightest
pixel to 1. All features are means over the eight turns of an image. NaN pixels get the median of
their band. Runs are folders below OUT; one that is finished is not trained again. Writes
OUT/table.md and OUT/label_efficiency.png.

Where FOLDER holds ``spacewarps_dev.npz``, see benchmarks/space_warps.py, the same networks are also
compared on these candidates of CFHTLS, which none of them has seen: a head learns lenses from
look-alikes with 50 labels and is scored on the other candidates, for 20 draws of the labels. There
statistics of the images stand beside the networks, alone and with the features of each.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from _machine import describe
from space_warps import Candidates

from lenszoo import build_model, embed, load_model
from lenszoo.data import Dataset
from lenszoo.data.batches import Batches
from lenszoo.data.checks import apply_policy
from lenszoo.evaluation import label_efficiency_markdown, plot_label_efficiency, roc_auc
from lenszoo.files import write_bytes
from lenszoo.inference import open_model
from lenszoo.metrics.shortcut import global_statistics
from lenszoo.simulation import sample_cutouts
from lenszoo.tasks.classify.task import ClassifyTask
from lenszoo.tasks.find_lenses.adapt_batches import sky_noise
from lenszoo.tasks.pretext.data import held_pool
from lenszoo.tasks.pretext.task import PretextTask
from lenszoo.tasks.sources import TrainingData
from lenszoo.training import (
    LogisticHead,
    Recipe,
    frozen_features,
    label_efficiency,
    nested_subsets,
    train,
)

METHODS = ("rotation", "denoising", "contrastive", "simsiam")
KINDS = ("lensed_galaxies", "lensed_quasars")
SKY, BANDS, SIDE = "lens_finding_hard", ("g", "r", "i"), 64
COUNTS = (50, 100, 200, 400)
SPACE_WARPS = "spacewarps_dev.npz"
FEW, DRAWS = 50, 20  # labels of Space Warps and how often they are drawn


def seen(images: np.ndarray) -> np.ndarray:
    """Images (n, H, W, bands) as every network is shown them, in [0, 1]."""
    shown = np.empty(images.shape, np.float32)
    for i, image in enumerate(images):
        flux = image - np.median(image, axis=(0, 1))
        sigma = np.maximum(sky_noise(flux[None]), 1e-12)
        bright = np.arcsinh(np.maximum(flux, 0.0) / (3.0 * sigma))
        shown[i] = bright / max(float(bright.max()), 1e-12)
    return shown


def filled(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images with NaN pixels filled by the band's median; which (n,) have values in every band."""
    whole = np.isfinite(images).any(axis=(1, 2)).all(axis=-1)
    mended = images[whole].astype(np.float32)
    apply_policy(mended, [str(i) for i in np.flatnonzero(whole)], "fill")
    return mended, whole


def sled(folder: Path, bands: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Lenses of SLED in some bands, and their kinds: 0 galaxy, 1 quasar, -1 other.

    All have values in g, r and i; another band without any is taken for the one before.
    """
    with np.load(folder / "sled_ps1_grizy_64.npz") as held:
        names, x, kind = list(held["bands"]), held["x"], held["kind"]
    labels = np.full(len(kind), -1)
    for label, name in enumerate(KINDS):
        labels[kind == name] = label
    whole = np.isfinite(x[..., [names.index(band) for band in BANDS]]).any((1, 2)).all(-1)
    x = x[whole].astype(np.float32)
    for b in range(1, x.shape[-1]):
        empty = ~(np.isfinite(x[..., b]).any((1, 2)) & (np.nanstd(x[..., b], (1, 2)) > 0))
        x[empty, ..., b] = x[empty, ..., b - 1]
    x, _ = filled(x)
    return x[..., [names.index(band) for band in bands]], labels[whole]


def looks_at(weights: str) -> tuple[str, ...]:
    """Bands of a released lens finder."""
    return tuple(open_model(weights).bands or BANDS)


def finder_features(weights: str, folder: Path) -> np.ndarray:
    """Features of SLED's lenses by a released lens finder."""
    images, _ = sled(folder, looks_at(weights))
    return embed(weights, images, tta=True)


def drawn_aucs(features: np.ndarray, labels: np.ndarray) -> list[float]:
    """AUC on all other images of a head that has seen few labels, for each draw of these."""
    aucs = []
    for seed in range(DRAWS):
        chosen = nested_subsets(labels, [FEW], seed)[0]
        others = np.setdiff1d(np.arange(len(labels)), chosen)
        head = LogisticHead().fit(features[chosen], labels[chosen], seed)
        aucs.append(float(roc_auc(labels[others], head.logits(features[others]))))
    return aucs


def space_warps(
    candidates: Candidates, networks: dict[str, keras.Model], finders: list[str]
) -> str:
    """Table of the AUC with few labels on Space Warps, with and without image statistics."""
    labels, images = candidates.lens.astype(np.int64), seen(candidates.images)
    statistics = global_statistics(images)
    features = {k: frozen_features(net, images, tta=True) for k, net in networks.items()}
    for name in finders:
        if looks_at(name) == BANDS:
            features[name] = embed(name, candidates.images, tta=True, any_scale=True)
    columns = {"image statistics": (statistics, None)}
    columns |= {k: (v, np.hstack([v, statistics])) for k, v in features.items()}
    lines = ["| | alone | with image statistics |", "|---|---:|---:|"]
    for name, sets in columns.items():
        aucs = [drawn_aucs(x, labels) for x in sets if x is not None]
        cells = [f"{np.mean(a):.3f} ± {np.std(a, ddof=1):.3f}" for a in aucs] + [""]
        lines.append(f"| {name} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def hst(folder: Path) -> np.ndarray:
    """The middles of galaxies of HST, one band three times; none where the file is not there."""
    file = folder / "cosmos_acs_f814w_168.npz"
    if not file.is_file():
        return np.empty((0, SIDE, SIDE, len(BANDS)), np.float32)
    with np.load(file) as held:
        x = held["x"]
    at = (x.shape[1] - SIDE) // 2
    middle, _ = filled(x[:, at : at + SIDE, at : at + SIDE, None])
    return seen(np.repeat(middle, len(BANDS), axis=3))


def settings(options: argparse.Namespace) -> dict:
    """Settings of all trainings."""
    return {
        "model": options.model,
        "epochs": options.epochs,
        "batch_size": 64,
        "optimizer": {"learning_rate": 1e-3, "warmup_steps": 50, "clip_norm": 1.0},
    }


def pretext(method: str, pool: np.ndarray, options: argparse.Namespace) -> keras.Model:
    """A backbone after a pretext on the pool."""
    own = {"contrastive": {"contrastive": {"loss": "nt_xent"}}}.get(method, {})
    data = {"images_in": str(options.folder), "val_fraction": 0.1}
    recipe = Recipe(task="pretext", method=method, data=data, **own, **settings(options))
    task = PretextTask(recipe, held_pool(recipe, pool, {"images_in": str(options.folder)}))
    train(recipe, options.out / method, task=task)
    return load_model(options.out / method)


def supervised(images: np.ndarray, labels: np.ndarray, options: argparse.Namespace) -> keras.Model:
    """A backbone that learned lenses from non-lenses on the simulation."""
    held = len(images) // 10
    recipe = Recipe(data={"preset": SKY}, **settings(options))
    everything = Dataset(tuple(map(str, range(len(images)))), images, labels=labels)
    training = everything.take(np.arange(held, len(images)))

    def epoch(e: int):
        return Batches(training, 64, seed=0, epoch=e, augment="d4")

    source = TrainingData(
        len(training),
        epoch,
        lambda: everything.take(np.arange(held)),
        None,
        {},
        image_shape=images.shape[1:],
        class_names=("nonlens", "lens"),
    )
    train(recipe, options.out / "supervised", task=ClassifyTask(recipe, source))
    return load_model(options.out / "supervised")


def main() -> None:
    """Train, look, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="resnet18_slim")
    parser.add_argument("--epochs", type=int, default=20, help="passes over the pool")
    parser.add_argument("--images", type=int, default=850, help="simulated images in the pool")
    parser.add_argument("--seeds", type=int, default=5, help="draws of the labels")
    parser.add_argument("--finders", nargs="+", default=[], metavar="WEIGHTS")
    parser.add_argument("--methods", nargs="*", default=METHODS, choices=METHODS)
    options = parser.parse_args()
    lenses, kinds = sled(options.folder, BANDS)
    lenses = seen(lenses)
    real = np.concatenate([lenses, hst(options.folder)])
    simulated = sample_cutouts(SKY, len(real) + options.images, seed=5, bands=BANDS, columns=())
    shown = seen(simulated.images)
    pool = np.concatenate([real, shown[: options.images]])
    print(f"{describe()}\npool: {len(real)} real images, {options.images} simulated", flush=True)

    shape = (SIDE, SIDE, len(BANDS))
    keras.utils.set_random_seed(0)
    backbones = {"random start": build_model(options.model, input_shape=shape)}
    # as many images as the pool has, so as many steps
    backbones["simulation, labels"] = supervised(shown, simulated.labels, options)
    for method in options.methods:
        backbones[method] = pretext(method, pool, options)

    rows = np.flatnonzero(kinds >= 0)
    order = np.random.Generator(np.random.Philox(11)).permutation(rows)
    test, labelled = order[: len(order) // 3], order[len(order) // 3 :]
    features = {name: frozen_features(net, lenses, tta=True) for name, net in backbones.items()}
    features |= {
        name: finder_features(name, options.folder)
        for name in options.finders
        if looks_at(name) != BANDS
    }
    table = label_efficiency(
        {name: (vectors[labelled], vectors[test]) for name, vectors in features.items()},
        kinds[labelled],
        kinds[test],
        counts=[n for n in COUNTS if n <= len(labelled)],
        seeds=options.seeds,
    )
    text = (
        f"{describe()}\n{options.model}, {options.epochs} epochs of {len(pool):,} images; "
        f"{len(labelled)} lenses to draw labels from, {len(test)} to score on "
        f"({int(kinds[test].sum())} quasars); {options.seeds} draws.\n\n"
        f"{label_efficiency_markdown(table)}\n"
    )
    if (options.folder / SPACE_WARPS).is_file():
        candidates = Candidates(options.folder / SPACE_WARPS)
        counts = f"{candidates.lens.sum()} lenses, {(~candidates.lens).sum()} look-alikes"
        rows = space_warps(candidates, backbones, options.finders)
        text += f"\nSpace Warps: {counts}; {FEW} labels, {DRAWS} draws.\n\n{rows}\n"
    write_bytes(options.out / "table.md", text.encode())
    plot_label_efficiency(table, title="Lensed galaxy or quasar").savefig(
        options.out / "label_efficiency.png", dpi=150
    )
    print(text)


if __name__ == "__main__":
    main()
