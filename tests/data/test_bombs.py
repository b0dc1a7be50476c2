"""Small files that claim much: each is refused in a process with little memory."""

import gzip
import os
import struct
import sys
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from limited import limited

from lenszoo.data import read_image
from lenszoo.data.table import read_table

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")

READ = """
from pathlib import Path
from lenszoo.data import read_image
from lenszoo.data.convert import read_pair
from lenszoo.data.table import read_table
for file in sorted(Path({folder!r}).iterdir()):
    table = file.suffix in (".csv", ".parquet")
    read = read_table if table else read_pair if file.suffix == ".pkl" else read_image
    attempt(file.name, lambda: read(file))
"""


def png(width: int, height: int, rows: int | None = None, interlaced: bool = False) -> bytes:
    """A grey PNG of zeros, of which so many rows are there."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    size = (width + 1) * (height if rows is None else rows)
    if interlaced:  # of 8 x 8 pixels: the seven passes have 15 rows
        size = 64 + 15 if rows is None else rows * 9
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, interlaced)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", zlib.compress(bytes(size))) + chunk(b"IEND", b"")


def zeros_in_gzip(path, side):
    header = fits.PrimaryHDU(np.zeros((2, 2), np.float32)).header
    header["NAXIS1"] = header["NAXIS2"] = side
    with gzip.open(path, "wb", 1) as stream:
        stream.write(header.tostring().encode())
        for _ in range(side // 50):
            stream.write(bytes(4 * side * 50))


def parquet(path, columns):
    kinds = {"compression": "zstd", "use_dictionary": ["text"]}
    pq.write_table(pa.table(columns), path, store_schema=False, **kinds)


def test_each_is_refused_in_one_line(tmp_path):
    zeros_in_gzip(tmp_path / "a.fits.gz", 9000)
    (tmp_path / "b.png").write_bytes(png(9000, 9000))
    parquet(tmp_path / "zeros.parquet", {"a": np.zeros(40_000_000)})
    parquet(tmp_path / "nulls.parquet", {"a": pa.nulls(40_000_000)})
    long = pa.DictionaryArray.from_arrays(pa.array(np.zeros(400_000, np.int32)), ["x" * 1000])
    parquet(tmp_path / "text.parquet", {"text": long})
    ends = pa.array(np.arange(2001, dtype=np.int32) * 20_000)
    lists = pa.ListArray.from_arrays(ends, pa.array(np.zeros(40_000_000)))
    parquet(tmp_path / "lists.parquet", {"a": lists})
    header = ",".join(f"c{i}" for i in range(20_000))
    (tmp_path / "a.csv").write_text(header + "\nx" * 20_000 + "\n")
    claim = b"\x80\x05\x96" + (4 << 30).to_bytes(8, "little") + b"x."
    (tmp_path / "a.pkl").write_bytes(claim)
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert max(sizes) < 2**21
    lines = limited(READ.format(folder=str(tmp_path)), 700)
    assert set(lines) == {path.name for path in tmp_path.iterdir()}
    messages = {
        "a.fits.gz": "too much for a file",
        "b.png": "decompression bomb",
        "a.csv": "most rows end before",
        "a.pkl": "damaged pickle",
    }
    for name, line in lines.items():
        assert line.startswith("refused: "), f"{name} {line}"
        assert messages.get(name, "too much for a file of its size") in line


def test_sizes_that_are_no_bombs(tmp_path):
    (tmp_path / "a.png").write_bytes(png(5000, 5000))
    assert read_image(tmp_path / "a.png").shape == (5000, 5000, 1)
    zeros_in_gzip(tmp_path / "a.fits.gz", 2000)
    assert read_image(tmp_path / "a.fits.gz").shape == (2000, 2000, 1)
    parquet(tmp_path / "t.parquet", {"text": ["a", None] * 10_000, "bytes": [b"x", b"y"] * 10_000})
    table = read_table(tmp_path / "t.parquet")
    assert table.text("text")[:2] == ["a", ""] and table.text("bytes")[-1] == "y"
    (tmp_path / "t.csv").write_text("a,b\n1\n2\n")
    assert read_table(tmp_path / "t.csv").text("b") == ["", ""]


@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_without_all_its_rows_is_damaged(tmp_path, interlaced):
    path = tmp_path / "a.png"
    path.write_bytes(png(8, 8, interlaced=interlaced))
    assert read_image(path).shape == (8, 8, 1)
    path.write_bytes(png(8, 8, 3, interlaced=interlaced))
    with pytest.raises(ValueError, match=r"a\.png: damaged image, 27 of its 7[29] bytes"):
        read_image(path)


def test_tables_are_regular_files(tmp_path):
    for name in ("a.csv", "a.parquet"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(ValueError, match="not a regular file"):
            read_table(tmp_path / name)
        with pytest.raises(ValueError, match="not the name of a file"):
            read_table(f"{tmp_path}/a\0{name}")
