import bz2
import gzip
import lzma
import struct

import numpy as np
import pyarrow as pa
import pytest
from astropy import units
from astropy.io import fits
from astropy.table import MaskedColumn, QTable, Table
from astropy.time import Time
from oneline import one_line
from tinyfits import write_scaled_table, write_text_table

from lenszoo.data.astropy_table import from_astropy, holds_table, read_fits_table, to_astropy
from lenszoo.data.table import is_table_file, read_table
from lenszoo.errors import LenszooError

BIG = 2**60 + 1  # no float64 holds it


@pytest.fixture
def table():
    rows = Table(
        {
            "id": np.array([BIG, 7, 8]),
            "name": ["J0959", "DESI-1", "x"],
            "ra": np.array([150.1, 2.5, 3.25]),
            "flag": [True, False, True],
            "flux": MaskedColumn([1.5, 0.0, 2.5], mask=[False, True, False], dtype=">f4"),
            "n": MaskedColumn([1, 2, 3], mask=[False, False, True]),
        }
    )
    rows["ra"].unit = "deg"
    return rows


WAYS = {
    "t.fits": "fits",
    "t.fits.gz": "fits",
    "t.ecsv": "ascii.ecsv",
    "t.vot": "votable",
    "t.xml": "votable",
}


@pytest.mark.parametrize("name", WAYS)
def test_files_of_astropy_are_read_with_ids_text_and_gaps(table, name, tmp_path):
    table.write(tmp_path / name, format=WAYS[name])
    read = read_table(tmp_path / name)
    assert is_table_file(tmp_path / name)
    assert read.text("id") == [str(BIG), "7", "8"]
    assert read.text("name") == ["J0959", "DESI-1", "x"]
    assert read.numbers("ra").tolist() == [150.1, 2.5, 3.25]
    assert read.numbers("flag").tolist() == [1, 0, 1]
    np.testing.assert_array_equal(read.numbers("flux"), [1.5, np.nan, 2.5])
    np.testing.assert_array_equal(read.numbers("n"), [1, 2, np.nan])


def test_units_masks_and_types_survive_both_ways(table):
    arrow = from_astropy(table, "t")
    assert arrow.schema.field("ra").metadata == {b"unit": b"deg"}
    assert arrow["id"].to_pylist() == [BIG, 7, 8]
    assert arrow["flux"].to_pylist() == [1.5, None, 2.5]
    back = to_astropy(arrow)
    assert back["ra"].unit == units.deg
    assert back["id"].tolist() == [BIG, 7, 8] and back["name"].tolist() == list(table["name"])
    assert back["n"].mask.tolist() == [False, False, True]
    np.testing.assert_array_equal(back["flux"], np.float32([1.5, np.nan, 2.5]))
    with pytest.raises(ValueError, match="column 'v' holds list"):
        to_astropy(pa.table({"v": [[1], [1, 2]]}))


def test_quantities_times_and_vectors():
    rows = QTable({"ra": [1.0, 2.0] * units.deg, "t": Time(["2026-01-01", "2026-01-02"])})
    rows["v"] = np.arange(4).reshape(2, 2)
    arrow = from_astropy(rows, "t")
    assert arrow["ra"].to_pylist() == [1.0, 2.0]
    assert arrow["t"].to_pylist()[0].startswith("2026-01-01")
    assert arrow["v"].to_pylist() == [[0, 1], [2, 3]]


def test_a_fits_file_is_a_table_when_it_holds_no_image(table, tmp_path):
    image = fits.ImageHDU(np.zeros((4, 4), np.float32), name="SCI")
    first, second = fits.table_to_hdu(table), fits.table_to_hdu(table[:1])
    second.name = "OTHER"
    fits.HDUList([fits.PrimaryHDU(), first, second]).writeto(tmp_path / "two.fits")
    fits.HDUList([fits.PrimaryHDU(), image, first]).writeto(tmp_path / "both.fits")
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(image.data)]).writeto(tmp_path / "c.fits")
    names = {"two.fits": True, "both.fits": False, "c.fits": False, "both.fits[2]": True}
    for name, there in names.items():
        assert holds_table(str(tmp_path / name)) is there, name
    assert not holds_table(str(tmp_path / "none.fits"))
    with pytest.raises(LenszooError, match=r"one table is needed; .* are: 1, 2 OTHER\. Choose"):
        read_table(tmp_path / "two.fits")
    assert len(read_table(str(tmp_path / "two.fits[OTHER]"))) == 1
    one_line(
        "one table is needed; this FITS file's are: none", lambda: read_table(tmp_path / "c.fits")
    )


@pytest.mark.parametrize("name", WAYS)
def test_damaged_files_are_refused_in_one_line(table, name, tmp_path):
    table.write(tmp_path / name, format=WAYS[name])
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 3])
    with pytest.raises(LenszooError, match=name.replace(".", r"\.")) as caught:
        read_table(tmp_path / name)
    assert "\n" not in str(caught.value)
    one_line("no such file", lambda: read_table(tmp_path / f"none_{name}"))


# files of strangers

VOTABLE = """<?xml version="1.0"?>{declared}
<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE{rows}>
<FIELD name="id" datatype="char" arraysize="*"/><DATA>{data}</DATA></TABLE></RESOURCE></VOTABLE>"""
ROW = "<TABLEDATA><TR><TD>a</TD></TR></TABLEDATA>"


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"data": '<BINARY><STREAM href="file://{file}"/></BINARY>'}, "lie in another file"),
        ({"data": '<BINARY><STREAM href="http://127.0.0.1/"/></BINARY>'}, "lie in another file"),
        ({"data": '<FITS extnum="1"><STREAM href="file://{file}"/></FITS>'}, "in another file"),
        ({"data": '<BINARY><STREAM encoding="gzip">AA==</STREAM></BINARY>'}, "are compressed"),
        ({"data": ROW, "rows": ' nrows="1000000000000"'}, "nrows = 1000000000000"),
        ({"data": ROW, "rows": ' nrows="-1"'}, "nrows = -1"),
        ({"data": ROW, "declared": '<!DOCTYPE x [<!ENTITY a "b">]>'}, "declares entities"),
        ({"data": "<TABLEDATA>"}, "no readable VOTable"),
    ],
)
def test_votables_that_lead_elsewhere_or_claim_too_much(tmp_path, parts, message):
    secret = tmp_path / "secret"
    secret.write_bytes(b"\0\0\0\6secret")
    parts = {"declared": "", "rows": ""} | parts
    path = tmp_path / "t.vot"
    path.write_text(VOTABLE.format(**parts).replace("{file}", str(secret)))
    with pytest.raises(LenszooError, match=message):
        read_table(path)
    path.write_text(VOTABLE.format(declared="", rows=' nrows="1"', data=ROW))
    assert read_table(path).text("id") == ["a"]


@pytest.mark.parametrize("name", ["t.vot", "t.ecsv"])
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_tables_are_not_unpacked_whatever_their_name(tmp_path, name, pack):
    (tmp_path / name).write_bytes(pack(b"# %ECSV 1.0"))
    with pytest.raises(LenszooError, match=r"a compressed .*; unpack it first"):
        read_table(tmp_path / name)


def fits_table(path, forms, width, rows, data=b"", heap=0):
    """A FITS file with a table of these claims."""
    header = fits.BinTableHDU.from_columns(
        [fits.Column(f"c{i}", form) for i, form in enumerate(forms)], nrows=0
    ).header
    header["NAXIS1"], header["NAXIS2"], header["PCOUNT"] = width, rows, heap
    content = fits.PrimaryHDU().header.tostring() + header.tostring()
    path.write_bytes(content.encode() + data + bytes(-len(data) % 2880))
    return path


def test_fits_tables_hold_the_values_that_they_claim(tmp_path):
    path = tmp_path / "t.fits"
    heap = bytes(4_000_000)
    for forms, width, rows, data, size in (
        (["0E"], 0, 10**9, b"", 0),
        (["0A"], 0, 10**12, b"", 0),
        (["1PE(1000000)"], 8, 20_000, struct.pack(">ii", 10**6, 0) * 20_000 + heap, len(heap)),
        (["1PE(9)"], 8, 1, struct.pack(">ii", -1, 0) + heap, len(heap)),
    ):
        fits_table(path, forms, width, rows, data, size)
        with pytest.raises(LenszooError, match="claims more values than its bytes hold"):
            read_table(path)
    lists = np.array([np.zeros(3, "f4"), np.ones(2, "f4")], object)
    columns = [fits.Column("l", "PE()", array=lists), fits.Column("x", "E", array=[1, 2])]
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "ok.fits")
    assert read_table(tmp_path / "ok.fits").numbers("x").tolist() == [1, 2]


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32, np.uint64])
def test_unsigned_ids_keep_every_digit(tmp_path, dtype):
    ids = [1237, 5, np.iinfo(dtype).max]
    Table({"id": np.array(ids, dtype)}).write(tmp_path / "a.fits")
    assert read_table(tmp_path / "a.fits").text("id") == [str(number) for number in ids]


@pytest.mark.parametrize(("dtype", "exact"), [(np.float32, 2**24), (np.float64, 2**53)])
def test_floats_that_may_stand_for_several_ids_are_refused(tmp_path, dtype, exact):
    for number in (exact - 1, exact):
        file = tmp_path / f"{number}.fits"
        Table({"id": np.array([number, 3], dtype)}).write(file)
        if number < exact:
            assert read_table(file).text("id") == [str(number), "3"]
        else:
            message = "a float that may stand for several ids"
            one_line(message, lambda file=file: read_table(file).text("id"))


def test_missing_values_of_fits_are_those_of_the_stored_numbers(tmp_path):
    table = read_fits_table(str(write_scaled_table(tmp_path / "a.fits")))
    assert table["ra"].to_pylist() == [pytest.approx(150.1), pytest.approx(150.2), None]
    assert table["z"].to_pylist() == [5, None, 7]
    texts = read_fits_table(str(write_text_table(tmp_path / "b.fits")))
    assert texts["ra"].to_pylist() == [150, None]
    lists = fits.Column("n", "PJ()", array=np.array([[1, 2], [3]], object), null=-1)
    fits.BinTableHDU.from_columns([lists]).writeto(tmp_path / "c.fits")
    assert len(read_fits_table(str(tmp_path / "c.fits"))) == 2
