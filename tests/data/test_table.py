"""Tables from CSV and Parquet: text, numbers, what is missing, and damage."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from oneline import one_line

from lenszoo.data.table import NotNumbersError, check_ids, read_table
from lenszoo.errors import LenszooError


def _csv(tmp_path, text: str):
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    return read_table(path)


def test_csv_columns_are_stripped_and_missing_cells_are_nan(tmp_path):
    table = _csv(tmp_path, "\ufeffid, mag ,ok\n a , 1.5e1,True\n\nb,null,false\nc\nd,NaN,--\n")
    assert len(table) == 4
    assert table.columns == ("id", "mag", "ok")
    assert table.text("id") == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(table.numbers("mag"), [15, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(table.numbers("ok"), [1, 0, np.nan, np.nan])
    assert table.where(1) == "line 4"


def test_text_among_numbers_is_named_with_its_line(tmp_path):
    table = _csv(tmp_path, "id,mag\na,1\nb,faint\n")
    with pytest.raises(NotNumbersError, match=r"t\.csv: line 3 has 'faint' in column 'mag'"):
        table.numbers("mag")


def test_a_line_with_more_values_than_columns_is_named(tmp_path):
    assert len(_csv(tmp_path, "id,mag\na,1,\nb,2, ,\n")) == 2  # commas at the end say nothing
    one_line(
        "line 3 has 3 values for 2 columns; quote commas",
        lambda: _csv(tmp_path, "id,mag\na,1\nb,20,5\n"),
    )


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary(4)])
def test_bytes_of_parquet_are_text(kind, tmp_path):
    names = pa.array([b"G1\0\0", b"G2  ", None], kind)
    columns = {"id": names, "seen": names.dictionary_encode(), "odd": [b"\xff", b"a", b"b"]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert table.text("id") == table.text("seen") == ["G1", "G2", ""]
    one_line("column 'odd' holds bytes that are no text", lambda: table.text("odd"))


def test_parquet_of_all_types(tmp_path):
    path = tmp_path / "t.parquet"
    columns = {
        "id": pa.array([3.0, 12.0]),  # an id that some tool made a float
        "name": pa.array([" a", None]),
        "count": pa.array([7, None], pa.int64()),
        "flux": pa.array([1.5, float("nan")], pa.float32()),
        "flag": pa.array([True, None]),
        "number": pa.array(["2.5", ""]),
        "masses": pa.array([[1.0], [2.0]]),
    }
    pq.write_table(pa.table(columns), path)
    table = read_table(path)
    assert table.text("id") == ["3", "12"]
    assert table.text("name") == ["a", ""]
    assert table.numbers("count")[0] == 7
    assert all(np.isnan(table.numbers(c)[1]) for c in ("count", "flux", "flag", "number"))
    assert table.numbers("flag")[0] == 1
    for column in ("name", "masses"):
        with pytest.raises(NotNumbersError):
            table.numbers(column)


def test_damaged_and_missing_tables(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"id": list(range(5000))}), path)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", whole[:50] + bytes(99) + whole[149:]):
        path.write_bytes(damaged)
        with pytest.raises(
            LenszooError, match=r"t\.parquet: not a Parquet file, or a damaged"
        ) as e:
            read_table(path)
        assert "\n" not in str(e.value)
    for name in ("none.parquet", "none.csv"):
        with pytest.raises(LenszooError, match="no such file"):
            read_table(tmp_path / name)
    one_line("not a regular file", lambda: read_table(tmp_path))


def test_two_columns_of_one_name(tmp_path):
    table = _csv(tmp_path, "id,mag,mag\na,1,2\n")
    table.need(["id"], "")
    one_line("two columns 'mag'", lambda: table.need(["mag"], ""))


def test_twenty_thousand_rows(tmp_path):
    row = ",".join(f"{i}.25" for i in range(10))
    text = "id," + ",".join(f"c{i}" for i in range(10)) + "\n"
    path = tmp_path / "t.csv"
    path.write_text(text + "".join(f"{i},{row}\n" for i in range(20000)))
    table = read_table(path)
    values = np.stack([table.numbers(f"c{i}") for i in range(10)])
    assert np.array_equal(values, np.tile(np.arange(10)[:, None] + 0.25, 20000))


@pytest.mark.parametrize("cell", ["117_23", "\uff11\uff12", "1e", "0x10", "--1", "1,5"])
def test_numbers_are_those_of_other_readers_too(tmp_path, cell):
    table = _csv(tmp_path, f'id,mag\na,+1.5E-2\nb,"{cell}"\n')
    with pytest.raises(NotNumbersError, match="line 3 has"):
        table.numbers("mag")
    np.testing.assert_array_equal(
        _csv(tmp_path, "mag\n-.5\n7.\n+1.5E-2\n-inf\n").numbers("mag"), [-0.5, 7, 0.015, -np.inf]
    )


def test_ids_that_went_through_a_float(tmp_path):
    path = tmp_path / "t.parquet"
    large = 2**53
    pq.write_table(pa.table({"id": [1.0, float("nan")], "gaia": [1.0, float(large)]}), path)
    table = read_table(path)
    assert table.text("id") == ["1", ""]  # which `filled` refuses, as an id that is missing
    with pytest.raises(LenszooError, match=r"row 2 has .* in column 'gaia', .* 64-bit integers"):
        table.text("gaia")
    pq.write_table(pa.table({"id": [large + 1, large + 2]}), path)
    assert read_table(path).text("id") == [str(large + 1), str(large + 2)]
    one_line("an id is NaN", lambda: check_ids(["1", "NaN"], "t.csv"))


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1237648720693755918", "1237648720693755919", ""], pa.int64()),  # of SDSS
        (["-9223372036854775808", "1", "2"], pa.int64()),
        (["18446744073709551615", "0", "1"], pa.uint64()),
        (["18446744073709551616", "0", "1"], pa.string()),
        (["9" * 5000, "0", "1"], pa.string()),
        (["1237648720693755919", "0.5", "1"], pa.string()),  # a float64 would round it
        (["007", "8", "9"], pa.string()),
        (["0e5", "1e5", "12e5"], pa.string()),  # names of fields
        (["1e-05", "1e+20", "2"], pa.float64()),
        (["1e5", "2.5", ""], pa.float64()),
    ],
)
def test_columns_of_a_csv_lose_no_digit(tmp_path, cells, kind):
    table = _csv(tmp_path, "x,y\n" + "".join(f"{cell},1\n" for cell in cells))
    column = table.typed(["x"])["x"]
    assert column.type == kind
    if not pa.types.is_floating(kind):
        assert ["" if cell is None else str(cell) for cell in column.to_pylist()] == cells


@pytest.mark.parametrize("kind", [pa.timestamp("ns"), pa.timestamp("us"), pa.duration("ns")])
def test_times_beyond_those_of_python(tmp_path, kind):
    pq.write_table(pa.table({"t": pa.array([2**62], kind)}), tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    for read in (table.text, table.numbers):
        with pytest.raises(LenszooError, match=r"column 't' of .* cannot be read"):
            read("t")


def test_a_message_names_some_of_many_columns(tmp_path):
    table = _csv(tmp_path, ",".join(f"c{i}" for i in range(5000)) + "\n1\n")
    with pytest.raises(LenszooError, match=r"no column 'x'; .* c49, \.\.\.\. hint") as caught:
        table.need(["x"], "hint")
    assert len(str(caught.value)) < 1000
