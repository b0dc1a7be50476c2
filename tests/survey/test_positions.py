"""Catalogues of positions: formats, exact ids, and each fault in one line."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table
from tinyfits import write_scaled_table, write_text_table

from lenszoo.errors import LenszooError
from lenszoo.survey.positions import Positions

LARGE = 2**63 - 25  # float64 would round it
IDS = [LARGE, LARGE - 1, 7]
RA, DEC = [150.1, 150.2, 150.3], [2.1, -2.2, 0.0]


def read(path, **options):
    return pa.Table.from_batches(list(Positions(path, **options).batches()))


def columns(kind=np.int64):
    return {"id": np.array(IDS, kind), "ra": np.array(RA), "dec": np.array(DEC)}


def write_csv(path):
    lines = [f"{i},{ra},{dec}" for i, ra, dec in zip(IDS, RA, DEC, strict=True)]
    path.write_text("\n".join(["id,ra,dec", *lines]) + "\n")


def write_hats(path):
    """Partitions of HATS: Norder, Dir, Npix, with metadata beside the data."""
    for k in range(3):
        folder = path / "dataset" / "Norder=5" / "Dir=0"
        folder.mkdir(parents=True, exist_ok=True)
        part = pa.table({name: values[k : k + 1] for name, values in columns().items()})
        pq.write_table(part, folder / f"Npix={k + 8}.parquet")
    (path / "properties").write_text("obs_collection=test\n")
    pq.write_table(pa.table({"id": ["metadata"]}), path / "dataset" / "_metadata")


def write_folder(path):
    path.mkdir()
    for k in range(3):
        part = pa.table({name: values[k : k + 1] for name, values in columns(np.uint64).items()})
        pq.write_table(part, path / f"part{k}.parquet")


WRITERS = {
    "table.csv": write_csv,
    "table.parquet": lambda path: pq.write_table(pa.table(columns()), path),
    "folder": write_folder,
    "hats": write_hats,
    "table.fits": lambda path: Table(columns()).write(path),
    "table.fits.gz": lambda path: Table(columns()).write(path),
    "table.vot": lambda path: Table(columns()).write(path, format="votable"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_rows_with_exact_ids(tmp_path, name):
    WRITERS[name](tmp_path / name)
    table = read(tmp_path / name)
    assert table["id"].to_pylist() == [str(i) for i in IDS]
    assert table["ra"].to_pylist() == RA and table["dec"].to_pylist() == DEC


def test_ids_of_text_keep_their_zeros_and_columns_go_by_other_names(tmp_path):
    (tmp_path / "a.csv").write_text("Source,RAJ2000,DEJ2000,mag\n007,1.5,2.5,\n 8 ,3.5,,21.5\n")
    names = {"id": "Source", "ra": "RAJ2000", "dec": "DEJ2000"}
    table = read(tmp_path / "a.csv", columns=names, extra=("mag",))
    assert table["id"].to_pylist() == ["007", "8"]
    assert np.isnan(table["dec"].to_numpy()).tolist() == [False, True]
    assert table["mag"].to_numpy()[1] == 21.5


def test_names_in_other_case_and_text_ids_of_fits_are_read(tmp_path):
    Table({"ID": ["a", "b"], "RA": [1.0, 2.0], "Dec": [3.0, 4.0]}).write(tmp_path / "a.fits")
    assert read(tmp_path / "a.fits")["id"].to_pylist() == ["a", "b"]


def test_a_masked_position_is_nan(tmp_path):
    table = Table(columns(), masked=True)
    table["ra"].mask[1] = True
    table.write(tmp_path / "a.vot", format="votable")
    assert np.isnan(read(tmp_path / "a.vot")["ra"].to_numpy()).tolist() == [False, True, False]


def test_missing_values_are_those_of_the_stored_numbers(tmp_path):
    table = read(write_scaled_table(tmp_path / "a.fits"), extra=("z",))
    np.testing.assert_allclose(table["ra"].to_numpy(), [150.1, 150.2, np.nan])
    np.testing.assert_array_equal(table["z"].to_numpy(), [5, np.nan, 7])
    table = read(write_text_table(tmp_path / "b.fits"))
    np.testing.assert_array_equal(table["ra"].to_numpy(), [150, np.nan])


def test_bytes_that_are_no_text_are_told_of(tmp_path):
    Table({"id": ["ab", "cd"], "ra": [1.0, 2.0], "dec": [3.0, 4.0]}).write(tmp_path / "a.fits")
    content = (tmp_path / "a.fits").read_bytes()
    (tmp_path / "a.fits").write_bytes(content.replace(b"cd", b"c\xe9"))
    assert "a.fits: id holds bytes that are no text" in refusal(tmp_path / "a.fits")
    (tmp_path / "a.fits").write_bytes(content.replace(b"cd", "é".encode()))
    assert read(tmp_path / "a.fits")["id"].to_pylist() == ["ab", "é"]


def refusal(path, **options):
    with pytest.raises(LenszooError) as caught:
        read(path, **options)
    line = str(caught.value)
    assert "\n" not in line and str(path) in line
    return line


def test_a_missing_column_is_named_beside_those_there_are(tmp_path):
    (tmp_path / "a.csv").write_text("id,x,y\n1,2,3\n")
    line = refusal(tmp_path / "a.csv")
    assert "no column 'ra'; the columns are: id, x, y" in line and "ra=NAME" in line


def test_float_ids_beyond_exact_integers_are_refused(tmp_path):
    table = pa.table({"id": [1.0, 2.0**60], "ra": [1.0, 2.0], "dec": [1.0, 2.0]})
    pq.write_table(table, tmp_path / "a.parquet")
    assert "row 2" in refusal(tmp_path / "a.parquet")
    pq.write_table(table.set_column(0, "id", [[1.0, 2.0]]), tmp_path / "b.parquet")
    assert read(tmp_path / "b.parquet")["id"].to_pylist() == ["1", "2"]


def test_sexagesimal_positions_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("id,ra,dec\n1,10:00:24.1,2.0\n")
    line = refusal(tmp_path / "a.csv")
    assert "10:00:24.1" in line and "degrees" in line


@pytest.mark.parametrize("unit", ["hourangle", "rad"])
def test_units_other_than_degrees_are_refused(tmp_path, unit):
    table = Table(columns())
    table["ra"].unit = unit
    table.write(tmp_path / "a.vot", format="votable")
    assert ("hours" if unit == "hourangle" else "rad") in refusal(tmp_path / "a.vot")


def test_damaged_and_strange_files_are_refused(tmp_path):
    write_csv(tmp_path / "a.txt")
    assert "catalogues are CSV" in refusal(tmp_path / "a.txt")
    for name in ("a.parquet", "a.fits", "a.vot"):
        (tmp_path / name).write_bytes(b"not what it is called")
        refusal(tmp_path / name)
    fits.writeto(tmp_path / "image.fits", np.zeros((4, 4), np.float32))
    assert "no table" in refusal(tmp_path / "image.fits")
    refusal(tmp_path / "missing.csv")
    (tmp_path / "empty").mkdir()
    assert "no Parquet" in refusal(tmp_path / "empty")


def test_a_fingerprint_tells_catalogues_apart(tmp_path):
    write_csv(tmp_path / "a.csv")
    first = Positions(tmp_path / "a.csv").fingerprint()
    (tmp_path / "a.csv").write_text((tmp_path / "a.csv").read_text().replace("150.3", "150.4"))
    assert Positions(tmp_path / "a.csv").fingerprint() != first
    lines = [f"{k},{150 + k * 1e-6:.6f},2.0\n" for k in range(150_000)]
    path = tmp_path / "long.csv"
    path.write_text("id,ra,dec\n" + "".join(lines))
    first = Positions(path).fingerprint()
    lines[75_000] = lines[75_000].replace(",2.0", ",3.0")  # far from both ends
    path.write_text("id,ra,dec\n" + "".join(lines))
    assert path.stat().st_size > 2**21 and Positions(path).fingerprint() != first


def test_files_of_one_catalogue_have_the_same_columns(tmp_path):
    write_folder(tmp_path / "folder")
    assert len(read(tmp_path / "folder")) == 3
    part = pa.table({"id": [9], "RA": [1.0], "DEC": [2.0]})
    pq.write_table(part, tmp_path / "folder" / "part9.parquet")
    line = refusal(tmp_path / "folder")
    assert "part9.parquet: no column 'dec', which part0.parquet has" in line
