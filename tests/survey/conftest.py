import pyarrow.parquet as pq
import pytest
from tinysky import write_sky

WEIGHTS = "lens_finder.hard_sim_image"


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    """The checkout's weights, no server, and a cache of its own."""
    monkeypatch.setenv("LENSZOO_OFFLINE", "1")
    monkeypatch.setenv("LENSZOO_CACHE", str(tmp_path / "cache"))
    for name in ("LENSZOO_WEIGHTS_URL", "LENSZOO_MANIFEST"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    """A made sky of three tiles with 90 objects."""
    folder = tmp_path_factory.mktemp("sky")
    write_sky(folder, tiles=3, objects=90)
    return folder


@pytest.fixture
def look():
    """Search a sky; return the result."""
    from lenszoo.survey import search

    def run(folder, out, **options):
        options = {"part_rows": 16, "top": 10} | options
        catalogue = options.pop("catalogue", folder / "catalogue.csv")
        tiles = options.pop("tiles", folder / "tiles")
        return search(catalogue, tiles, options.pop("weights", WEIGHTS), out, **options)

    return run


@pytest.fixture
def rows_of():
    """All rows of a folder of results by id, and its candidates."""

    def read(out):
        rows = {row["id"]: row for row in pq.read_table(out / "parts").to_pylist()}
        return rows, pq.read_table(out / "candidates.parquet").to_pylist()

    return read
