"""Release the weights of a finished run: pack, score on unseen scenes, write the manifest.

    python tools/release.py RUN NAME [--images 7500] [--recipe OWN.toml] [--real REAL.npz]

NAME is ``row.tag``. The packed file (float16 kernels) is scored on simulated scenes of the test
split, which no training or validation has seen.
"""

import contextlib
import datetime
import hashlib
import json
import logging
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import filelock
import keras
import typer
from entries import add_entry, check_retires
from pack import PART_BYTES, pack_weights, split_file
from pydantic import ValidationError
from real_images import score_real, takes_real_images
from weights_names import check_name, free_name, is_taken, recipes_of

from lenszoo import files as _files
from lenszoo import tasks
from lenszoo._version import __version__
from lenszoo.cli._verb import verb
from lenszoo.errors import LenszooError
from lenszoo.pretrained.loading import (
    build_model,
    fingerprint,
    load_model,
    model_config,
    save_weights,
)
from lenszoo.pretrained.manifest import (
    FILE_NAME,
    SUFFIX,
    Fingerprint,
    WeightsEntry,
    WeightsFile,
    checkout_root,
    load_manifest,
)
from lenszoo.pretrained.source import resolve
from lenszoo.provenance import environment
from lenszoo.tasks.evaluate import EVALUATION_SEED
from lenszoo.tasks.recipes import FREE, Recipe, RecipeBase, validate
from lenszoo.training.run_folder import RECIPE, RUN
from lenszoo.training.state import read_progress

log = logging.getLogger("lenszoo")

TOTAL_BYTES = 300 << 20
"""All files of the ``weights`` folder together."""

_ALSO = (
    "bands",
    "method",
    "weights",
    "labels",
    "prevalence",
)  # what some runs know besides of their data
_FINGERPRINT_SEED = 7


class _Run(NamedTuple):
    """A finished run: its recipe, what ``run.json`` knows, and one row an epoch."""

    folder: Path
    recipe: RecipeBase
    identity: dict[str, Any]
    history: list[dict[str, Any]]


def release(
    run: str | os.PathLike[str],
    name: str,
    *,
    recipe: str | os.PathLike[str] | None = None,
    root: str | os.PathLike[str] | None = None,
    images: int | None = None,
    seed: int = EVALUATION_SEED,
    real: str | os.PathLike[str] | None = None,
    replaces: str | None = None,
    further: str | os.PathLike[str] | None = None,
) -> WeightsEntry:
    """Release the best weights of a finished run under a name.

    The packed file (float16 kernels, and of one above 16 MiB in eight bits) is scored, on simulated
    scenes of the test split that no training or validation has seen, and what packing costs is
    measured beside it. A file that is above 16 MiB then is published in parts.

    What is published stays as it is: a name that stands already takes the same weights only, and
    their scores are then written anew. Other weights of the same recipe are released as
    ``NAME_v2``, ``NAME_v3`` and so on.

    Args:
        run: the run folder, of a recipe on a preset.
        name: ``row.tag``, the name of the recipe, with or without a ``_v2``.
        recipe: a TOML file that the run must be of; by default the packaged one of that name.
        root: the folder of ``weights/`` and the manifest; by default the checkout.
        images: scenes to score on; by default as many as the task's other weights.
        seed: of the scenes.
        real: for classifiers, an npz of real images to score as well.
        replaces: an entry that these weights take the place of: it is retired.
        further: a JSON file of scores that were measured elsewhere, by name, such as that of
            ``benchmarks/space_warps.py --json``. One that names a ``weights_sha256`` must be of
            this run's weights.

    Returns:
        The entry that is in the manifest now.

    Raises:
        LenszooError: no finished run, one of another recipe or on files; the name is taken by
            other weights; more than 300 MiB in all; or nowhere to write to.
    """
    root, sources = release_root(root), recipes_of(check_name(name), recipe)
    check_retires(replaces, name, load_manifest(root / FILE_NAME))
    done, source = _finished(Path(run), sources)
    if real is not None and not takes_real_images(tasks.find(done.recipe.task).task):
        raise LenszooError(f"{name} is no classifier: real images are for classifiers only.")
    # the file holds names that layers get from a counter of the process: the same bytes each time
    keras.utils.clear_session()
    full = load_model(done.folder)
    with tempfile.TemporaryDirectory() as folder:
        packed, model, storage = _pack(full, name, Path(folder))
        _standing(name, packed, root)  # before the long part
        scores = {} if further is None else _scores_of(Path(further), done.folder, packed)
        metrics = _metrics(name, done, (full, model), storage, images, seed, real) | scores
        metrics["measured"]["command"] += "" if recipe is None else f" --recipe {source.name}"
        if further is not None:
            metrics["measured"]["command"] += f" --further {Path(further).name}"
        with _alone(root):
            entry = _standing(name, packed, root)
            if entry is None:
                files = _publish(packed, root / "weights")
                entry = _entry(
                    name,
                    model,
                    files=files,
                    sha256=_files.sha256_of(packed),
                    recipe=source.name,
                    classes=done.identity.get("classes", ()),
                    data=_data(done),
                    metrics=metrics,
                    pixel_scale=done.identity["pixel_scale"],
                    inputs=done.identity.get("inputs"),
                    observation=done.identity.get("observation"),
                )
            else:
                entry = entry.model_copy(update={"metrics": metrics, "data": _data(done)})
            add_entry(entry, root / FILE_NAME, replace=True, retires=replaces)
    return entry


def _finished(run: Path, sources: Sequence[Path]) -> tuple[_Run, Path]:
    """A run that has come to its end, on a preset and of one of these recipes; and which."""
    try:
        fields, identity = (
            json.loads((run / name).read_text(encoding="utf-8")) for name in (RECIPE, RUN)
        )
    except (OSError, ValueError) as error:
        raise LenszooError(f"{run} is no run folder: {error}.") from error
    recipe = validate(fields, str(run / RECIPE))
    differences = [_difference(recipe, Recipe.load(source)) for source in sources]
    if None not in differences:
        raise LenszooError(f"{run} is no run of {sources[0].name} ({differences[0]}).")
    if recipe.data.preset is None:
        raise LenszooError(f"{run}: trained on files of its own; weights of a preset are released.")
    progress = read_progress(run)
    if progress is None or not progress.finished:
        raise LenszooError(f"{run} is not finished: the command that made it goes on.")
    return _Run(run, recipe, identity, progress.history), sources[differences.index(None)]


def _difference(recipe: RecipeBase, wanted: RecipeBase) -> str | None:
    """The first field in which a run's recipe is another; None where they are equal."""
    there, here = recipe.model_dump(mode="json"), wanted.model_dump(mode="json")
    for field in sorted((there.keys() | here.keys()) - FREE):
        if there.get(field) != here.get(field):
            return f"{field}: {there.get(field)!r} in the run, {here.get(field)!r} in the recipe"
    return None


def _scores_of(file: Path, run: Path, packed: Path) -> dict[str, Any]:
    """Scores in a JSON file, none of which says that it is of weights with another sha256."""
    hashes = resolve(str(run)).sha256, _files.sha256_of(packed)
    try:
        scores = dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise LenszooError(f"{file}: no JSON file of scores by name ({error}).") from error
    for name, score in scores.items():
        known = score.get("weights_sha256") if isinstance(score, dict) else None
        if known is not None and known not in hashes:
            raise LenszooError(
                f"{file}: {name} is of weights with the sha256 {known}, not of this run: measure "
                "it again."
            )
    return scores


def _standing(name: str, packed: Path, root: Path) -> WeightsEntry | None:
    """The entry of that name, if it is of these weights; refuse what may not be published."""
    manifest = load_manifest(root / FILE_NAME)
    found = next((entry for entry in manifest.entries if entry.name == name), None)
    if found is not None and found.sha256 == _files.sha256_of(packed):
        return found
    if is_taken(name, manifest):
        raise LenszooError(
            f"{name} is published with other weights, which stay: release these as "
            f"{free_name(name, manifest)}."
        )
    # retired entries are gone from the manifest, their files are not
    lying = {file.name: file.stat().st_size for file in (root / "weights").glob(f"*{SUFFIX}*")}
    listed = {file.path: file.bytes for entry in manifest.entries for file in entry.files}
    total = sum((lying | listed).values()) + packed.stat().st_size
    if total > TOTAL_BYTES:
        raise LenszooError(
            f"With {name} ({packed.stat().st_size / 2**20:.1f} MiB) all weights would be "
            f"{total / 2**20:.1f} MiB, more than {TOTAL_BYTES / 2**20:g}: choose a smaller model."
        )
    return None


def _publish(packed: Path, folder: Path) -> list[WeightsFile]:
    """Put the file, or the parts of a large one, into the folder, each whole or not at all."""
    folder.mkdir(exist_ok=True)
    files = split_file(packed, PART_BYTES, folder)
    if files == [packed]:
        files = [folder / packed.name]
        with _files.replacing(files[0]) as (_, stream):
            stream.write(packed.read_bytes())
    return [WeightsFile.of(file) for file in files]


def _pack(full: keras.Model, name: str, folder: Path) -> tuple[Path, keras.Model, str]:
    """The file that will be published, the model with what it holds, and how kernels are stored."""
    config = model_config(full)
    if name.rpartition(".")[0] != config["model"]:
        raise LenszooError(
            f"Weights of {config['model']} are called {config['model']}.TAG, not {name}."
        )
    whole, packed = save_weights(full, folder / f"full{SUFFIX}"), folder / f"{name}{SUFFIX}"
    bits: Literal[8, 16] = 8 if whole.stat().st_size > 2 * PART_BYTES else 16
    pack_weights(whole, packed, bits)
    model = build_model(
        config["model"],
        input_shape=tuple(config["input_shape"]),
        num_classes=config["num_classes"],
        weights=packed,
        **config["options"],
    )
    return packed, model, "int8" if bits == 8 else "float16"


def _metrics(
    name: str,
    done: _Run,
    models: tuple[keras.Model, keras.Model],
    storage: str,
    images: int | None,
    seed: int,
    real: str | os.PathLike[str] | None,
) -> dict[str, Any]:
    """The scores of the packed model, what packing costs, and how they are measured again."""
    full, model = models
    preset, info = done.recipe.data.preset, tasks.find(done.recipe.task)
    task, key = info.task, info.headline.key
    distill = getattr(done.recipe, "distill", None)  # its teacher may tell more classes apart
    merge = distill.merge if distill else {}
    on_real = {} if real is None else {"real": score_real(model, preset, Path(real), merge)}
    number = task.scenes if images is None else images
    scenes = task.sample(model, preset, number, seed, bands=done.identity.get("bands"))
    test, beside = task.release(task.score(model, scenes, seed=seed))
    if test[key] is None:
        raise LenszooError(f"{key} is undefined on {number:,} scenes: give more images.")
    cost = test[key] - task.figure(full, scenes)
    if abs(cost) > info.headline.tolerance:
        log.warning("%s: %s kernels move %s by %.2g.", name, storage, key, cost)
    command = f"python tools/release.py RUN {name}"
    command += "" if images is None else f" --images {images}"
    command += "" if seed == EVALUATION_SEED else f" --seed {seed}"
    command += "" if real is None else f" --real {Path(real).name}"
    measured = {
        "command": command,
        "date": _today(),
        "images": number,
        "machine": _measured_on(),
        "seed": seed,
    }
    own = {"test": test, storage: {key: cost}, "measured": measured}
    return beside | on_real | own


def _data(done: _Run) -> dict[str, Any]:
    """What the weights were trained on, for how long and where."""
    identity, history = done.identity, done.history
    an_epoch = tasks.find(done.recipe.task).task.images_an_epoch(done.recipe)
    places = [*identity.get("earlier", []), identity["environment"]]
    return {
        "preset": done.recipe.data.preset,
        "seed": done.recipe.seed,
        "images_seen": len(history) * an_epoch,
        "epochs": len(history),
        "hours": round(sum(row["seconds"] for row in history) / 3600, 2),
        "trained_on": ", then ".join(dict.fromkeys(map(_machine, places))),
    } | {
        key: known[key]
        for known, keys in ((identity, _ALSO), (identity.get("data") or {}, ("real",)))
        for key in keys
        if key in known
    }


def _machine(known: dict[str, Any]) -> str:
    """Kind of machine, its accelerators first."""
    devices = [d.removeprefix("/physical_device:") for d in known.get("devices", ())]
    counted = Counter(device for device in devices if not device.lower().startswith("cpu"))
    return ", ".join([*(f"{n} x {device}" for device, n in counted.items()), known["machine"]])


def _measured_on() -> str:
    """Machine and versions, in a line."""
    known = environment()
    versions = (f"{k} {known[k]}" for k in ("python", "keras", known["backend"]))
    return ", ".join([_machine(known), *versions])


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def _entry(name: str, model: keras.Model, **known: Any) -> WeightsEntry:
    config = model_config(model)
    answer = fingerprint(model, _FINGERPRINT_SEED).tolist()
    try:
        return WeightsEntry.model_validate(
            {
                "name": name,
                **{key: config[key] for key in ("model", "input_shape", "num_classes", "options")},
                **known,
                "licence": "Apache-2.0",
                "fingerprint": Fingerprint(seed=_FINGERPRINT_SEED, logits=answer, atol=2e-2),
                "created": _today(),
                "lenszoo_version": __version__,
            }
        )
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise LenszooError(f"{name} cannot be entered: {where}: {fault['msg']}.") from error


def release_root(root: str | os.PathLike[str] | None = None) -> Path:
    """The folder of ``weights/`` and the manifest that weights are released into.

    Raises:
        LenszooError: there is no manifest in ``root`` or, by default, this is no checkout.
    """
    found = Path(root) if root is not None else checkout_root()
    if found is None or not (found / FILE_NAME).is_file():
        raise LenszooError(
            f"Weights are released into a checkout; no {FILE_NAME} in {found or 'this package'}."
        )
    return found


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Let one process at a time write a manifest; the lock leaves no file in a checkout."""
    mark = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]
    with filelock.FileLock(Path(tempfile.gettempdir(), f"lenszoo-release-{mark}.lock")):
        yield


@verb()
def main(
    run: Annotated[Path, typer.Argument(help="A finished run folder.", show_default=False)],
    name: Annotated[
        str, typer.Argument(help="row.tag, such as srcnn.sr_75_150_sim.", show_default=False)
    ],
    images: Annotated[int | None, typer.Option(help="Scenes to score on.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the scenes.")] = EVALUATION_SEED,
    recipe: Annotated[
        Path | None, typer.Option(help="A TOML file, where it is none of lenszoo's.")
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="Folder of weights_manifest.json and weights/.")
    ] = None,
    real: Annotated[
        Path | None, typer.Option(help="For classifiers: an npz of real images, x and label.")
    ] = None,
    replaces: Annotated[
        str | None, typer.Option(help="Weights that retire: these take their place.")
    ] = None,
    further: Annotated[
        Path | None, typer.Option(help="JSON of scores measured elsewhere, by name.")
    ] = None,
) -> None:
    """Pack, score and enter the weights of a finished run."""
    entry = release(
        run,
        name,
        recipe=recipe,
        root=root,
        images=images,
        seed=seed,
        real=real,
        replaces=replaces,
        further=further,
    )
    typer.echo(json.dumps(entry.metrics, indent=2))
    for file in entry.files:
        typer.echo(f"weights/{file.path}: {file.bytes:,} bytes")


if __name__ == "__main__":
    typer.run(main)
