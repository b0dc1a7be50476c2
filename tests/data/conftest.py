"""Small datasets on disk, made fresh for each test."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

SIDE = 12


@pytest.fixture
def deeplense(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of class folders in the DeepLense layout; file i of a class is i.npy."""

    def make(per_class: int = 4, classes: tuple[str, ...] = ("no", "sphere", "vort")) -> Path:
        rng = np.random.default_rng(5)
        root = tmp_path / "set"
        for name in classes:
            (root / name).mkdir(parents=True)
            for i in range(per_class):
                np.save(root / name / f"{i}.npy", rng.random((1, SIDE, SIDE)))
        return root

    return make
