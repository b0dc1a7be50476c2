import pytest
from tinyfixtures import finder, opened, own_manifest, stack, survey, zoo

__all__ = ["finder", "opened", "own_manifest", "stack", "survey", "zoo"]


@pytest.fixture(autouse=True)
def _own_manifest(own_manifest):
    """Every test of this folder has a zoo of its own."""
