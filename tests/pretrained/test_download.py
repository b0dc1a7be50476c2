import io
import time

import pytest

from lenszoo.errors import LenszooError
from lenszoo.pretrained.download import Fault, Sink, join, shown


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("https://host/a.h5", "https://host/a.h5"),
        ("https://u:p@host/a.h5?token=1", "https://host/a.h5"),
        ("https://u:p/q@host/a.h5", "https://host/a.h5"),
        ("https://u:p@q@host/a.h5", "https://host/a.h5"),
        ("https://u:p?q@host/a.h5", "https://..."),
        ("https://host/a.h5?signature=p@q", "https://..."),
        ("s3://u:p@bucket/a.h5", "s3://bucket/a.h5"),
        ("ftp://u:p@host/a.h5", "ftp://host/a.h5"),
        ("file://u:p@host/a.h5", "file://host/a.h5"),
        ("/a folder/user@home/a.h5", "/a folder/user@home/a.h5"),
    ],
)
def test_no_user_password_or_query_of_an_address_is_shown(address, text):
    assert shown(address) == text


def test_a_mirror_is_an_address_or_a_folder():
    assert join("https://host/weights/", "a+b.h5") == "https://host/weights/a%2Bb.h5"
    assert join("/a folder", "a+b.h5") == "/a folder/a+b.h5"


def test_a_sink_counts_hashes_and_limits(tmp_path):
    stream, positions = io.BytesIO(), []
    sink = Sink(stream, tmp_path / "a", 5, positions.append)
    sink.write(b"abc")
    sink.write(b"de")
    assert (sink.count, positions, stream.getvalue()) == (5, [3, 5], b"abcde")
    assert sink.hash.hexdigest().startswith("36bbe50ed9684")
    with pytest.raises(Fault, match="more than the expected 5 bytes"):
        sink.write(b"f")


def test_a_server_that_trickles_counts_as_hanging(tmp_path, monkeypatch):
    now = time.monotonic()
    sink = Sink(io.BytesIO(), tmp_path / "a", 10**9)
    monkeypatch.setattr(time, "monotonic", lambda: now + 100.0)
    with pytest.raises(Fault, match="only 10 bytes came in 100 s") as caught:
        sink.write(bytes(10))
    assert not caught.value.again
    sink.write(bytes(10**6))


def test_a_full_disk_is_no_fault_of_a_server(tmp_path):
    class Full(io.BytesIO):
        def write(self, block):
            raise OSError(28, "No space left on device")

    with pytest.raises(LenszooError, match="No space left on device"):
        Sink(Full(), tmp_path / "a", 10).write(b"a")
