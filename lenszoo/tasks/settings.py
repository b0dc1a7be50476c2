"""Fields of recipes from a command line: ``FIELD=VALUE`` and ``--data PATH``."""

import tomllib
import types
import typing
from typing import Any, Literal

from pydantic import BaseModel

from lenszoo.errors import LenszooError, unknown
from lenszoo.models.registry import CATALOG
from lenszoo.tasks import DEFAULT, find
from lenszoo.tasks.recipe_tables import without_effect
from lenszoo.tasks.recipes import Recipe, recipe_files


def starting_fields(recipe: str) -> dict[str, Any]:
    """Return the fields of a packaged recipe, of a TOML file, or for a model's name.

    Raises:
        LenszooError: there is no such recipe or model.
    """
    if recipe in CATALOG:
        return {"task": CATALOG[recipe].task, "model": recipe, "data": {}}
    names = [path.stem for path in recipe_files()]
    if recipe in names or recipe.endswith(".toml"):
        return Recipe.load(recipe).model_dump(mode="json", exclude_unset=True)
    raise unknown(
        "model or recipe", recipe, [*CATALOG, *names], "Or give the path of a .toml file."
    )


def set_source(fields: dict[str, Any], data: str | None, preset: str | None) -> None:
    """Put ``--data`` or ``--preset`` in place of the data of a recipe's fields.

    Raises:
        LenszooError: both are given, or neither and the recipe names no data.
    """
    kind = _kind_of(fields).model_fields["data"].annotation
    table = dict(fields.get("data") or {})
    if data is not None and preset is not None:
        raise LenszooError("Give --data or --preset, not both.")
    if data is not None or preset is not None:
        new = {"preset": preset} if data is None else kind.from_path(data)
        source = next(name for name in kind.sources if name in new)
        gone = {*kind.sources, *kind.partners, *without_effect(kind.sources, source)}
        table = {name: value for name, value in table.items() if name not in gone} | new
        # a sky has fresh images in place of folds; files have no scenes to draw or to change
        for name in ("folds",) if data is None else ("curriculum", "corpus"):
            fields.pop(name, None)
    if all(table.get(name) is None for name in kind.sources):
        raise LenszooError("Nothing to train on: give --data FOLDER-or-CSV or --preset NAME.")
    fields["data"] = table


def set_field(fields: dict[str, Any], key: str, value: Any) -> None:
    """Set a field by its dotted name, such as ``optimizer.learning_rate``; None sets nothing.

    Raises:
        LenszooError: a part of the name is no table.
    """
    if value is None:
        return
    *tables, name = key.split(".")
    for part in tables:
        table = fields.get(part) or {}
        if not isinstance(table, dict):
            raise LenszooError(f"{key}: {part} is a value and no table of a recipe.")
        fields[part] = dict(table)
        fields = fields[part]
    fields[name] = value


def set_text(fields: dict[str, Any], setting: str) -> None:
    """Set a field from ``FIELD=VALUE``: the value as TOML writes it, or bare text.

    A list may be written with commas: ``data.bands=g,r,i``.

    Raises:
        LenszooError: there is no ``=``. A wrong field or value is found when the recipe is checked.
    """
    key, sign, text = setting.partition("=")
    if not sign or not key.strip():
        raise LenszooError(
            f"--set {setting!r}: give FIELD=VALUE, such as optimizer.weight_decay=1e-4."
        )
    key = key.strip()
    set_field(fields, key, _value(text.strip(), _annotation(_kind_of(fields), key)))


def _kind_of(fields: dict[str, Any]) -> Any:
    return find(str(fields.get("task", DEFAULT))).recipe


def _annotation(kind: Any, key: str) -> Any:
    """The type of a field by its dotted name; None where it is free or unknown."""
    for part in key.split("."):
        tables = [
            each
            for each in _members(kind)
            if isinstance(each, type) and issubclass(each, BaseModel)
        ]
        field = next((t.model_fields[part] for t in tables if part in t.model_fields), None)
        if field is None:
            return None
        kind = field.annotation
    return kind


def _members(annotation: Any) -> tuple[Any, ...]:
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return typing.get_args(annotation) if union else (annotation,)


def _value(text: str, annotation: Any) -> Any:
    members = [each for each in _members(annotation) if each is not type(None)]
    words = [typing.get_args(each) for each in members if typing.get_origin(each) is Literal]
    if members == [str] or any(text in legal for legal in words):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except RecursionError:
        raise LenszooError(f"--set {text[:40]}...: nested too deeply.") from None
    except ValueError:  # no TOML, or a number of thousands of digits
        lists = any(typing.get_origin(each) in (list, tuple) for each in members)
        return [_value(part.strip(), None) for part in text.split(",")] if lists else text
