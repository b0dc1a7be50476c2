"""Headers that lie about sizes, have no end, or claim too many columns."""

import gzip

import numpy as np
import pytest
from astropy.io import fits
from tinyfits import refusal_of, write_hdus

RNG = np.random.default_rng(7)


def _card(content: bytes, key: str, value: str) -> bytes:
    at = content.index(key.ljust(8).encode() + b"=")
    return content[: at + 10] + value.rjust(20).encode() + content[at + 30 :]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("NAXIS1", "-32", "NAXIS1 = -32"),
        ("NAXIS1", "6000000000", "truncated"),
        ("NAXIS1", "99999999999999", "copy or make it again"),
        ("NAXIS1", "1e3", "NAXIS1 = 1e3"),
        ("NAXIS", "1000000000", "at most 999 axes"),
        ("BITPIX", "many", "BITPIX = many"),
    ],
)
def test_sizes_that_are_none(tmp_path, key, value, message):
    whole = write_hdus(tmp_path / "whole.fits", fits.PrimaryHDU(RNG.random((60, 60))))
    forged = tmp_path / "forged.fits"
    forged.write_bytes(_card(whole.read_bytes(), key, value))
    refusal_of(forged, message)
    packed = tmp_path / "forged.fits.gz"
    packed.write_bytes(gzip.compress(forged.read_bytes()))
    refusal_of(packed, "forged.fits.gz: ")


def test_a_table_of_a_hundred_million_columns(tmp_path):
    hdu = fits.CompImageHDU(np.zeros((64, 64), np.float32))
    path = write_hdus(tmp_path / "a.fits.fz", fits.PrimaryHDU(), hdu)
    path.write_bytes(_card(path.read_bytes(), "TFIELDS", "99999999"))
    refusal_of(path, "at most 999 columns")


def test_a_header_without_an_end_is_not_read_for_ever(tmp_path):
    start = b"SIMPLE  =                    T".ljust(80)
    (tmp_path / "a.fits").write_bytes(start + b"COMMENT ".ljust(80) * 200_000)
    refusal_of(tmp_path / "a.fits", "a header of more than 8 MiB")
