"""Train published weights again from their recipe and compare the figures: `make reproduce`.

python tools/reproduce.py NAME --out RUN [--epochs 1 --images 64]
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from scores import bounds, task_of

from lenszoo import tasks
from lenszoo.cli._verb import verb
from lenszoo.errors import LenszooError
from lenszoo.pretrained.loading import load_model
from lenszoo.pretrained.manifest import WeightsEntry, get_entry
from lenszoo.tasks.recipes import Recipe, RecipeBase, recipe_files, validate
from lenszoo.training.loop import train

Interval = tuple[float, float]


@dataclass(frozen=True)
class Reproduction:
    """A figure as published and as it came out here, on the same scenes.

    Attributes:
        name: the weights.
        key: the figure, as the manifest calls it.
        scenes: how many scenes it was measured on here, and of which sky and seed.
        published, here: the two figures.
        published_interval, interval: their 95 % intervals.
        trial: what was made smaller, so that this is no reproduction; empty where nothing was.
    """

    name: str
    key: str
    scenes: str
    published: float
    published_interval: Interval
    here: float
    interval: Interval
    trial: str

    @property
    def overlap(self) -> bool:
        """Whether the intervals overlap, which decides."""
        return (
            self.interval[0] <= self.published_interval[1]
            and self.published_interval[0] <= self.interval[1]
        )

    def __str__(self) -> str:
        def line(title: str, value: float, within: Interval) -> str:
            return f"{title:<9}  {value:.4f} ({within[0]:.4f} to {within[1]:.4f})"

        def lies(value: float, within: Interval) -> str:
            return "lies within" if within[0] <= value <= within[1] else "is outside"

        if self.trial:
            verdict = f"Not a reproduction: {self.trial}."
        elif self.overlap:
            verdict = "Reproduced: the intervals overlap."
        else:
            verdict = "Not reproduced: the intervals do not overlap."
        return "\n".join(
            (
                f"{self.name}: {self.key} on {self.scenes}",
                line("published", self.published, self.published_interval),
                line("here", self.here, self.interval),
                f"The figure here {lies(self.here, self.published_interval)} the published "
                f"interval; the published one {lies(self.published, self.interval)} that of here.",
                verdict,
            )
        )


def reproduce(
    name: str,
    out: str | os.PathLike[str],
    *,
    recipe: str | os.PathLike[str] | None = None,
    epochs: int | None = None,
    images: int | None = None,
    verbose: bool = False,
) -> Reproduction:
    """Train weights again from their recipe and score them as the published ones were.

    The scenes are those of the manifest's figure: its preset, seed and number. What is scored is
    the best of the run in full precision; float16, in which weights are published, costs less than
    either interval is wide. Stopped, it goes on when called again, as any training does.

    Args:
        name: the weights, ``row.tag``.
        out: the run folder.
        recipe: a TOML file; by default the packaged one that the manifest names.
        epochs: train for so many instead; this and the next make it a trial, no reproduction.
        images: at most so many images an epoch, to validate with and to score on.
        verbose: show a progress bar for each epoch.

    Raises:
        LenszooError: unknown weights, no recipe, no figure to compare with, or what ``train``
            raises.
    """
    entry = get_entry(name)
    measured, published = entry.metrics.get("measured", {}), entry.metrics.get("test", {})
    key = task_of(entry).headline.key
    interval = bounds(published, key)
    if interval is None or "seed" not in measured:
        raise LenszooError(f"{name} has no {key} with an interval in the manifest to compare with.")
    full = _recipe_of(entry, recipe)
    wanted, trial = _smaller(full, epochs, images)
    result = train(wanted, Path(out), verbose=verbose)
    task, model = tasks.find(full.task).task, load_model(result.run_dir)
    n = measured["images"] if images is None else min(images, measured["images"])
    preset, seed = entry.data["preset"], measured["seed"]
    scenes = task.sample(model, preset, n, seed, bands=entry.data.get("bands"))
    figures, _ = task.release(task.score(model, scenes, seed=seed))
    own = bounds(figures, key)
    if own is None:
        raise LenszooError(f"{out}: {key} has no interval on {n:,} scenes; give more images.")
    return Reproduction(
        name,
        key,
        f"{n:,} scenes of {preset}, seed {seed}",
        published[key],
        interval,
        figures[key],
        own,
        trial,
    )


def _recipe_of(entry: WeightsEntry, given: str | os.PathLike[str] | None) -> RecipeBase:
    if given is not None:
        recipe = Recipe.load(given)
    else:
        packaged = {path.name: path for path in recipe_files()}
        if entry.recipe not in packaged:
            raise LenszooError(
                f"{entry.name} names the recipe {entry.recipe}, which lenszoo does not hold: give "
                "recipe=, a TOML file."
            )
        recipe = Recipe.load(packaged[entry.recipe])
    if recipe.model != entry.model or recipe.data.preset != entry.data.get("preset"):
        raise LenszooError(
            f"{entry.name} is no {recipe.model} on {recipe.data.preset}: its recipe is another."
        )
    return recipe


def _smaller(recipe: RecipeBase, epochs: int | None, images: int | None) -> tuple[RecipeBase, str]:
    """The recipe with fewer epochs and images, and what was made smaller, in words."""
    fields: dict[str, Any] = recipe.model_dump(mode="json", exclude_unset=True)
    said = []
    if epochs is not None and epochs != recipe.epochs:
        said.append(f"{epochs} of {recipe.epochs} epochs")
        fields["epochs"] = epochs
        if sum(stage["epochs"] for stage in fields.get("curriculum", ())) > epochs:
            del fields["curriculum"]
    if images is not None:
        said.append(f"at most {images:,} images an epoch and to score on")
        for part in ("data", "source"):
            if part in fields:
                known = getattr(recipe, part)
                fields[part] |= {
                    key: min(images, getattr(known, key))
                    for key in ("images", "val_images", "test_images")
                }
    if not said:
        return recipe, ""
    return validate(fields, "recipe"), " and ".join(said)


@verb(stopped="stopped; the same command goes on from the last whole epoch.")
def main(
    name: Annotated[str, typer.Argument(help="Weights, row.tag.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The run folder to write.", show_default=False)],
    recipe: Annotated[
        Path | None, typer.Option(help="A TOML file; by default the recipe of the manifest.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs, for a trial.")] = None,
    images: Annotated[
        int | None,
        typer.Option(min=2, help="Images an epoch and to score on, at most, for a trial."),
    ] = None,
) -> None:
    """Train weights again; exit with 1 when the 95 % intervals of both figures do not overlap."""
    result = reproduce(
        name, out, recipe=recipe, epochs=epochs, images=images, verbose=sys.stdout.isatty()
    )
    typer.echo(str(result))
    if not (result.trial or result.overlap):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
