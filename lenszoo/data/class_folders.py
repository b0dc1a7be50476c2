"""Class folders of a dataset: one folder of images a class, listed in natural order."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

from lenszoo.data.formats import IMAGE_SUFFIXES, is_image_file
from lenszoo.data.names import (
    LENS_CLASSES,
    SET_PREFIXES,
    canonical_class,
    find_class,
    name_classes,
    natural_key,
)
from lenszoo.errors import LenszooError, counted


def _listing(folder: Path) -> tuple[list[str], list[str], int]:
    """Return a folder's sub-folders and image files, natural order, and its number of others."""
    folders, files, others = [], [], 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith((".", "__")):
                    continue
                if entry.is_dir():
                    folders.append(entry.name)
                elif is_image_file(entry.name):
                    files.append(entry.name)
                else:
                    others += 1
    except FileNotFoundError:
        raise LenszooError(f"{folder}: no such folder.") from None
    except OSError as error:
        raise LenszooError(f"{folder}: cannot be listed ({error.strerror}).") from error
    return sorted(folders, key=natural_key), sorted(files, key=natural_key), others


def open_folder(root: Path) -> tuple[Path, list[str], list[str]]:
    """Return a dataset's folder, its class folders and its image files.

    ``DIR/train`` may also mean the class folders ``DIR/train_lenses`` and ``DIR/train_nonlenses``.
    """

    def of_set(folders: list[str], prefix: str) -> list[str]:
        names = [f for f in folders if f.casefold().startswith(prefix)]
        return [f for f in names if canonical_class(f) in LENS_CLASSES]

    prefix = f"{root.name}_".casefold()
    if prefix in SET_PREFIXES and not root.exists() and root.parent.is_dir():
        folders = of_set(_listing(root.parent)[0], prefix)
        if folders:
            return root.parent, folders, []
    folders, files, _ = _listing(root)
    sets = [prefix for prefix in SET_PREFIXES if of_set(folders, prefix)]
    if len(sets) > 1:
        names = " or ".join(str(root / prefix[:-1]) for prefix in sets)
        raise LenszooError(
            f"{root}: holds several sets side by side ({', '.join(folders[:4])}); give one at a "
            f"time, as {names}."
        )
    return root, folders, files


def class_files(top: Path, folder: str) -> list[str]:
    """Return the names of the images of one class folder, at least one."""
    inner, files, others = _listing(top / folder)
    if files:
        if inner or others:
            warnings.warn(
                f"{top / folder}: {counted(len(inner), 'folder')} and "
                f"{counted(others, 'file')} are passed over beside {len(files)} images; read are "
                f"{', '.join(IMAGE_SUFFIXES)}.",
                stacklevel=2,
            )
        return files
    if inner:
        raise LenszooError(
            f"{top}: {folder} holds folders ({', '.join(inner[:4])}), not images; "
            f"give one set at a time, such as {top / folder}."
        )
    raise LenszooError(f"{top / folder}: this class folder holds no images; fill or remove it.")


def order_classes(
    folders: list[str], classes: Sequence[str] | None, source: str
) -> tuple[list[str], list[str]]:
    """Return the class names, and the folders in the order of their classes."""
    if classes is None:
        names = list(name_classes(folders, source))
        return names, sorted(folders, key=lambda f: find_class(f, names, source))
    labels = {folder: find_class(folder, classes, source) for folder in folders}
    for folder in folders:
        twin = next(f for f in folders if labels[f] == labels[folder])
        if twin != folder:
            raise LenszooError(
                f"{source}: folders {twin} and {folder} name the same class; merge them."
            )
    return list(classes), sorted(folders, key=lambda f: labels[f])
