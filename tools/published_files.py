"""Files of weights, as `weights/` holds them, copied into a folder to be published."""

import shutil
from pathlib import Path

from lenszoo.errors import LenszooError
from lenszoo.pretrained.manifest import WeightsEntry


def copy_files(entry: WeightsEntry, root: Path, folder: Path) -> list[Path]:
    """Copy the files of an entry and return the copies, in order.

    Args:
        entry: the weights.
        root: the checkout, whose ``weights/`` holds the files.
        folder: where they go, under their own names.

    Raises:
        LenszooError: a file is missing.
    """
    copies = []
    for file in entry.files:
        source = root / "weights" / file.path
        if not source.is_file():
            raise LenszooError(f"{source} is missing: get it before publishing {entry.name}.")
        copies.append(Path(shutil.copyfile(source, folder / file.path)))
    return copies
