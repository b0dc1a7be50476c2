"""``lenszoo pretrain``: a backbone learns from images without labels."""

import sys
from typing import Annotated, Any, Literal

import typer

from lenszoo.cli._options import OnBad, OutFolder, check_images
from lenszoo.cli._verb import verb


@verb(backend=True, stopped="stopped; the same command goes on from the last whole epoch.")
def pretrain(
    model: Annotated[
        str, typer.Argument(help="A classifier, see `lenszoo models --task classify`.")
    ],
    out: OutFolder,
    method: Annotated[
        Literal["rotation", "denoising", "contrastive", "simsiam"],
        typer.Option(
            help="rotation: by which quarter turn is the image turned; denoising: how strong is "
            "the noise; contrastive and simsiam: two views of an image have the same vector."
        ),
    ] = "simsiam",
    images_in: Annotated[
        str | None,
        typer.Option(help="Folder with images in it or below, or a CSV with a column path."),
    ] = None,
    preset: Annotated[str | None, typer.Option(help="Learn from this simulated sky.")] = None,
    weights: Annotated[
        str | None, typer.Option(help="Weights to start from: a name or a path.")
    ] = None,
    on_bad: OnBad = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    images: Annotated[int | None, typer.Option(help="Simulated images an epoch.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all that is random.")] = None,
) -> None:
    """Train a backbone without labels, or go on where the run in --out stands.

    The run's weights start any training of the same model: `lenszoo train MODEL --weights RUN`.
    More settings are fields of a recipe with task = "pretext", for `lenszoo train RECIPE.toml`.
    """
    from lenszoo.errors import LenszooError
    from lenszoo.training import Recipe
    from lenszoo.training import train as run

    if (images_in is None) == (preset is None):
        raise LenszooError("Give what to learn from, either --images-in FOLDER or --preset NAME.")
    check_images(images, preset)
    data = {"images_in": images_in, "preset": preset, "images": images, "on_bad": on_bad}
    fields: dict[str, Any] = {
        "model": model,
        "method": method,
        "weights": weights,
        "epochs": epochs,
        "batch_size": batch_size,
        "seed": seed,
        "data": {name: value for name, value in data.items() if value is not None},
        "optimizer": None if learning_rate is None else {"learning_rate": learning_rate},
    }
    given = {name: value for name, value in fields.items() if value is not None}
    metrics = run(Recipe(task="pretext", **given), out, verbose=sys.stdout.isatty()).metrics
    after = metrics["pretext"]
    probe = f", linear probe AUC {after['probe_auc']:.4f}" if after["probe_auc"] else ""
    typer.echo(
        f"{out}: score {metrics['score']:.4f} (chance {metrics['chance']:.4f}), effective rank "
        f"{after['effective_rank']:.1f}{probe}; open {out / 'report.html'}"
    )
