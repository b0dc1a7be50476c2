import pytest
from tinyzoo import NAME

pytestmark = pytest.mark.usefixtures("own_manifest")


def test_the_most_similar_are_listed_or_written(lenszoo, refused, zoo, tmp_path):
    file = tmp_path / "v.parquet"
    lenszoo("embed", NAME, zoo.data / "val", "--out", file)
    lines = lenszoo("similar", file, "vort/3.npy", "--count", 4).stdout.splitlines()
    assert lines[0].split() == ["rank", "id", "similarity", "path"] and len(lines) == 5
    assert sum("vort/" in line.split()[1] for line in lines[1:]) >= 3  # of one class
    done = lenszoo("similar", file, "vort/3.npy", "--out", tmp_path / "s.csv")
    assert done.stdout == f"{tmp_path / 's.csv'}: 20 objects like vort/3.npy\n"
    assert "no object 'gone'" in refused("similar", file, "gone")
    assert "is an input" in refused("similar", file, "vort/3.npy", "--out", file)
