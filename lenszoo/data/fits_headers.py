"""Headers of a FITS file, walked one by one within bounds before astropy sees the file."""

import gzip
import io
import math
import os
import re
from typing import Any, BinaryIO

from lenszoo.errors import LenszooError

_BLOCK, _CARD = 2880, 80
_MAX_HEADER = 2**23  # bytes; 100,000 cards


def unpacked(raw: io.FileIO, name: str, limit: int) -> io.BytesIO:
    """Return the bytes of a gzipped FITS file, whose images are checked as they arrive."""
    content, most = io.BytesIO(), 4 * limit
    with gzip.GzipFile(fileobj=raw) as stream:
        while True:
            header, cards = _read_header(stream, name)
            content.write(header)
            if cards is None:
                return content
            size = -(-_data_size(cards, name) // _BLOCK) * _BLOCK
            if content.tell() + size > most:
                raise LenszooError(
                    f"{name}: would unpack to more than {most / 2**30:.2g} GiB, too much for a "
                    "file of its size; unpack it first, if you trust it."
                )
            content.write(stream.read(size))


def walk(stream: BinaryIO, name: str) -> list[tuple[int, int]]:
    """Return where the data of each HDU start and how many bytes they claim."""
    spans: list[tuple[int, int]] = []
    end = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    while stream.tell() < end:
        _, cards = _read_header(stream, name)
        if cards is None:
            break
        size = _data_size(cards, name)
        spans.append((stream.tell(), size))
        stream.seek(min(end, stream.tell() + -(-size // _BLOCK) * _BLOCK))
    if not spans:
        raise LenszooError(
            f"{name}: not a FITS file, or a damaged one (no header at its start); copy or make it "
            "again."
        )
    return spans


def _read_header(stream: Any, name: str) -> tuple[bytes, dict[bytes, bytes] | None]:
    """Return the bytes of a header, and its cards; None where there is no whole header."""
    header = b""
    while block := stream.read(_BLOCK):
        if not header and not block.startswith((b"SIMPLE  =", b"XTENSION=")):
            break
        header += block
        cards = [block[i : i + _CARD] for i in range(0, len(block), _CARD)]
        if any(card.rstrip() == b"END" for card in cards):
            cards = [header[i : i + _CARD] for i in range(0, len(header), _CARD)]
            return header, {card[:8].rstrip(): card[10:] for card in reversed(cards)}
        if len(header) > _MAX_HEADER:
            raise LenszooError(
                f"{name}: a header of more than {_MAX_HEADER // 2**20} MiB is not read; mend the "
                "file, or cut the image out."
            )
    return header, None


def _data_size(cards: dict[bytes, bytes], name: str) -> int:
    """Return the bytes of data that a header claims, without the filling of the last block."""

    def number(key: str, default: int) -> int:
        if key.encode() not in cards:
            return default
        text = cards[key.encode()].split(b"/")[0].strip()
        if not re.fullmatch(rb"\d{1,18}" if key != "BITPIX" else rb"-?\d{1,2}", text):
            raise LenszooError(
                f"{name}: {key} = {text[:24].decode('ascii', 'replace')} in its header is no size; "
                "copy or make it again."
            )
        return int(text)

    axes = number("NAXIS", 0)
    for key, noun in (("NAXIS", "axes"), ("TFIELDS", "columns")):
        if number(key, 0) > 999:
            raise LenszooError(
                f"{name}: {key} = {number(key, 0)} in its header; FITS knows at most 999 {noun}."
            )
    sides = [number(f"NAXIS{axis}", 0) for axis in range(1, axes + 1)]
    elements = math.prod(sides) if sides else 0
    values = number("GCOUNT", 1) * (number("PCOUNT", 0) + elements)
    return abs(number("BITPIX", 8)) // 8 * values
