"""Train, score and release the weights of a list of recipes, one after the other: `make weights`.

python tools/campaign.py --out runs [LIST] [--only 'srcnn.*'] [--hours 8] [--dry-run]
"""

import contextlib
import fnmatch
import logging
import os
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import keras
import typer
from real_images import takes_real_images
from release import release, release_root
from weights_names import check_name

from lenszoo import tasks
from lenszoo.cli._verb import verb
from lenszoo.errors import LenszooError
from lenszoo.files import hold
from lenszoo.models.registry import model_info
from lenszoo.pretrained.imported import is_published
from lenszoo.pretrained.manifest import FILE_NAME, WeightsEntry, load_manifest
from lenszoo.simulation import get_preset
from lenszoo.tasks.evaluate import EVALUATION_SEED
from lenszoo.tasks.recipes import Recipe, RecipeBase
from lenszoo.training.deadline import OutOfTime
from lenszoo.training.loop import train
from lenszoo.training.state import read_progress

log = logging.getLogger("lenszoo")

State = Literal["stands", "released", "waits", "left", "failed"]
LIST = Path(__file__).with_name("campaign.txt")
"""The recipes of the zoo's weights, in order."""


@dataclass(frozen=True)
class Step:
    """Where a recipe of a campaign stands.

    Attributes:
        name: of the weights, ``row.tag``.
        state: ``stands`` (they were there), ``released`` (they are now), ``left`` (for the next
            time), ``waits`` (for other weights), or ``failed``.
        note: their score, how far the training is, or why not.
    """

    name: str
    state: State
    note: str


@dataclass(frozen=True)
class _Options:
    """What a campaign was asked for."""

    runs: Path
    root: Path
    deadline: float | None
    images: int | None
    seed: int
    real: Mapping[str, str | os.PathLike[str]]
    verbose: bool


def read_list(path: str | os.PathLike[str] = LIST) -> list[str]:
    """The recipes that a file lists, one a line; what follows a ``#`` is a comment.

    A line is the name of a packaged recipe, or the path of a ``.toml`` file from the list's folder.

    Raises:
        LenszooError: the file cannot be read, lists nothing, or one recipe twice.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LenszooError(f"Cannot read the list of recipes {path}: {error}.") from error
    names = [name for line in lines if (name := line.split("#")[0].strip())]
    names = [str(path.parent / name) if name.endswith(".toml") else name for name in names]
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice or not names:
        raise LenszooError(f"{path} lists {f'{twice[0]} twice' if twice else 'no recipe'}.")
    return names


def campaign(
    runs: str | os.PathLike[str],
    *,
    names: Sequence[str] | None = None,
    only: Sequence[str] = (),
    root: str | os.PathLike[str] | None = None,
    hours: float | None = None,
    images: int | None = None,
    seed: int = EVALUATION_SEED,
    real: Mapping[str, str | os.PathLike[str]] | None = None,
    dry_run: bool = False,
    verbose: bool = False,
) -> list[Step]:
    """Train, score and release the weights of a list of recipes, as far as they do not stand yet.

    Called again it goes on where it was cut: what is in the manifest is left alone, and a run
    folder ``runs/NAME`` is trained to its end, also one from another machine. Recipes find by name
    what those before them released.

    Args:
        runs: the folder of the run folders.
        names: packaged recipes or paths of TOML files, in order; by default the zoo's own list.
        only: patterns with shell wildcards; a recipe must match one of them.
        root: the folder of ``weights/`` and the manifest; by default the checkout.
        hours: stop after so many: no epoch is begun that would end later, none goes on later, and
            scoring is only begun before.
        images: scenes to score on; by default as many as the task's other weights.
        seed: of these scenes.
        real: by preset, an npz of real images to score its classifiers on as well.
        dry_run: only say what would be done.
        verbose: show a progress bar for each epoch.

    Returns:
        A step a recipe, in order. A recipe that fails does not stop the others.

    Raises:
        LenszooError: there is no manifest at ``root``, no recipe to choose, two of one name, no
            such preset or file of real images, or another campaign at work in ``runs``.
    """
    known: dict[str, str] = {}
    for source in names or read_list():
        name = Path(source).stem if source.endswith(".toml") else source
        if name in known:
            raise LenszooError(f"{known[name]} and {source} are both recipes of {name}.")
        known[name] = source
    chosen = [n for n in known if not only or any(fnmatch.fnmatchcase(n, o) for o in only)]
    if not chosen:
        raise LenszooError(f"No recipe is called like {', '.join(only)}: {', '.join(known)}.")
    if hours is not None and not hours > 0:
        raise LenszooError(f"hours is {hours:g}: give more than 0.")
    if images is not None and images < 1:
        raise LenszooError(f"images is {images}: give 1 or more.")
    for preset, file in (real or {}).items():
        get_preset(preset)
        if not Path(file).is_file():
            raise LenszooError(f"There is no file {file}, of real images for {preset}.")
    deadline = None if hours is None else time.monotonic() + 3600 * hours
    where = release_root(root)
    options = _Options(Path(runs), where, deadline, images, seed, real or {}, verbose)
    with _manifest_of(where):
        if dry_run:
            return list(_plan({name: known[name] for name in chosen}, options))
        busy = f"Another campaign is at work in {runs}: wait for it, or choose another --out."
        with hold(options.runs, "folder", ".campaign.lock", busy):
            return list(_steps({name: known[name] for name in chosen}, options))


def table(steps: Sequence[Step]) -> str:
    """The steps as lines: name, state, note."""
    width = max(len(step.name) for step in steps)
    return "\n".join(f"{s.name:<{width}}  {s.state:<8}  {s.note}".rstrip() for s in steps)


def _plan(chosen: Mapping[str, str], options: _Options) -> Iterator[Step]:
    """The steps as they stand; a recipe need not wait for what comes before it."""
    coming: set[str] = set()
    for name, recipe in chosen.items():
        step = _look(name, recipe, options, coming)
        if step.state == "left":
            coming.add(name)
        yield step


def _steps(chosen: Mapping[str, str], options: _Options) -> Iterator[Step]:
    """The steps as they are done, until the time is up."""
    stopped = False
    for name, recipe in chosen.items():
        step = _look(name, recipe, options)
        if step.state == "left" and not stopped:
            log.info("%s: %s", name, step.note)
            step = _make(name, recipe, options)
            stopped = step.state == "left"
        if step.state != "stands":
            log.info("%s %s: %s", name, step.state, step.note)
        yield step


def _look(name: str, source: str, options: _Options, coming: Collection[str] = ()) -> Step:
    """Where a recipe stands before anything is done about it."""
    try:
        manifest = load_manifest(options.root / FILE_NAME)
        standing = {entry.name: entry for entry in manifest.entries}
        if name in standing:
            return Step(name, "stands", _score(standing[name]))
        if name in manifest.retired:
            return Step(name, "stands", f"as {manifest.replacement(name)}")
        recipe = Recipe.load(source)
        _check(name, recipe)
        needed = [n for n in _needs(recipe) if n not in standing and n not in coming]
        if needed:
            return Step(name, "waits", f"for the weights {', '.join(needed)}")
        return Step(name, "left", _progress(options.runs / name, recipe))
    except LenszooError as error:
        return Step(name, "failed", str(error))


def _check(name: str, recipe: RecipeBase) -> None:
    """Refuse what would only be found out after the training."""
    check_name(name)
    if name.rpartition(".")[0] != recipe.model:
        raise LenszooError(f"A recipe of {recipe.model} is to be called {recipe.model}.TAG.toml.")
    if recipe.data.preset is None:
        raise LenszooError("It trains on files; weights of a preset are released.")


def _make(name: str, source: str, options: _Options) -> Step:
    """Train, score and release; what goes wrong is the step's note."""
    run = options.runs / name
    recipe = Recipe.load(source)
    task = tasks.find(recipe.task).task
    # nothing of the run before: neither its memory nor its names
    keras.utils.clear_session()
    try:
        _in_time(options)
        train(recipe, run, verbose=options.verbose, deadline=options.deadline)
        _in_time(options)
        entry = release(
            run,
            name,
            recipe=source if source.endswith(".toml") else None,
            root=options.root,
            images=options.images,
            seed=options.seed,
            real=options.real.get(recipe.data.preset) if takes_real_images(task) else None,
        )
    except OutOfTime:
        return Step(name, "left", _progress(run, recipe))
    except LenszooError as error:
        return Step(name, "failed", str(error))
    except Exception as error:  # hours of other trainings wait behind this one
        log.debug("%s failed", name, exc_info=True)
        return Step(name, "failed", f"{type(error).__name__}: {error}")
    return Step(name, "released", _score(entry))


def _in_time(options: _Options) -> None:
    if options.deadline is not None and time.monotonic() > options.deadline:
        raise OutOfTime("The time is up.")


def _needs(recipe: RecipeBase) -> list[str]:
    """Full names of the weights that a recipe starts from, begins as or is taught by."""
    distill = getattr(recipe, "distill", None)
    named = [
        recipe.weights,
        recipe.grow,
        getattr(recipe, "perceptual", None),
        *(distill.teacher if distill else ()),
    ]
    given = [n for n in named if n is not None and not Path(n).exists() and not is_published(n)]
    return [n if "." in n else f"{recipe.model}.{n}" for n in given]


def _progress(run: Path, recipe: RecipeBase) -> str:
    progress = read_progress(run)
    if progress is None:
        return f"{recipe.epochs} epochs to train"
    if progress.finished:
        return "trained, to be scored"
    return f"epoch {progress.epoch} of {recipe.epochs}"


def _score(entry: WeightsEntry) -> str:
    """The main figure of weights, in whatever task."""
    test: dict[str, Any] = entry.metrics.get("test", {})
    key = tasks.of_figures(test, model_info(entry.model).task).headline.key
    return f"{key} {test[key]:.4f}" if key in test else ""


@contextlib.contextmanager
def _manifest_of(root: Path) -> Iterator[None]:
    """Have names looked up where they are released, so that recipes find one another's weights."""
    before = os.environ.get("LENSZOO_MANIFEST")
    os.environ["LENSZOO_MANIFEST"] = str(root / FILE_NAME)
    try:
        yield
    finally:
        if before is None:
            del os.environ["LENSZOO_MANIFEST"]
        else:
            os.environ["LENSZOO_MANIFEST"] = before


@verb(stopped="stopped; the same command goes on from the last whole epoch.")
def main(
    out: Annotated[Path, typer.Option(help="The folder of the run folders.", show_default=False)],
    recipes: Annotated[
        Path | None, typer.Argument(metavar="LIST", help="A text file that lists recipes.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Recipes to choose, such as 'srcnn.*'.")
    ] = None,
    hours: Annotated[float | None, typer.Option(help="Stop after so many hours.")] = None,
    root: Annotated[
        Path | None, typer.Option(help="Folder of weights_manifest.json and weights/.")
    ] = None,
    images: Annotated[int | None, typer.Option(help="Scenes to score on.")] = None,
    real: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PRESET=NPZ",
            help="Real images (x, label) to score that preset's classifiers on as well.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")] = False,
) -> None:
    """Train, score and release the weights that do not stand yet, one recipe after the other."""
    steps = campaign(
        out,
        names=None if recipes is None else read_list(recipes),
        only=only or (),
        root=root,
        hours=hours,
        images=images,
        real=_by_preset(real or ()),
        dry_run=dry_run,
        verbose=sys.stdout.isatty(),
    )
    typer.echo(table(steps))
    if any(step.state == "failed" for step in steps):
        raise typer.Exit(1)


def _by_preset(pairs: Sequence[str]) -> dict[str, str]:
    """Split ``PRESET=NPZ``."""
    for pair in pairs:
        if "=" not in pair:
            raise LenszooError(
                f"--real {pair!r}: give PRESET=NPZ, such as common_test_sim=real.npz."
            )
    return dict(pair.split("=", 1) for pair in pairs)


if __name__ == "__main__":
    typer.run(main)
