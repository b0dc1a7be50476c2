"""Names: natural order, and what the classes of a dataset may be called."""

import re
from collections.abc import Iterable, Sequence

from lenszoo.errors import LenszooError, unknown

LENS_CLASSES = ("nonlens", "lens")
"""The classes of lens finding, in the order of their labels: 1 is a lens."""

SET_PREFIXES = ("train_", "val_", "test_")
"""Beginnings of class folders where several sets of a dataset lie side by side."""

GROUP = "group"
"""The column of a table that names the groups which no split may divide."""

_WHOLE = re.compile(r"([+-]?[0-9]{1,18})(?:\.0*)?")  # labels that went through a float
_TRUTHS = {"false": "0", "true": "1"}
_NEGATIONS = ("non", "non_", "non-", "no", "no_", "not_")
_LENS_NAMES = {f"{no}{name}": "nonlens" for no in _NEGATIONS for name in ("lens", "lenses")}
_LENS_NAMES |= {"lens": "lens", "lenses": "lens"}

CLASS_ALIASES = {"no_sub": "no", "cdm": "sphere", "axion": "vort"} | {
    f"{part}{name}": lens_class
    for name, lens_class in _LENS_NAMES.items()
    for part in ("", *SET_PREFIXES)
}
"""Other names of classes: DeepLense's (no substructure, point-mass subhalos, a vortex), and those
of lens finding, such as ``train_lenses`` or ``nolens``."""


def natural_key(text: str) -> list[str | int]:
    """Sort key under which "img2" comes before "img10"."""
    parts = re.split(r"([0-9]+)", text)
    return [int(part) if i % 2 else part.casefold() for i, part in enumerate(parts)]


def canonical_class(name: str) -> str:
    """Return the name that all aliases of a class share.

    ``"CDM"`` and ``"sphere"`` agree, and so do ``"0"``, ``"0.0"`` and ``"False"``.
    """
    folded = name.strip().casefold()
    whole = _WHOLE.fullmatch(folded)
    if whole:
        return str(int(whole[1]))
    return _TRUTHS.get(folded) or CLASS_ALIASES.get(folded, folded)


NO_LABEL = frozenset(("", "-", "--", "nan", "null", "na", "n/a", "<na>"))
"""Texts, in lower case, that stand for a missing label; ``none`` is a class of its own."""

HOST, LENS = "host", LENS_CLASSES[1]
"""Kinds of galaxies that mean something: to paint lenses on, and real lenses."""


def galaxy_kind(name: str) -> str:
    """Kind of a galaxy by a cell's text: empty means ``host``, any name of the class ``lens``.

    >>> galaxy_kind(""), galaxy_kind("NaN"), galaxy_kind("Lenses"), galaxy_kind("ring")
    ('host', 'host', 'lens', 'ring')
    """
    kind = canonical_class(name)
    return LENS if kind == LENS else HOST if kind == HOST or kind in NO_LABEL else name


def name_classes(names: Iterable[str], source: str) -> tuple[str, ...]:
    """Return the class names of a dataset without a model, in the order of their labels.

    They are sorted with aliases in one place; but where they are a lens class and a non-lens class,
    they become :data:`LENS_CLASSES`. Whole numbers lose the point that a float has: ``2.0`` is the
    class ``2``.

    Args:
        names: the names that occur, each once.
        source: the table or folder, for the error.

    Raises:
        LenszooError: two of them name the same class, such as ``Lens`` and ``lens``, or one stands
            for a missing label.
    """
    names = list(names)
    missing = [name for name in names if name.strip().casefold() in NO_LABEL]
    if missing:
        raise LenszooError(
            f"{source}: a label is {missing[0]!r}, which stands for none: name the class of each "
            "image, or leave it out."
        )
    forms: dict[str, list[str]] = {}
    for name in sorted(names):
        forms.setdefault(canonical_class(name), []).append(name)
    several = [", ".join(map(repr, same)) for same in forms.values() if len(same) > 1]
    if several:
        raise LenszooError(
            f"{source}: {' and '.join(several)} name the same class: write each class one way."
        )
    ordered = sorted(names, key=lambda name: natural_key(canonical_class(name)))
    if sorted(map(canonical_class, ordered)) == sorted(LENS_CLASSES):
        return LENS_CLASSES
    if all("." in name and _WHOLE.fullmatch(name.strip()) for name in ordered):
        return tuple(map(canonical_class, ordered))
    return tuple(ordered)


def find_label(text: str, classes: Sequence[str], source: str) -> int:
    """Return the position of a label's class, by its name or alias, or else the whole number it is.

    Raises:
        LenszooError: it is none of ``classes`` and no position among them.

    >>> find_label("2.0", ("no", "sphere", "vort"), "t.csv"), find_label("2", ("2", "1", "0"), "")
    (2, 0)
    """
    number = canonical_class(text)
    is_name = number in map(canonical_class, classes)
    if not is_name and number.isdecimal() and int(number) < len(classes):
        return int(number)
    return find_class(text, classes, source)


def find_class(name: str, classes: Sequence[str], source: str) -> int:
    """Return the position of a class, by its name or else by its alias.

    Raises:
        LenszooError: it is none of ``classes``.
    """
    if name in classes:
        return list(classes).index(name)
    canonical = [canonical_class(c) for c in classes]
    if canonical_class(name) not in canonical:
        raise unknown(f"class in {source}:", name, classes, "These are the model's classes.")
    return canonical.index(canonical_class(name))
