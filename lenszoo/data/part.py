"""Image that is part of a larger file: a square of it, or one of many in it."""

import os
from abc import ABC, abstractmethod

import numpy as np


class ImagePart(os.PathLike[str], ABC):
    """One image of a larger file, which stands wherever a path stands.

    Its text names file and part, its path the file.

    Attributes:
        file: the file; an HDU may stand in brackets.
        place: the part of it, as messages call it.
    """

    def __init__(self, file: str, place: str) -> None:
        self.file, self.place = file, place

    def __str__(self) -> str:
        return f"{self.file}{self.place}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __fspath__(self) -> str:
        return self.file

    def stored(self) -> bytes | None:
        """Return the stored bytes of the image; None where file and place tell it from others."""
        return None

    @abstractmethod
    def read(self) -> np.ndarray:
        """Read the image, float32 (H, W, bands).

        Raises:
            LenszooError: the file is missing or damaged, or has no such part.
        """
