from pathlib import Path

import pytest
from oneline import one_line

from lenszoo.data.image_table import read_listed

ROWS = "name,g,r,kind,group,mag\na,1g.npy,1r.npy,sphere,x,20.5\nb,2g.npy,2r.npy,no,x,21\n"


@pytest.fixture
def read(tmp_path):
    """Read a table of two bands."""

    def rows(text):
        (tmp_path / "table.csv").write_text(text)
        path = tmp_path / "table.csv"
        return read_listed(path, None, "name", ["g", "r"], "kind", None, None, None)

    return rows


def test_rows_hold_what_the_columns_say(read, tmp_path):
    listed = read(ROWS)
    assert listed.ids == ("a", "b") and listed.class_names == ("no", "sphere")
    assert listed.labels.tolist() == [1, 0] and listed.groups == ("x", "x")
    assert listed.paths[0] == (tmp_path / "1g.npy", tmp_path / "1r.npy")
    assert listed.base == tmp_path and Path(listed.table) == tmp_path / "table.csv"
    assert listed.beside.column_names == ["mag"]


def test_a_group_without_a_name_is_refused(read):
    one_line("has no value in column 'group'", lambda: read(ROWS.replace("no,x", "no,nan")))
