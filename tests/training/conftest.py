from pathlib import Path

import pytest
from tinyrun import recipe_fields, write_images


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_images(tmp_path / "images")


@pytest.fixture
def fields(images: Path) -> dict:
    return recipe_fields(images)
