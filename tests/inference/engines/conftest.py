import pytest


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    """Each test converts into a cache folder of its own."""
    monkeypatch.setenv("LENSZOO_CACHE", str(tmp_path / "cache"))
