"""Directives that write tables from the code: recipes, the command line, model families, the API.

Nothing in those tables is typed by hand, so none of it can go out of date.
"""

import importlib
import inspect
import re
import typing
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from docutils import nodes
from pydantic import BaseModel
from sphinx.util.docutils import SphinxDirective

import lenszoo


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table; a pipe inside a cell is escaped."""

    def line(cells: Iterable[str]) -> str:
        shown = (" ".join(cell.split()).replace("|", "\\|") for cell in cells)
        return "| " + " | ".join(shown) + " |"

    return "\n".join([line(head), "|" + "---|" * len(head), *map(line, rows)]) + "\n"


class Generated(SphinxDirective):
    """A directive whose content is text in the markup of its page."""

    optional_arguments = 2
    final_argument_whitespace = False

    def text(self) -> str:
        """Write the content."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Parse the content where the directive stands."""
        return self.parse_text_to_nodes(self.text(), allow_section_headings=True)


# ---- recipes


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _models_in(part)


def _type(annotation: Any) -> str:
    """Write a type as TOML has it."""
    inner = [part for part in typing.get_args(annotation) if part is not type(None)]
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return ", ".join(f"`{part!r}`".replace("'", '"') for part in inner)
    if origin is typing.Annotated:
        return _type(inner[0])
    if origin in (list, tuple):
        return f"list of {_type(inner[0])}" if inner else "list"
    if origin is dict:
        return "table"
    if inner:
        return " or ".join(dict.fromkeys(_type(part) for part in inner))
    models = list(_models_in(annotation))
    if models:
        return f"[table](#{_anchor(models[0])})"
    names = {str: "string", int: "integer", float: "number", bool: "true or false"}
    return names.get(annotation, "any")


def _anchor(model: type[BaseModel]) -> str:
    return f"recipe-{model.__name__.lower()}"


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return ""
    if isinstance(value, BaseModel):
        return "its defaults"
    if value in ((), [], {}):
        return "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value!r}`".replace("'", '"')


def fields(model: type[BaseModel], without: Iterable[str] = ()) -> str:
    """Write the fields of a recipe or of one of its tables."""
    rows = [
        (f"`{name}`", _type(field.annotation), _default(field), field.description or "")
        for name, field in model.model_fields.items()
        if name not in without
    ]
    return table(("field", "type", "default", "meaning"), rows)


def _tables_of(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for field in model.model_fields.values():
        for part in _models_in(field.annotation):
            yield part
            yield from _tables_of(part)


def _recipes() -> dict[str, type[BaseModel]]:
    from lenszoo import tasks

    return {name: info.recipe for name, info in tasks.infos().items()}


class RecipeFields(Generated):
    """``{recipe-fields} TASK``: the fields of a task's recipe, or those all tasks share."""

    def text(self) -> str:
        """Write the fields."""
        recipes = _recipes()
        shared = set.intersection(*(set(recipe.model_fields) for recipe in recipes.values()))
        first = next(iter(recipes.values())).model_fields

        def own(recipe: type[BaseModel]) -> list[str]:
            return [name for name in recipe.model_fields if name not in alike]

        alike = {
            name
            for name in shared
            if all(
                recipe.model_fields[name].description == first[name].description
                and _default(recipe.model_fields[name]) == _default(first[name])
                for recipe in recipes.values()
            )
        }
        if self.arguments:
            recipe = recipes[self.arguments[0]]
            return fields(recipe, without=set(recipe.model_fields) - set(own(recipe)))
        recipe = next(iter(recipes.values()))
        return fields(recipe, without=own(recipe))


class RecipeTables(Generated):
    """``{recipe-tables}``: every table inside a recipe, once."""

    def text(self) -> str:
        """Write a section for each."""
        recipes = _recipes()
        tables = dict.fromkeys(part for recipe in recipes.values() for part in _tables_of(recipe))
        parts = []
        for model in sorted(tables, key=lambda model: model.__name__):
            about = inspect.cleandoc(model.__doc__ or "").split("\n\n")[0].replace("\n", " ")
            parts.append(f"({_anchor(model)})=\n### {model.__name__}\n\n{about}\n\n{fields(model)}")
        return "\n".join(parts)


# ---- the command line


class CommandLine(Generated):
    """``{command-line}``: every verb with its arguments, options and examples."""

    def text(self) -> str:
        """Write a section for each verb."""
        import typer

        from lenszoo.cli import app

        return "\n".join(self._group(typer.main.get_command(app), "lenszoo"))

    def _group(self, group: Any, path: str) -> Iterator[str]:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from self._group(command, f"{path} {name}")
            elif not command.hidden:
                yield self._verb(command, f"{path} {name}")

    def _verb(self, command: Any, path: str) -> str:
        about = _code_options(inspect.cleandoc(command.help or "").replace("\f", ""))
        parts = [f"## {path}", about]
        examples = [line.removeprefix("Example: ") for line in (command.epilog or "").split("\n\n")]
        if any(examples):
            parts.append("```sh\n" + "\n".join(filter(None, examples)) + "\n```")
        rows = [
            (
                f"`{_parameter_name(parameter)}`",
                _choices(parameter),
                "required" if parameter.required else _plain_default(parameter.default),
                _code_options(getattr(parameter, "help", "") or ""),
            )
            for parameter in command.params
        ]
        parts.append(table(("argument or option", "choices", "default", "meaning"), rows))
        return "\n\n".join(parts) + "\n"


def _code_options(text: str) -> str:
    """Mark options in a text as code: two hyphens would become a dash."""
    return re.sub(r"(?<![`\w-])(--[a-z][a-z-]*)(?!`)", r"`\1`", text)


def _parameter_name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return (parameter.metavar or parameter.name).upper()
    return max(parameter.opts, key=len)


def _choices(parameter: Any) -> str:
    """List the values of an option that has a few: newer typer keeps the annotation."""
    descriptor = getattr(parameter, "type_descriptor", None)
    if descriptor is None:
        names = getattr(parameter.type, "choices", ())
    elif typing.get_origin(descriptor.annotation) is typing.Literal:
        names = typing.get_args(descriptor.annotation)
    else:
        names = ()
    return ", ".join(f"`{name}`" for name in names)


def _plain_default(value: Any) -> str:
    if value is None or value is False or callable(value) or "Sentinel" in type(value).__name__:
        return ""
    return f"`{getattr(value, 'value', value)}`"


# ---- models and weights


def _card_link(name: str) -> str:
    return f"[`{name}`](/cards/{name}.md)"


class ModelFamily(Generated):
    """``{model-family} PATTERN``: rows of the registry, their weights and their options."""

    optional_arguments = 8

    def text(self) -> str:
        """Write the table of rows, the table of weights and the factories' options."""
        from scores import headline

        from lenszoo.pretrained import get_entry

        names = [name for pattern in self.arguments for name in lenszoo.list_models(pattern)]
        if not names:
            raise self.error(f"no model matches {self.arguments}")
        rows = []
        for name in names:
            spec = lenszoo.model_info(name)
            height, width, bands = spec.input_shape
            shape = f"{height} x {width} x {bands}" if height else f"any size x {bands}"
            count = f"{spec.parameters:,}" if spec.parameters else ""
            rows.append((f"`{name}`", count, shape, f"{spec.min_size}", spec.summary, spec.paper))
        parts = [
            "## Names",
            table(
                ("name", "parameters", "default input", "least side, px", "architecture", "paper"),
                rows,
            ),
        ]
        weights = [w for name in names for w in lenszoo.list_weights(f"{name}.*")]
        parts.append("## Weights")
        if weights:
            scored = [(_card_link(w), headline(get_entry(w)) or "not scored") for w in weights]
            parts.append(table(("weights", "score on unseen simulated scenes (95 %)"), scored))
        else:
            parts.append("No weights for lenses yet.")
        factories = dict.fromkeys(lenszoo.model_info(name).factory for name in names)
        parts.append("## Options\n\nKeywords of the factory are options of `build_model`.")
        for factory in factories:
            target = factory.replace(":", ".")
            parts.append(f"```{{eval-rst}}\n.. autofunction:: {target}\n```")
        return "\n\n".join(parts)


class ModelTable(Generated):
    """``{model-table}``: every row of the registry, a table a task."""

    titles: typing.ClassVar = {
        "classify": "Classifiers",
        "find_lenses": "Lens finders",
        "super_resolve": "Super-resolution",
    }

    def text(self) -> str:
        """Write a section for each task."""
        parts = []
        for task, title in self.titles.items():
            specs = [lenszoo.model_info(name) for name in lenszoo.list_models(task=task)]
            rows = [
                (
                    f"`{spec.name}`",
                    f"{spec.parameters:,}" if spec.parameters else "",
                    spec.summary,
                    spec.paper,
                )
                for spec in specs
            ]
            head = ("name", "parameters", "architecture", "paper")
            parts.append(f"## {title}\n\n{table(head, rows)}")
        return "\n\n".join(parts)


# ---- the API


def _fields_in_rst(model: type[BaseModel]) -> str:
    """Write the fields of a model, with their defaults and units, as a reStructuredText table."""
    lines = [f".. list-table:: Fields of {model.__name__}", "   :header-rows: 1", ""]
    rows = [
        (f"``{name}``", _default(field).replace("`", "``"), field.description or "")
        for name, field in model.model_fields.items()
        if not field.exclude
    ]
    for row in (("field", "default", "meaning"), *rows):
        for mark, cell in zip(("* -", "  -", "  -"), row, strict=True):
            lines.append(f"   {mark} {cell}".rstrip())
    return "\n".join(lines)


class Api(Generated):
    """``.. api:: MODULE [NAME ...]``: a summary and docstrings of all public names, or these."""

    optional_arguments = 16

    def text(self) -> str:
        """Write reStructuredText, functions before classes."""
        package, *names = self.arguments
        module = importlib.import_module(package)
        names = names or [name for name in module.__all__ if name != "__version__"]
        objects = {name: getattr(module, name) for name in names}
        objects = {name: value for name, value in objects.items() if not inspect.ismodule(value)}
        functions = [n for n, v in objects.items() if inspect.isroutine(v)]
        classes = [n for n, v in objects.items() if inspect.isclass(v)]
        parts = [f".. currentmodule:: {package}"]
        for names in (functions, classes):
            if names:
                listed = "\n".join(f"   {name}" for name in names)
                parts.append(f".. autosummary::\n\n{listed}")
        parts += [f".. autofunction:: {package}.{name}" for name in functions]
        for name in classes:
            skipped = "build, call, compute_output_shape, compute_output_spec, get_config"
            members = "" if issubclass(objects[name], tuple) else "\n   :members:"
            parts.append(
                f".. autoclass:: {package}.{name}{members}"
                + (f"\n   :exclude-members: {skipped}, model_config" if members else "")
            )
            if issubclass(objects[name], BaseModel):
                models = [objects[name], *_tables_of(objects[name])]
                parts += [_fields_in_rst(model) for model in models]
        return "\n\n".join(parts) + "\n"


def setup(app: Any) -> dict[str, bool]:
    """Register the directives."""
    for name, directive in (
        ("recipe-fields", RecipeFields),
        ("recipe-tables", RecipeTables),
        ("command-line", CommandLine),
        ("model-family", ModelFamily),
        ("model-table", ModelTable),
        ("api", Api),
    ):
        app.add_directive(name, directive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
