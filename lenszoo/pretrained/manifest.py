"""The manifest: every pretrained weight with its files, recipe, data, metrics and licence.

``weights_manifest.json`` lies at the root of a checkout and inside an installed wheel. Its schema
is the pydantic models below; what does not fit is refused with the file and the field named.
"""

import datetime
import fnmatch
import functools
import json
import os
from collections.abc import Sequence
from configparser import ConfigParser
from configparser import Error as ConfigError
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    StringConstraints,
    ValidationError,
    model_validator,
)

from lenszoo import files as _files
from lenszoo.errors import LenszooError, unknown
from lenszoo.models.registry import natural
from lenszoo.trained_observation import Observation
from lenszoo.trained_scale import InputScale

FILE_NAME = "weights_manifest.json"
"""Name of the manifest, at a checkout's root and in the wheel's ``lenszoo/_data``."""

SUFFIX = ".weights.h5"
"""How a file of weights ends, as Keras requires."""

_PACKAGE = Path(__file__).resolve().parents[1]

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
# Plain file names: they become paths in a cache and the ends of addresses.
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,199}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,60}\.[A-Za-z0-9_-]{1,60}$")]


class _Strict(BaseModel):
    """Refuses fields it does not know, so that a typo is noticed, and NaN, which JSON lacks."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class WeightsFile(_Strict):
    """One published file.

    Attributes:
        path: its name in the ``weights/`` folder and on every mirror.
        sha256: its hash in hexadecimal digits.
        bytes: its size.
        urls: full addresses of this file that are asked before the manifest's mirrors.
    """

    path: FileName
    sha256: Sha256
    bytes: PositiveInt
    urls: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: Path, urls: Sequence[str] = ()) -> Self:
        """Describe an existing file."""
        return cls(
            path=path.name,
            sha256=_files.sha256_of(path),
            bytes=path.stat().st_size,
            urls=tuple(urls),
        )


class Fingerprint(_Strict):
    """The loaded model's answer to a fixed input, which catches weights in a wrong place.

    Attributes:
        seed: seeds the input, ``Generator(Philox(seed)).random((2, *input_shape), float32)``.
        logits: the answer, one row an image.
        atol: how far a backend's rounding may take it.
    """

    seed: Annotated[int, Field(ge=0)]
    logits: list[list[float]] = Field(min_length=1)
    atol: Annotated[float, Field(gt=0)]


class WeightsEntry(_Strict):
    """One set of weights.

    Attributes:
        name: ``row.tag``: the model's row in the catalogue and a tag that names the data.
        model: the row.
        input_shape: ``(height, width, bands)`` the weights were trained at; None where any fits.
        num_classes: outputs of the head; None for models without classes.
        classes: the classes' names in the order of the outputs.
        options: options of the factory beyond the row's own defaults.
        files: the published files; several are parts of one file, in order.
        sha256: hash of the whole file; given when there are parts, else that of the only file.
        recipe: file name in ``lenszoo/recipes`` that makes these weights again.
        data: the training data (preset, seed, ...).
        metrics: scores, and how they were measured.
        licence: SPDX name of the weights' licence.
        fingerprint: the model's answer to a fixed input.
        pixel_scale: arcsec a pixel of the training images, where it matters.
        inputs: noise, sky level, peak and zero point of the training images, where they matter.
        observation: noise, sharpness, size, shape and place of the light in the training images of
            a classifier, where they matter.
        temperature: divides a classifier's logits for calibrated probabilities; None: the file
            holds it, or it is 1.
        created: the day they were made.
        lenszoo_version: the version that made them.
    """

    name: Name
    model: Annotated[str, StringConstraints(min_length=1)]
    input_shape: tuple[PositiveInt | None, PositiveInt | None, PositiveInt]
    num_classes: PositiveInt | None = None
    classes: tuple[str, ...] = ()
    options: dict[str, Any] = {}
    files: tuple[WeightsFile, ...] = Field(min_length=1)
    sha256: Sha256
    recipe: FileName
    data: dict[str, Any] = {}
    metrics: dict[str, Any] = {}
    licence: Annotated[str, StringConstraints(min_length=1)]
    fingerprint: Fingerprint
    pixel_scale: Annotated[float, Field(gt=0)] | None = None
    inputs: InputScale | None = None
    observation: Observation | None = None
    temperature: Annotated[float, Field(gt=0)] | None = None
    created: datetime.date
    lenszoo_version: Annotated[str, StringConstraints(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _hash_of_one_file(cls, values: Any) -> Any:
        """Fill ``sha256`` from the only file, so that it need not be written twice."""
        if not isinstance(values, dict) or "sha256" in values:
            return values
        files = values.get("files")
        if not isinstance(files, list | tuple) or len(files) != 1:
            return values
        only = files[0].model_dump() if isinstance(files[0], WeightsFile) else files[0]
        if not isinstance(only, dict) or "sha256" not in only:
            return values
        return {**values, "sha256": only["sha256"]}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.name.rpartition(".")[0] != self.model:
            raise ValueError(f"name {self.name!r} is not the model {self.model!r}, a dot and a tag")
        if len(self.files) == 1 and self.files[0].sha256 != self.sha256:
            raise ValueError("sha256 differs from that of the only file")
        if len({file.path for file in self.files}) < len(self.files):
            raise ValueError("files holds one path twice")
        if self.classes and self.num_classes is not None:
            # One output decides between two classes.
            expected = 2 if self.num_classes == 1 else self.num_classes
            if len(self.classes) != expected:
                raise ValueError(f"{len(self.classes)} classes for num_classes {self.num_classes}")
        return self

    @property
    def tag(self) -> str:
        """The part of the name after the dot."""
        return self.name.rpartition(".")[2]

    @property
    def bytes(self) -> int:
        """Size of the whole file."""
        return sum(file.bytes for file in self.files)

    @property
    def file_name(self) -> str:
        """Name of the whole file, ``row.tag.weights.h5``."""
        return self.name + SUFFIX


class Manifest(_Strict):
    """The whole table.

    Attributes:
        schema_version: this layout's number.
        base_url: mirrors of the ``weights/`` folder in the order they are asked: http(s) or file
            addresses, or folders.
        retired: names that are no longer in use, each with the one that took its place.
        entries: the weights.
    """

    schema_version: Literal[1] = 1
    base_url: tuple[str, ...] = ()
    retired: dict[Name, Name] = {}
    entries: tuple[WeightsEntry, ...] = ()

    @model_validator(mode="after")
    def _unique(self) -> Self:
        seen: dict[str, str] = {}
        for entry in self.entries:
            for what in (entry.name, *(file.path for file in entry.files)):
                if what in seen:
                    raise ValueError(f"{what!r} stands in {seen[what]} and again in {entry.name}")
                seen[what] = entry.name
        for old in self.retired:
            if old in seen:
                raise ValueError(f"{old!r} is retired and has an entry")
            if self.replacement(old) not in seen:
                raise ValueError(f"{old!r} is retired and {self.retired[old]!r} has no entry")
        return self

    def replacement(self, name: str) -> str:
        """The name in use in place of a retired one; other names are their own."""
        for _ in self.retired:  # no more steps than there are names, even round in a circle
            name = self.retired.get(name, name)
        return name

    def names(self) -> list[str]:
        """All names, in natural order."""
        return sorted((entry.name for entry in self.entries), key=natural)


def checkout_root() -> Path | None:
    """Return the checkout this package is imported from; None for an installed wheel."""
    root = _PACKAGE.parent
    config = ConfigParser(interpolation=None)
    try:
        read = config.read(root / "setup.cfg", encoding="utf-8")
    except (ConfigError, UnicodeDecodeError):
        return None
    named = config.get("metadata", "name", fallback="").strip()
    return root if read and named == "lenszoo" else None


def packaged_data() -> Path:
    """Return the folder where a wheel carries the manifest and the small weights."""
    return _PACKAGE / "_data"


def manifest_path() -> Path:
    """Find the manifest: ``LENSZOO_MANIFEST``, then the wheel's own, then the checkout's.

    Raises:
        LenszooError: when there is none.
    """
    override = os.environ.get("LENSZOO_MANIFEST", "").strip()
    if override:
        path = _files.expanded(override)
        if not _files.has_file(path):
            raise LenszooError(f"LENSZOO_MANIFEST names {path}, which is no file; unset it.")
        return path
    root = checkout_root()
    places = [packaged_data() / FILE_NAME, *([root / FILE_NAME] if root else [])]
    for path in places:
        if path.is_file():
            return path
    looked = " and ".join(map(str, places))
    raise LenszooError(f"No manifest at {looked}: install lenszoo again or set LENSZOO_MANIFEST.")


def load_manifest(path: str | os.PathLike[str] | None = None) -> Manifest:
    """Read and validate a manifest.

    Args:
        path: the file; by default the one ``manifest_path`` finds.

    Raises:
        LenszooError: when it is missing, is no JSON or breaks the schema; names file and field.
    """
    where = Path(path) if path is not None else manifest_path()
    try:
        status = where.stat()
    except OSError as error:
        reason = error.strerror or str(error)
        raise LenszooError(f"Cannot read the manifest {where}: {reason}.") from error
    return _parsed(where, status.st_ino, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=8)
def _parsed(where: Path, *stamp: int) -> Manifest:
    """Read a manifest once for as long as ``stamp`` (inode, time, size) stays the same."""
    try:
        text = where.read_text(encoding="utf-8")
        content = json.loads(text, parse_constant=_no_constant)
    except OSError as error:
        reason = error.strerror or str(error)
        raise LenszooError(f"Cannot read the manifest {where}: {reason}.") from error
    except (ValueError, RecursionError) as error:  # also bytes that are no UTF-8
        raise LenszooError(f"The manifest {where} is no valid JSON: {error}.") from error
    return validated(content, where)


def _no_constant(text: str) -> Any:
    """Refuse NaN and Infinity, which Python would read but JSON does not have."""
    raise ValueError(f"{text} is no JSON number")


def validated(content: Any, where: Path) -> Manifest:
    """Make a manifest of JSON content; LenszooError names the file and the field that is wrong."""
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        raise LenszooError(f"The manifest {where} {_first_fault(error, content)}.") from error


def _first_fault(error: ValidationError, content: Any) -> str:
    """Say in a few words which field is wrong and why."""
    faults = error.errors(include_url=False)
    first = faults[0]
    field = ""
    for step in first["loc"]:
        field += f"[{step}]" if isinstance(step, int) else f".{step}" if field else str(step)
    loc = first["loc"]
    named = ""
    if len(loc) > 1 and loc[0] == "entries" and isinstance(loc[1], int):
        entry = content["entries"][loc[1]]
        name = entry.get("name") if isinstance(entry, dict) else None
        named = f" ({name})" if isinstance(name, str) else ""
    reason = " ".join(first["msg"].removeprefix("Value error, ").split())
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"is wrong at {field or 'its top'}{named}: {reason}{more}"


def list_weights(pattern: str = "*") -> list[str]:
    """List the names of all weights that match a pattern with shell wildcards, in natural order.

    Raises:
        LenszooError: when the manifest is missing or wrong.

    Example:
        >>> from lenszoo import list_weights
        >>> list_weights("srcnn.*")
        ['srcnn.sr_75_150_sim']
    """
    return [name for name in load_manifest().names() if fnmatch.fnmatchcase(name, pattern)]


def get_entry(
    name: str, *, model: str | None = None, manifest: Manifest | None = None
) -> WeightsEntry:
    """Return the entry of a full name ``row.tag``, or of a tag of the given model.

    Args:
        name: the full name; with ``model``, the tag alone will do.
        model: the row whose tag is meant.
        manifest: where to look; by default the one ``load_manifest`` finds.

    Raises:
        LenszooError: for an unknown name, with the nearest legal ones; for a retired one, with what
            took its place; for a bad manifest.
    """
    manifest = manifest or load_manifest()
    entries = {entry.name: entry for entry in manifest.entries}
    for candidate in (name, f"{model}.{name}"):
        if candidate in entries:
            return entries[candidate]
        if candidate in manifest.retired:
            raise LenszooError(
                f"Weights {candidate} are retired; {manifest.replacement(candidate)} took their "
                "place."
            )
    of_name = [full for full, entry in entries.items() if entry.model == name]
    if of_name and model is None:
        raise LenszooError(f"{name} is a model, its weights are {', '.join(of_name)}.")
    of_model = [full for full, entry in entries.items() if entry.model == model]
    raise unknown("weights", name, of_model or entries)
