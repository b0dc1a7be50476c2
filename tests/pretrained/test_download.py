import io
import os
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from oneline import one_line

from lenszoo.pretrained import download
from lenszoo.pretrained.download import Fault, Sink, copy, join, shown


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
        ("~/user@home/a.h5", "~/user@home/a.h5"),
        ("u:p@host/a.h5", "...host/a.h5"),
        ("//u:p@host/a.h5", "...host/a.h5"),
        ("https:/u:p@host/a.h5", "...host/a.h5"),
        ("https://u:p", "https://..."),
        ("https://u:p@host:80/a.h5#p", "https://host:80/a.h5"),
        ("https://[::1]:80/a.h5", "https://[::1]:80/a.h5"),
        ("https://u:p\\@:,; %40@host/a.h5", "https://host/a.h5"),
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


def test_no_address_stands_behind_an_error(tmp_path):
    """Not even in a traceback, which shows the errors that led to this one."""
    sink = Sink(io.BytesIO(), tmp_path / "a", 10)
    for address in ("http://u:secret@127.0.0.1:1/a", "https://u:secret@/a", "http://u:secret@:x/"):
        with pytest.raises(Fault) as caught:
            copy(address, sink, 1.0)
        assert "secret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("header", [True, False])
def test_a_server_that_keeps_the_socket_alive_is_left(tmp_path, monkeypatch, header):
    """Each byte starts the time-out of the socket anew; in the header and in the body."""
    monkeypatch.setattr(download, "_SLOW", (0.5, 1000.0))
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.wfile.write(
                b"HTTP/1.1 200 OK\r\n" + b"Content-Length: 9999\r\n\r\n" * (not header)
            )
            while not stop.wait(0.05):
                self.wfile.write(b"X-Slow: 1\r\n" if header else b"1")
                self.wfile.flush()

        def log_message(self, *_):
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    sink = Sink(io.BytesIO(), tmp_path / "a", 10**6)
    start = time.monotonic()
    with pytest.raises(Fault, match=r"bytes came in \d s"):
        copy(f"http://127.0.0.1:{server.server_port}/a", sink, 30.0)
    assert time.monotonic() - start < 5
    stop.set()
    with pytest.raises(Fault, match="nobody waits"):
        sink.write(b"late")
    server.shutdown()
    server.server_close()


def test_a_download_ends_after_the_deadline_however_fast(tmp_path, monkeypatch):
    now = time.monotonic()
    sink = Sink(io.BytesIO(), tmp_path / "a", 10**9)
    sink.count = 10**9 - 1
    monkeypatch.setattr(time, "monotonic", lambda: now + 7201.0)
    with pytest.raises(Fault, match="came in 7201 s"):
        sink.check_speed()


def test_a_folder_with_a_pipe_is_no_mirror(tmp_path):
    os.mkfifo(tmp_path / "a")
    with pytest.raises(Fault, match="is not a regular file"):
        copy(str(tmp_path / "a"), Sink(io.BytesIO(), tmp_path / "b", 10), 1.0)


def test_a_full_disk_is_no_fault_of_a_server(tmp_path):
    class Full(io.BytesIO):
        def write(self, block):
            raise OSError(28, "No space left on device")

    one_line("No space left on device", lambda: Sink(Full(), tmp_path / "a", 10).write(b"a"))
