"""A private zoo on this machine: a real web server that misbehaves on request, and a manifest."""

import functools
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lenszoo
from lenszoo.pretrained.store import fetch_weights

Behaviour = Callable[[BaseHTTPRequestHandler], None]
PACKAGE_ROOT = Path(lenszoo.__file__).resolve().parents[1]


class FaultyServer:
    """An HTTP server on loopback whose every path answers by a list of behaviours.

    The first request to a path meets the first behaviour and so on; the last one stays.
    """

    def __init__(self) -> None:
        self.hits: Counter[str] = Counter()
        self.routes: dict[str, list[Behaviour]] = {}
        self.stop = threading.Event()
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with outer._lock:
                    outer.hits[self.path] += 1
                    rest = outer.routes.get(self.path, [outer.status(404)])
                    behave = rest.pop(0) if len(rest) > 1 else rest[0]
                try:
                    behave(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True  # the client gave up, as it should

            def log_message(self, format: str, *args: object) -> None:
                return

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._http.block_on_close = False
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        serve = functools.partial(self._http.serve_forever, poll_interval=0.02)
        threading.Thread(target=serve, daemon=True).start()

    def close(self) -> None:
        self.stop.set()
        self._http.shutdown()
        self._http.server_close()

    def on(self, path: str, *behaviours: Behaviour) -> str:
        """Set how a path answers and return its full address."""
        self.routes[path] = list(behaviours)
        return self.url + path

    @property
    def total(self) -> int:
        return sum(self.hits.values())

    @staticmethod
    def _head(handler: BaseHTTPRequestHandler, status: int, **fields: Any) -> None:
        handler.send_response(status)
        for name, value in fields.items():
            handler.send_header(name.replace("_", "-"), str(value))
        handler.end_headers()

    def ok(self, body: bytes) -> Behaviour:
        def behave(handler: BaseHTTPRequestHandler) -> None:
            self._head(handler, 200, Content_Length=len(body))
            handler.wfile.write(body)

        return behave

    def status(self, code: int, body: bytes = b"<html>no</html>") -> Behaviour:
        def behave(handler: BaseHTTPRequestHandler) -> None:
            self._head(handler, code, Content_Length=len(body))
            handler.wfile.write(body)

        return behave

    def truncated(self, body: bytes, keep: float = 0.5, length: bool = True) -> Behaviour:
        """Promise the whole (or nothing), send a part, close the connection."""

        def behave(handler: BaseHTTPRequestHandler) -> None:
            self._head(handler, 200, **({"Content_Length": len(body)} if length else {}))
            handler.wfile.write(body[: int(keep * len(body))])
            handler.close_connection = True

        return behave

    def hang(self, body: bytes = b"", keep: float = 0.0) -> Behaviour:
        """Send a part, or not even a header, and fall silent with the connection open."""

        def behave(handler: BaseHTTPRequestHandler) -> None:
            if body:
                self._head(handler, 200, Content_Length=len(body))
                handler.wfile.write(body[: int(keep * len(body))])
                handler.wfile.flush()
            self.stop.wait(20)
            handler.close_connection = True

        return behave

    def slow(self, body: bytes, pieces: int = 12, pause: float = 0.1) -> Behaviour:
        def behave(handler: BaseHTTPRequestHandler) -> None:
            self._head(handler, 200, Content_Length=len(body))
            step = -(-len(body) // pieces)
            for start in range(0, len(body), step):
                time.sleep(pause)
                handler.wfile.write(body[start : start + step])
                handler.wfile.flush()

        return behave

    def together(self, body: bytes, count: int) -> Behaviour:
        """Answer nobody before ``count`` requests are there."""
        barrier = threading.Barrier(count, timeout=20)

        def behave(handler: BaseHTTPRequestHandler) -> None:
            barrier.wait()
            self.ok(body)(handler)

        return behave

    def redirect(self, location: str) -> Behaviour:
        def behave(handler: BaseHTTPRequestHandler) -> None:
            self._head(handler, 302, Location=location, Content_Length=0)

        return behave

    def endless(self) -> Behaviour:
        def behave(handler: BaseHTTPRequestHandler) -> None:
            self._head(handler, 200)
            while not self.stop.is_set():
                handler.wfile.write(b"\0" * 65536)

        return behave

    def garbage(self) -> Behaviour:
        def behave(handler: BaseHTTPRequestHandler) -> None:
            handler.wfile.write(b"this is not HTTP at all\r\n\r\n")
            handler.close_connection = True

        return behave


class Zoo:
    """A manifest with weights of random bytes, published on the faulty server."""

    def __init__(self, folder: Path, server: FaultyServer) -> None:
        self.folder = folder
        self.server = server
        self.cache = folder / "cache"
        self.own_cache = folder / "home" / "lenszoo"
        self.base_url: list[str] = [f"{server.url}/a", f"{server.url}/b"]
        self.entries: list[dict[str, Any]] = []
        self.manifest = folder / "zoo" / "weights_manifest.json"
        self.manifest.parent.mkdir()

    def add(self, name: str = "net.sky", size: int = 300_000, parts: int = 1) -> bytes:
        """Add an entry and return what its file holds; nothing is served yet."""
        content = np.random.default_rng(len(self.entries)).bytes(size)
        step = -(-size // parts)
        pieces = [content[i : i + step] for i in range(0, size, step)]
        published = f"{name}.weights.h5"
        names = [f"{published}.part{i + 1}of{parts}" for i in range(parts)]
        files = [
            {"path": path, "sha256": hashlib.sha256(piece).hexdigest(), "bytes": len(piece)}
            for path, piece in zip(names if parts > 1 else [published], pieces, strict=True)
        ]
        entry = {
            "name": name,
            "model": name.rpartition(".")[0],
            "input_shape": [150, 150, 1],
            "num_classes": 3,
            "classes": ["no", "sphere", "vort"],
            "files": files,
            "sha256": hashlib.sha256(content).hexdigest(),
            "recipe": "net.sky.toml",
            "licence": "Apache-2.0",
            "fingerprint": {"seed": 0, "logits": [[0.0, 1.0, 2.0]], "atol": 0.01},
            "created": "2026-01-31",
            "lenszoo_version": "0.1.0",
        }
        self.entries.append(entry)
        self.write()
        return content

    def write(self) -> None:
        content = {"schema_version": 1, "base_url": self.base_url, "entries": self.entries}
        self.manifest.write_text(json.dumps(content))

    def cached(self, index: int = 0, own: bool = False) -> Path:
        """Where the store should put the file of an entry."""
        entry = self.entries[index]
        name = f"{entry['name']}-{entry['sha256'][:8]}.weights.h5"
        return (self.own_cache if own else self.cache) / "weights" / name

    def fetch(self, name: str = "net.sky", **keywords: Any) -> Path:
        """Call ``fetch_weights`` with a test's patience."""
        return fetch_weights(name, **{"backoff": 0.02, "timeout": 5.0, **keywords})

    def leftovers(self) -> list[str]:
        """Return every temporary file in the caches."""
        return [path.name for path in self.folder.rglob(".*.tmp")]


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    running = FaultyServer()
    yield running
    running.close()


@pytest.fixture
def zoo(tmp_path: Path, server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> Zoo:
    """Return a private zoo; the user's own cache and settings are out of reach."""
    for name in ("LENSZOO_WEIGHTS_URL", "LENSZOO_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    private = Zoo(tmp_path, server)
    monkeypatch.setenv("LENSZOO_MANIFEST", str(private.manifest))
    monkeypatch.setenv("LENSZOO_CACHE", str(private.cache))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return private


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that would leave this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        assert not isinstance(address, tuple) or address[0] == "127.0.0.1", address
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def start_python(script: str, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
    """Start a fresh interpreter that finds this lenszoo."""
    env = {**os.environ, "PYTHONPATH": str(options.pop("root", PACKAGE_ROOT))}
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=options.pop("stderr", subprocess.PIPE),
        text=True,
        **options,
    )


@pytest.fixture
def python() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start fresh interpreters; those still running at the end of the test are ended."""
    started: list[subprocess.Popen[str]] = []

    def start(script: str, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
        started.append(start_python(script, *arguments, **options))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
