"""What weights are called: like their recipe, with a version where a name is taken."""

import os
import re
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from lenszoo.errors import LenszooError, unknown
from lenszoo.pretrained.manifest import FileName, Manifest, Name
from lenszoo.tasks.recipes import recipe_files

_VERSION = re.compile(r"_v(\d+)$")


def check_name(name: str) -> str:
    """The name, which is ``row.tag``.

    Raises:
        LenszooError: it cannot be one of weights.
    """
    try:
        return TypeAdapter(Name).validate_python(name)
    except ValidationError as error:
        raise LenszooError(
            f"{name!r} cannot name weights: ROW.TAG, of letters, digits, _ and - (60 each at most)."
        ) from error


def split_version(name: str) -> tuple[str, int]:
    """A name without its version, and the version: ``("a.b", 3)`` of ``a.b_v3``, 1 of ``a.b``."""
    found = _VERSION.search(name)
    return (name[: found.start()], int(found[1])) if found else (name, 1)


def recipes_of(name: str, recipe: str | os.PathLike[str] | None = None) -> list[Path]:
    """Recipes that weights of a name may be of, the likeliest first.

    That is the packaged one of the name; where ``NAME_v3`` is none, ``NAME_v2`` and ``NAME``.

    Args:
        name: ``row.tag``.
        recipe: the only one to be thought of.

    Raises:
        LenszooError: there is none, or the file is called as no manifest can keep.
    """
    if recipe is not None:
        file = Path(recipe)
        try:
            TypeAdapter(FileName).validate_python(file.name)
        except ValidationError as error:
            raise LenszooError(
                f"{file}: call the recipe with letters, digits and . _ + - alone."
            ) from error
        return [file]
    packaged = _packaged()
    base, version = split_version(name)
    before = [f"{base}_v{i}" for i in range(version - 1, 1, -1)]
    known = [packaged[n] for n in dict.fromkeys((name, *before, base)) if n in packaged]
    if not known:
        raise unknown("recipe", name, packaged, "Weights are called like their recipe.")
    return known[:1] if name in packaged else known


def free_name(name: str, manifest: Manifest) -> str:
    """The next version of a name that is neither published nor the name of another recipe."""
    base, taken = split_version(name)[0], _taken(manifest) | _packaged().keys()
    return next(n for i in range(2, len(taken) + 3) if (n := f"{base}_v{i}") not in taken)


def is_taken(name: str, manifest: Manifest) -> bool:
    """Whether weights of that name are published or once were."""
    return name in _taken(manifest)


def _taken(manifest: Manifest) -> set[str]:
    return {entry.name for entry in manifest.entries} | manifest.retired.keys()


def _packaged() -> dict[str, Path]:
    return {path.stem: path for path in recipe_files()}
