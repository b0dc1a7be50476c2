import pytest
from tinyvetting import open_results


@pytest.fixture
def session(tmp_path):
    """A small search, opened to be vetted."""
    session = open_results(tmp_path)
    yield session
    session.grades.close()
