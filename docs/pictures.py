"""Draw the pictures of README.md and of the site: `python docs/pictures.py [NAME ...]`.

Names are those of the files in docs/pictures; by default all are drawn. `report`, `candidates`
and `vetting` are photographs of pages and need Chromium. A minute or two on two cores.
"""

import argparse
import functools
import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from lenszoo import completeness as selection
from lenszoo import load_model, predict
from lenszoo import realism as measure_realism
from lenszoo.evaluation import bicubic, candidates_page, classification_report, grad_cam
from lenszoo.reporting.colour import colour_image
from lenszoo.simulation import (
    SPLIT_START,
    get_preset,
    list_presets,
    paint,
    sample,
    sample_cutouts,
    simulate_galaxies,
)

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "pictures"
CLASSIFIER = "resnet18_slim.common_test_sim_v2"
UPSCALER = "srresnet_1.sr_75_150_sim"
EASY_FINDER, EASY = "lens_finder.easy_sim_image", "lens_finding_easy"
FINDER, HARD = "lens_finder.hard_sim_image", "lens_finding_hard"
TEST = SPLIT_START["test"]
TITLES = {"no": "no substructure", "sphere": "CDM subhalos", "vort": "vortex"}
KINDS = ("companion", "spiral", "ring", "merger", "elliptical")  # of non-lenses
COLUMNS = 8
GAP = 40  # pixels between two sections of a page, at least


def grid(rows: int, columns: int, width: float, height: float) -> tuple[plt.Figure, np.ndarray]:
    """Axes without ticks."""
    figure, axes = plt.subplots(rows, columns, figsize=(width, height), layout="constrained")
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    return figure, axes


def show(axis: plt.Axes, image: np.ndarray, bands: tuple[str, ...] = ("",)) -> None:
    """Draw an image: colours of three bands or more, asinh of a survey's one band, else linear."""
    if image.shape[-1] >= 3:
        axis.imshow(colour_image(image, bands), origin="lower")
        return
    flux = image[..., 0]
    if bands != ("",):
        flux = np.arcsinh(flux / (3 * np.median(np.abs(flux))))
    axis.imshow(flux, cmap="magma", origin="lower")


def common_test_sim() -> plt.Figure:
    """Lenses of the three classes, a row each."""
    sky = sample("common_test_sim", 3 * COLUMNS, seed=4)
    figure, axes = grid(3, COLUMNS, 12, 4.7)
    for row, name in enumerate(sky.class_names):
        for axis, k in zip(axes[row], np.flatnonzero(sky.labels == row), strict=True):
            axis.imshow(sky.images[k, 25:-25, 25:-25, 0], cmap="magma", origin="upper")
        axes[row, 0].set_ylabel(TITLES[name], fontsize=12)
    return figure


def lens_finding_easy() -> plt.Figure:
    """Lenses in the upper two rows, and two non-lenses of a kind in each pair of columns below."""
    name, columns = "lens_finding_easy", 10
    sky = sample(name, 240, seed=11)
    kinds = sky.truth["kind"]
    lenses = np.flatnonzero(sky.labels == 1)[: 2 * columns].reshape(2, -1)
    others = np.concatenate(
        [np.flatnonzero(kinds == kind)[:4].reshape(2, 2) for kind in KINDS], axis=1
    )
    figure, axes = grid(4, columns, 12, 5.1)
    for axis, k in zip(axes.flat, np.concatenate([lenses, others]).flat, strict=True):
        show(axis, sky.images[k, 8:-8, 8:-8], get_preset(name).bands)
    axes[0, 0].set_ylabel("lenses", fontsize=12)
    axes[2, 0].set_ylabel("non-lenses", fontsize=12)
    for column, kind in enumerate(KINDS):
        axes[3, 2 * column].set_xlabel(kind, fontsize=12)
    return figure


def skies() -> plt.Figure:
    """Four images of every preset, their classes in turn."""
    names = list_presets()
    rows = -(-len(names) // 2)
    figure = plt.figure(figsize=(12, 2.07 * rows), layout="constrained")
    parts = figure.subfigures(rows, 2, wspace=0.03, hspace=0.02).flat
    for name, part in zip(names, parts, strict=False):
        preset = get_preset(name)
        sky = sample(name, 40, seed=8)
        classes = np.arange(4) % len(sky.class_names)
        shown = [np.flatnonzero(sky.labels == c)[j] for j, c in enumerate(classes)]
        for axis, k in zip(part.subplots(1, 4), shown, strict=True):
            show(axis, sky.images[k], preset.bands)
            axis.set(xticks=[], yticks=[])
            axis.set_xlabel(sky.class_names[sky.labels[k]], fontsize=9)
        side = preset.image_shape[0]
        part.suptitle(
            f"{name}: {side} pixels of {preset.pixel_scale:g} arcsec", fontsize=10, weight="bold"
        )
    return figure


def grad_cam_maps() -> plt.Figure:
    """Images of each class and the pixels that raise the score of the predicted class."""
    sky = sample("common_test_sim", 12, seed=31, start=TEST)
    model = load_model(CLASSIFIER)
    maps = grad_cam(model, sky.images)
    predicted = predict(model, sky)["predicted"].to_pylist()
    order = np.argsort(sky.labels, kind="stable")
    order = np.concatenate([order[sky.labels[order] == c][:3] for c in range(3)])
    figure, axes = grid(2, len(order), 12, 3.2)
    for column, k in enumerate(order):
        image = sky.images[k, 25:-25, 25:-25, 0]
        axes[0, column].imshow(image, cmap="magma", origin="lower")
        axes[1, column].imshow(image, cmap="gray", origin="lower")
        axes[1, column].imshow(
            maps[k, 25:-25, 25:-25], cmap="inferno", alpha=0.6, origin="lower", vmin=0
        )
        axes[0, column].set_title(TITLES[sky.class_names[sky.labels[k]]], fontsize=9)
        axes[1, column].set_xlabel(f"predicted: {predicted[k]}", fontsize=8)
    return figure


def super_resolution() -> plt.Figure:
    """A row a class: coarse, bicubic, network, fine, and the difference of both to the truth."""
    sky = sample("sr_75_150", 3, seed=12, start=TEST)
    smooth, sharp = bicubic(sky.images, 2), load_model(UPSCALER).predict(sky.images, verbose=0)
    titles = ("coarse, 0.1 arcsec", "bicubic", "network", "fine, 0.05 arcsec")
    titles = (*titles, "bicubic - truth", "network - truth")
    figure, axes = grid(len(sky.images), len(titles), 12, 6.1)
    for row, name in enumerate(sky.class_names):
        for axis, image in zip(
            axes[row], (sky.images[row], smooth[row], sharp[row], sky.targets[row]), strict=False
        ):
            axis.imshow(image[..., 0], cmap="magma", vmin=0, vmax=1, origin="lower")
        for axis, image in zip(axes[row, 4:], (smooth[row], sharp[row]), strict=True):
            left = (image - sky.noiseless[row])[..., 0]
            drawn = axis.imshow(left, cmap="RdBu_r", vmin=-0.05, vmax=0.05, origin="lower")
        axes[row, 0].set_ylabel(TITLES[name], fontsize=10)
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=10)
    figure.colorbar(drawn, ax=axes[:, -1], shrink=0.6, label="of the coarse image's range")
    return figure


def chromium() -> str:
    """The path of the browser."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        raise SystemExit("photographs of pages need Chromium: install it, or name other pictures.")
    return browser


def photograph(page: Path, width: int, height: int) -> Image.Image:
    """The upper part of a page as Chromium shows it."""
    png = page.with_suffix(".png")
    command = [chromium(), "--headless=new", "--no-sandbox", "--hide-scrollbars", "--disable-gpu"]
    command += [f"--window-size={width},{height}", f"--screenshot={png}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True)
    return Image.open(png).convert("RGB")


def whole_sections(page: Image.Image) -> Image.Image:
    """A picture of a page without what its lower edge cuts: it ends in the last wide gap."""
    pixels = np.asarray(page)
    inked = np.flatnonzero((pixels != pixels[0, 0]).any((1, 2)))
    gaps = np.flatnonzero(np.diff(inked) > GAP)
    cut = bool(len(gaps)) and inked[-1] == len(pixels) - 1
    return page.crop((0, 0, page.width, int(inked[gaps[-1]]) + GAP)) if cut else page


def report() -> Image.Image:
    """The page of a classifier's report."""
    sky = sample("common_test_sim", 600, seed=20, start=TEST)
    table = predict(CLASSIFIER, sky)
    logits = np.stack([table[f"logit_{name}"] for name in sky.class_names], axis=1)
    page = classification_report(
        sky.labels, logits, sky.class_names, images=sky.images, title=CLASSIFIER
    )
    with tempfile.TemporaryDirectory() as folder:
        page.save(folder)
        return whole_sections(photograph(Path(folder, "report.html"), 1000, 1500))


def candidates() -> Image.Image:
    """The best candidates among simulated objects of which 1 in 20 is a lens."""
    rarity, n = 20, 1000
    sky = sample(HARD, 2 * n, seed=5, start=TEST)
    lenses, others = (np.flatnonzero(sky.labels == label) for label in (1, 0))
    chosen = np.sort(np.concatenate([lenses[: n // rarity], others[: n - n // rarity]]))
    table = predict(FINDER, sky.images[chosen], bands=[1, 2, 3])  # g, r and i
    page = candidates_page(
        sky.images[chosen],
        np.asarray(table["logit_lens"]) - np.asarray(table["logit_nonlens"]),
        n=20,
        ids=[f"object {k}" for k in chosen],
        bands=get_preset(HARD).bands,
        kinds=[sky.class_names[label] for label in sky.labels[chosen]],
    )
    with tempfile.TemporaryDirectory() as folder:
        page.save(folder)
        return photograph(Path(folder, "report.html"), 1000, 1350)


@functools.cache
@cache
def vetting() -> tuple[Image.Image, Image.Image]:
    """The page on which candidates of a simulated sky are graded, here by the truth."""
    from playwright.sync_api import sync_playwright

    from lenszoo.survey import search
    from lenszoo.vetting import open_session

    sys.path.insert(0, str(ROOT / "examples"))
    from search_a_survey import make_sky

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        out = Path(folder)
        lenses, _ = make_sky(out, 1600)
        places = (out / "catalogue.csv", out / "tiles", FINDER, out / "results")
        search(*places, known_lenses=out / "lenses.csv", top=1000)
        session = open_session(out / "results")
        command = [sys.executable, "-m", "lenszoo", "vet", str(out / "results"), "--port", "0"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        address = server.stdout.readline().split()[-1]
        browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(address)
        page.fill("#name", "Ada")
        page.keyboard.press("Enter")
        page.wait_for_selector(".cell img")
        page.locator("#size").fill("120")
        page.locator("#size").blur()
        for k, name in enumerate(session.candidates.ids[:48]):
            page.keyboard.press("AAB"[k % 3] if name in lenses else "XXC"[k % 3])
        shots = []
        for key in ("Home", "Enter"):
            page.keyboard.press(key)
            page.wait_for_timeout(2000)
            shots.append(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
        browser.close()
        server.terminate()
        return shots[0], shots[1]


def painted() -> plt.Figure:
    """Galaxies of a survey in the upper two rows, and the same with painted arcs below."""
    galaxies = simulate_galaxies("cfhtls_gri", 2 * COLUMNS, seed=5)
    lenses = paint(galaxies, seed=4)
    figure, axes = grid(4, COLUMNS, 12, 6.2)
    images = np.concatenate([galaxies.images[lenses.rows], lenses.images])
    for axis, image in zip(axes.flat, images, strict=True):
        show(axis, image, galaxies.survey.names)
    axes[0, 0].set_ylabel("galaxies", fontsize=12)
    axes[2, 0].set_ylabel("painted", fontsize=12)
    return figure


def completeness() -> Image.Image:
    """Selection function of a finder on simulated galaxies of KiDS."""
    galaxies = simulate_galaxies("kids_ugri", 400, seed=1)
    with tempfile.TemporaryDirectory() as folder:
        selection(FINDER, "kids_ugri", galaxies, folder, per_bin=40)
        return Image.open(Path(folder, "map.png")).convert("RGB").copy()


def realism() -> Image.Image:
    """Pictures that tell painted lenses from those of a simulated sky."""
    cutouts = sample_cutouts(EASY, 400, seed=3)
    lenses = paint(simulate_galaxies("kids_ugri", 200, seed=3), seed=1)
    real = cutouts.images[cutouts.labels == 1]
    painted = lenses.images * 10 ** (0.4 * 25)  # from KiDS' zero point, 0, to the sky's
    report = measure_realism(real, painted, EASY_FINDER, bands=(1, 2, 3))
    figure = next(figure for figure in report.figures if figure.name == "telling")
    drawn = Image.open(io.BytesIO(figure.png)).convert("RGB")
    return drawn.resize((1200, 1200 * drawn.height // drawn.width))


PICTURES: dict[str, Callable[[], plt.Figure | Image.Image]] = {
    "common_test_sim": common_test_sim,
    "lens_finding_easy": lens_finding_easy,
    "painted": painted,
    "completeness": completeness,
    "realism": realism,
    "skies": skies,
    "grad_cam": grad_cam_maps,
    "super_resolution": super_resolution,
    "report": report,
    "candidates": candidates,
    "vetting_grid": lambda: vetting()[0],
    "vetting_single": lambda: vetting()[1],
}


def save(drawn: plt.Figure | Image.Image, path: Path) -> None:
    """Write a WebP file, a fifth of the size of PNG."""
    if isinstance(drawn, plt.Figure):
        with io.BytesIO() as png:
            drawn.savefig(png, dpi=110)
            drawn = Image.open(png).convert("RGB")
    drawn.save(path, quality=88, method=6)


def main() -> int:
    """Draw the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    names = parser.parse_args().names or list(PICTURES)
    FOLDER.mkdir(exist_ok=True)
    for name in names:
        save(PICTURES[name](), FOLDER / f"{name}.webp")
        print(FOLDER / f"{name}.webp")
    return 0


if __name__ == "__main__":
    sys.exit(main())
