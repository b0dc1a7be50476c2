"""Make the corpus of a recipe before its training asks for it: scenes, and its teacher's answers.

    python tools/corpus.py RECIPE

RECIPE has a table ``corpus``. Its seed decides the scenes, so it is always the same; cut short,
it goes on. It lies in ``corpora`` of the cache folder (``LENSZOO_CACHE``).
"""

import logging
from typing import Annotated

import typer

from lenszoo.cli._verb import verb
from lenszoo.errors import LenszooError
from lenszoo.tasks.classify.recipe import ClassifyRecipe
from lenszoo.tasks.classify.task import ClassifyTask
from lenszoo.tasks.recipes import Recipe


@verb(backend=True)
def corpus(
    recipe: Annotated[str, typer.Argument(help="Packaged recipe, or a .toml file.")],
) -> None:
    """Make the corpus of a recipe, or go on where it was cut."""
    logging.getLogger("lenszoo").setLevel(logging.INFO)
    fields = Recipe.load(recipe)
    if not isinstance(fields, ClassifyRecipe) or fields.corpus is None:
        raise LenszooError(f"The recipe {recipe} has no table corpus.")
    made = ClassifyTask(fields).corpus()
    typer.echo(
        f"{len(made.labels):,} scenes of {made.images.shape[1]} x {made.images.shape[2]} pixels"
    )


if __name__ == "__main__":
    typer.run(corpus)
