"""Packages of weights: ``pip install lenszoo-weights-finders`` brings files of weights along.

Such a package holds nothing but files. It names itself in the group ``lenszoo.weights`` of entry
points, and its folder is one more place where weights are looked for. ``make weight-packages`` of a
checkout builds them.
"""

import importlib.util
import logging
from fnmatch import fnmatchcase
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

logger = logging.getLogger("lenszoo")

GROUP = "lenszoo.weights"
FAMILIES: dict[str, tuple[str, ...]] = {
    "finders": ("lens_finder.*",),
    "super-resolution": ("sr*", "esrn_*"),
    "vit": ("vit_*", "beit_*", "mobilevit_*"),
    "resnet50": ("resnet50.*",),
    "classifiers-large": ("resnet34.*", "resnet101.*", "xception.*", "densenet*", "efficientnet*"),
    "classifiers": ("*",),
}
"""Families of weights, and the patterns of their names; the first that fits counts."""


def family_of(name: str) -> str:
    """Return the family of weights, such as ``finders``."""
    fitting = (
        family
        for family, patterns in FAMILIES.items()
        if any(fnmatchcase(name, pattern) for pattern in patterns)
    )
    return next(fitting)


def package_of(name: str) -> str:
    """Return the name of the package that holds weights, as pip knows it.

    Example:
        >>> from lenszoo.pretrained.packages import package_of
        >>> package_of("lens_finder.easy_sim")
        'lenszoo-weights-finders'
    """
    return f"lenszoo-weights-{family_of(name)}"


@cache
def package_folders() -> tuple[Path, ...]:
    """Return the folders of the installed packages of weights; none of their code is run."""
    folders = []
    for point in sorted(entry_points(group=GROUP)):
        try:
            spec = importlib.util.find_spec(point.value)
        except (ImportError, ValueError):
            spec = None
        places = spec.submodule_search_locations if spec else None
        if places is None:
            logger.warning(
                "The package of weights %s is installed in part: install it again.", point.value
            )
            continue
        folders += [Path(place) for place in places]
    return tuple(folders)
