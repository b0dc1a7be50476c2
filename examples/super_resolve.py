"""Super-resolution of lens images: simulate pairs, train for a minute, look at the residuals.

    python examples/super_resolve.py [--model srresnet_1] [--weights NAME] [--out pairs]

The sky is observed twice, with pixels of 0.1 and of 0.05 arcsec, each with its own noise. The
network learns the fine image from the coarse one; given --weights it starts from trained ones. The
noiseless truth is known, so the score can be put between bicubic interpolation and the noise floor,
the score of the truth itself. About two minutes on two cores; writes OUT/report.html and
OUT/super_resolve.png.
"""

import argparse
import logging
from pathlib import Path

from matplotlib.figure import Figure

from lenszoo import load_model
from lenszoo.metrics.interpolation import bicubic
from lenszoo.simulation import SPLIT_START, sample
from lenszoo.training import Recipe, train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", default="srresnet_1")
    parser.add_argument("--weights", help="name or path of weights to start from")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--images", type=int, default=400, help="simulated pairs an epoch")
    parser.add_argument("--test-images", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("pairs"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("lenszoo").setLevel(logging.INFO)
    # the difference from bicubic interpolation is learned fastest
    plain = options.model.startswith("srresnet") and not options.weights
    recipe = Recipe(
        task="super_resolve",
        model=options.model,
        options={"batch_norm": False, "skip": "bicubic"} if plain else {},
        weights=options.weights,
        epochs=options.epochs,
        batch_size=16,
        data={
            "preset": "sr_75_150",
            "images": options.images,
            "patch": 32,
            "patches": 2,
            "val_images": 40,
            "test_images": options.test_images,
        },
        optimizer={
            "name": "adam",
            # trained weights would be lost at a high rate
            "learning_rate": 1e-4 if options.weights else 1e-3,
            "warmup_steps": 20,
            "clip_norm": 1.0,
        },
    )
    scores = train(recipe, options.out).metrics
    print(
        f"PSNR {scores['psnr']:.2f} dB; bicubic {scores['bicubic']['psnr']:.2f}, noise floor "
        f"{scores['floor']['psnr']:.2f}: {100 * scores['share_of_way']:.0f} % of the way"
    )
    model = load_model(options.out)
    picture = draw(model, sample("sr_75_150", 3, seed=12, start=SPLIT_START["test"]))
    picture.savefig(options.out / "super_resolve.png", dpi=160)
    print(f"{options.out / 'super_resolve.png'}, {options.out / 'report.html'}")


def draw(model, sky) -> Figure:
    """One row a class: coarse, bicubic, network, fine, and what each misses of the truth."""
    smooth, made = bicubic(sky.images, 2), model.predict(sky.images, verbose=0)
    titles = ("coarse, 0.1 arcsec", "bicubic", "network", "fine, 0.05 arcsec", "bicubic - truth")
    titles = (*titles, "network - truth")
    figure = Figure(figsize=(13.5, 6.5), layout="constrained")
    axes = figure.subplots(len(sky.images), len(titles))
    for row, name in enumerate(sky.class_names):
        shown = [sky.images[row], smooth[row], made[row], sky.targets[row]]
        left = [smooth[row] - sky.noiseless[row], made[row] - sky.noiseless[row]]
        for axis, image in zip(axes[row], shown, strict=False):
            axis.imshow(image[..., 0], cmap="magma", vmin=0, vmax=1, origin="lower")
        for axis, image in zip(axes[row, 4:], left, strict=True):
            drawn = axis.imshow(image[..., 0], cmap="RdBu_r", vmin=-0.05, vmax=0.05, origin="lower")
        axes[row, 0].set_ylabel(name)
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=10)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    figure.colorbar(drawn, ax=axes[:, -1], shrink=0.6, label="in units of the coarse image's range")
    return figure


if __name__ == "__main__":
    main()
