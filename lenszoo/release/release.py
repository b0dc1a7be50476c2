"""From a finished run to weights by name: pack, score on unseen scenes, write the manifest."""

import datetime
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from lenszoo._version import __version__
from lenszoo.build import build_model, fingerprint, load_model, model_config, save_weights
from lenszoo.errors import LenszooError
from lenszoo.pretrained.manifest import (
    FILE_NAME,
    SUFFIX,
    Fingerprint,
    WeightsEntry,
    WeightsFile,
    add_entry,
    checkout_root,
)
from lenszoo.pretrained.pack import pack_weights
from lenszoo.release.scores import EVALUATION_SEED, SCORERS, score_real
from lenszoo.training.environment import environment
from lenszoo.training.loop import RECIPE, RUN
from lenszoo.training.state import read_progress

_ALSO = ("bands", "method", "weights", "labels")  # what some runs know besides of their data
_FINGERPRINT_SEED = 7


def release(
    run: str | os.PathLike[str],
    name: str,
    *,
    root: str | os.PathLike[str] | None = None,
    images: int | None = None,
    seed: int = EVALUATION_SEED,
    real: str | os.PathLike[str] | None = None,
) -> WeightsEntry:
    """Release the best weights of a finished run under a name.

    The packed file (float16 kernels) is scored, on simulated scenes of the test split that no
    training or validation has seen, and what packing costs is measured beside it.

    Args:
        run: the run folder, of a recipe on a preset.
        name: ``row.tag``, the name of a recipe.
        root: the folder of ``weights/`` and the manifest; by default the checkout.
        images: scenes to score on; by default as many as the task's other weights.
        seed: of the scenes.
        real: for classifiers, an npz of real images to score as well (:func:`score_real`).

    Returns:
        The entry that is in the manifest now; one of the same name is replaced.

    Raises:
        LenszooError: no finished run, one on files, or nowhere to write to.
    """
    run, root = Path(run), _root(root)
    recipe, identity, history = _finished(run)
    scorer, preset = SCORERS[recipe["task"]], recipe["data"].get("preset")
    if preset is None:
        raise LenszooError(f"{run}: trained on files of its own; weights of a preset are released.")
    full = load_model(run)
    config = model_config(full)
    target = root / "weights" / f"{name}{SUFFIX}"
    with tempfile.TemporaryDirectory() as folder:
        packed = pack_weights(
            save_weights(full, Path(folder) / f"full{SUFFIX}"), Path(folder) / f"packed{SUFFIX}"
        )
        model = build_model(
            config["model"],
            input_shape=tuple(config["input_shape"]),
            num_classes=config["num_classes"],
            weights=packed,
            **config["options"],
        )
        scenes = scorer.draw(model, preset, images or scorer.images, seed, identity.get("bands"))
        test, beside = scorer.measure(model, scenes)
        beside["float16"] = {scorer.key: test[scorer.key] - scorer.main(full, scenes)}
        if real is not None and recipe["task"] == "classify":
            beside["real"] = score_real(model, preset, Path(real))
        target.parent.mkdir(exist_ok=True)
        shutil.move(packed, target)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    answer = fingerprint(model, _FINGERPRINT_SEED).tolist()
    entry = WeightsEntry.model_validate(
        {
            "name": name,
            "model": config["model"],
            "input_shape": config["input_shape"],
            "num_classes": config["num_classes"],
            "classes": identity.get("classes", ()),
            "options": config["options"],
            "files": [WeightsFile.of(target)],
            "recipe": f"{name}.toml",
            "data": {
                "preset": preset,
                "seed": recipe["seed"],
                "images_seen": len(history) * recipe["data"]["images"],
                "epochs": len(history),
                "hours": round(sum(row["seconds"] for row in history) / 3600, 2),
                "trained_on": identity["environment"]["machine"],
            }
            | {key: identity[key] for key in _ALSO if key in identity},
            "metrics": {
                "test": test,
                **beside,
                "measured": {
                    "command": f"python benchmarks/release_weights.py RUN {name}",
                    "date": today,
                    "images": images or scorer.images,
                    "machine": _machine(),
                    "seed": seed,
                },
            },
            "licence": "Apache-2.0",
            "fingerprint": Fingerprint(seed=_FINGERPRINT_SEED, logits=answer, atol=2e-2),
            "pixel_scale": identity["pixel_scale"],
            "created": today,
            "lenszoo_version": __version__,
        }
    )
    add_entry(entry, root / FILE_NAME, replace=True)
    return entry


def _machine() -> str:
    """Kind of machine and versions, in a line."""
    known = environment()
    versions = ", ".join(f"{k} {known[k]}" for k in ("python", "keras", known["backend"]))
    return f"{known['machine']}, {versions}"


def _finished(run: Path) -> tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]:
    """The recipe, the identity and the history of a run that has come to its end."""
    try:
        recipe, identity = (
            json.loads((run / name).read_text(encoding="utf-8")) for name in (RECIPE, RUN)
        )
    except (OSError, ValueError) as error:
        raise LenszooError(f"{run} is no run folder: {error}.") from error
    progress = read_progress(run)
    if progress is None or not progress.finished:
        raise LenszooError(f"{run} is not finished: the command that made it goes on.")
    return recipe, identity, progress.history


def _root(root: str | os.PathLike[str] | None) -> Path:
    found = Path(root) if root is not None else checkout_root()
    if found is None or not (found / FILE_NAME).is_file():
        raise LenszooError(
            f"Weights are released into a checkout; no {FILE_NAME} in {found or 'this package'}."
        )
    return found
