"""One set of weights, named or in a file: resolved once, asked by everything that uses weights."""

import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lenszoo.data.names import canonical_class
from lenszoo.errors import LenszooError
from lenszoo.files import expanded, has_file, has_folder, sha256_of
from lenszoo.metrics.prevalence import TRAINED_PREVALENCE
from lenszoo.models.build import Config, check_config
from lenszoo.models.registry import model_info
from lenszoo.pretrained.manifest import WeightsEntry, get_entry, load_manifest
from lenszoo.pretrained.saving import (
    BEST,
    MODEL,
    RUN_FILE,
    WEIGHTS,
    check_identity,
    read_identity,
    read_noted,
    read_prevalence,
)
from lenszoo.pretrained.store import fetch_weights
from lenszoo.trained_observation import Observation, stored_observation
from lenszoo.trained_scale import InputScale, stored_scale

log = logging.getLogger("lenszoo")

_KIND = ("model", "input_shape", "num_classes")

WeightsName = str | os.PathLike[str]
"""A name of the manifest, or the path of a run folder, a ``.weights.h5`` or a ``.keras`` file."""


@dataclass(frozen=True)
class WeightsSource:
    """Weights together with all that is on record about them; see :func:`resolve`.

    Nothing is read, fetched or hashed before it is asked for, and then once.

    Attributes:
        label: the name in the manifest, or the path as it was given.
        entry: the manifest's entry; None for a file of the user's own.
        local: the file; None for an entry, whose file :attr:`file` fetches.
        stamp: when the local file was written, in ns.
    """

    label: str
    entry: WeightsEntry | None = None
    local: Path | None = None
    stamp: int = 0

    @cached_property
    def file(self) -> Path:
        """The file, checked and on this machine."""
        return self.local or fetch_weights(self.label)

    @property
    def is_model(self) -> bool:
        """Whether the file is a ``.keras`` file, which holds the network too."""
        return self.local is not None and self.local.name.endswith(MODEL)

    @property
    def unchanged(self) -> bool:
        """Whether the local file is still the one that was resolved."""
        return self.local is None or _stamp(self.local) == self.stamp

    @cached_property
    def run(self) -> dict[str, Any]:
        """The ``run.json`` beside a local file; empty without one, or of another network."""
        if self.local is None:
            return {}
        run = _read_run(self.local.with_name(RUN_FILE))
        if not run or self.local.name == BEST:
            return run
        if self.is_model:
            own, classes = read_noted(self.local)
        else:
            own, classes = read_identity(self.local), ()
        model, learned = run.get("model") or {}, run.get("classes") or ()
        if own is not None and any(own[key] != model.get(key, own[key]) for key in _KIND):
            other = "another network"
        elif classes and learned and not _are_same(classes, learned):
            other = "other classes"
        else:
            return run
        log.warning(
            "%s holds %s than the run of its folder (%s), whose classes, bands and pixel scale are "
            "not its own.", self.local, other, RUN_FILE,
        )  # fmt: skip
        return {}

    @property
    def run_dir(self) -> Path | None:
        """The run folder, when the file lies in one."""
        return self.local.parent if self.local is not None and self.run else None

    @cached_property
    def config(self) -> Config | None:
        """The network's configuration; None when neither file nor run folder holds it.

        Raises:
            LenszooError: the file is damaged, or asks for a network that cannot be built.
        """
        if self.entry is not None:
            entry = self.entry
            spec = model_info(entry.model)
            return check_config(spec, entry.input_shape, entry.num_classes, entry.options)
        if self.is_model:
            return None
        identity = read_identity(self.file)
        if identity is None and self.run:
            sidecar = self.file.with_name(RUN_FILE)
            identity = check_identity(self.run.get("model"), f"Field 'model' of {sidecar}")
        return None if identity is None else config_of(identity, self.file)

    @cached_property
    def sha256(self) -> str:
        """Hash of the file, in hexadecimal digits."""
        return self.entry.sha256 if self.entry is not None else sha256_of(self.file)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of the logits; empty if unknown."""
        return self.entry.classes if self.entry else tuple(self.run.get("classes") or ())

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the bands of the training images; empty if unknown."""
        return tuple((self.entry.data if self.entry else self.run).get("bands") or ())

    @property
    def pixel_scale(self) -> float | None:
        """Arcsec a pixel of the training images; None if unknown."""
        return self.entry.pixel_scale if self.entry else self.run.get("pixel_scale")

    @property
    def inputs(self) -> InputScale | None:
        """Noise, sky level, peak and zero point of the training images; None if unknown."""
        return self.entry.inputs if self.entry else stored_scale(self.run.get("inputs"))

    @property
    def observation(self) -> Observation | None:
        """Noise, sharpness and shape of a classifier's training images; None if unknown."""
        return (
            self.entry.observation
            if self.entry
            else stored_observation(self.run.get("observation"))
        )

    @property
    def prevalence(self) -> float:
        """Share of lenses that a lens finder learned on; a half unless it is said."""
        stored = (self.entry.data if self.entry else self.run).get("prevalence")
        if stored is None and self.local is not None and not self.is_model:
            stored = read_prevalence(self.local)
        return TRAINED_PREVALENCE if stored is None else float(stored)

    @property
    def preset(self) -> str | None:
        """The simulated sky that the weights learned on; None for files or where unknown."""
        data = self.entry.data if self.entry else self.run.get("data")
        preset = data.get("preset") if isinstance(data, dict) else None
        return preset if isinstance(preset, str) else None

    @property
    def real_galaxies(self) -> dict[str, int]:
        """Count the real galaxies that trainings mixed into a simulated sky, by their weights.

        The trainings are that of these weights and those of published ones that it started from.
        """
        data = _table(self.entry.data if self.entry else self.run.get("data"))
        others = _table(data.get("real")).get("others")
        counts = {self.label: others} if isinstance(others, int) and others > 0 else {}
        starts = [_table(each).get("sha256") for each in _table(self.run.get("start")).values()]
        starts.append(data.get("weights"))
        for entry in load_manifest().entries:
            if entry.name in starts or entry.sha256 in starts:
                counts |= WeightsSource(entry.name, entry).real_galaxies
        return counts

    @property
    def recipe(self) -> str | None:
        """The recipe that makes the weights: its name, or its file in a run folder."""
        if self.entry is not None:
            return self.entry.recipe
        return None if self.run_dir is None else str(self.run_dir / "recipe.json")

    @property
    def seed(self) -> Any:
        """The seed of the training; None if unknown."""
        return (self.entry.data if self.entry else self.run).get("seed")

    @property
    def provenance(self) -> dict[str, Any]:
        """Name, hash, recipe and seed, for tables, reports and headers."""
        return {
            "weights": self.label,
            "weights_sha256": self.sha256,
            "recipe": self.recipe,
            "seed": self.seed,
        }

    def has_classes(self, classes: Sequence[str]) -> bool:
        """Tell whether ``classes`` are these classes in this order, by whatever alias."""
        return _are_same(self.classes, classes)


def resolve(weights: "WeightsName | WeightsSource", model: str | None = None) -> WeightsSource:
    """Find weights by name or path.

    Args:
        weights: a name of the manifest, a run folder, a ``.weights.h5`` or a ``.keras`` file.
        model: the row of the registry whose tags count as names too.

    Raises:
        LenszooError: there is nothing of that name, or no weights at that path; published weights
            and a run folder of one name.
    """
    if isinstance(weights, WeightsSource):
        return weights
    check_name(weights)
    path = as_path(weights)
    if path is not None and isinstance(weights, str) and weights == path.name:
        published = {entry.name for entry in load_manifest().entries}
        if published & {weights, f"{model}.{weights}"}:
            raise LenszooError(
                f"{weights} is the name of published weights, and of a run folder here: write "
                f"./{weights} for the folder, or call from another folder for the weights."
            )
    if path is None:
        entry = get_entry(str(weights), model=model)
        return WeightsSource(entry.name, entry)
    file = _weights_file(path)
    return WeightsSource(str(path), local=file, stamp=_stamp(file))


def check_name(weights: Any) -> None:
    """Raise LenszooError for a name of weights that is neither text nor a path, or empty."""
    if not isinstance(weights, str | os.PathLike) or not os.fspath(weights):
        raise LenszooError(
            "Weights are a name such as 'resnet18_slim.common_test_sim_v2', a run folder or a "
            f"file, not {weights!r:.60}."
        )


def as_path(name: WeightsName) -> Path | None:
    """Return the path that is meant, or None when it reads like a name of the manifest."""
    path = expanded(name)
    explicit = isinstance(name, os.PathLike) or len(path.parts) != 1
    if explicit or path.name.endswith((MODEL, ".h5")) or has_file(path / RUN_FILE):
        return path
    return None


def config_of(identity: dict[str, Any], file: Path) -> Config:
    """Check a stored configuration against the registry.

    Raises:
        LenszooError: it asks for a network that cannot be built; names the file.
    """
    shape, classes = identity["input_shape"], identity["num_classes"]
    try:
        return check_config(model_info(identity["model"]), shape, classes, identity["options"])
    except LenszooError as error:
        raise LenszooError(f"Cannot build the model of {file}: {error}") from None


def _weights_file(path: Path) -> Path:
    """Return the file that a path means: itself, or the best of a run folder."""
    if has_folder(path):
        if not has_file(path / RUN_FILE):
            raise LenszooError(f"{path} is no run folder: it has no {RUN_FILE}.")
        if not has_file(path / BEST):
            raise LenszooError(f"Run folder {path} has no {BEST}: train for an epoch at least.")
        return path / BEST
    if not has_file(path):
        raise LenszooError(f"There is no file {path}.")
    if not path.name.endswith((WEIGHTS, MODEL)):
        raise LenszooError(f"{path} is not a file of weights: expected {WEIGHTS} or {MODEL}.")
    return path


def _are_same(classes: Sequence[str], others: Sequence[str]) -> bool:
    return list(map(canonical_class, classes)) == list(map(canonical_class, others))


def _stamp(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _read_run(path: Path) -> dict[str, Any]:
    if not has_file(path):
        return {}
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise LenszooError(f"Cannot read {path}: {error}.") from error
    if not isinstance(run, dict):
        raise LenszooError(f"Cannot read {path}: it holds no object.")
    for field, is_sound in _FIELDS.items():
        if run.get(field) is not None and not is_sound(run[field]):
            raise LenszooError(f"{path} is damaged: its field {field!r} is not what a run writes.")
    return run


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _are_bands(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(band, str | int) for band in value)


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and 0 < value < float("inf")


def _is_share(value: Any) -> bool:
    return isinstance(value, float) and 0 < value < 1


_FIELDS = {
    "classes": _are_names,
    "bands": _are_bands,
    "pixel_scale": _is_positive,
    "prevalence": _is_share,
}
"""Fields of a run.json that are used, each with its check."""
