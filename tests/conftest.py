import atexit
import os
import shutil
import signal
import tempfile
from html.parser import HTMLParser
from pathlib import Path

import pytest

# A shell that starts the tests in the background has them ignore Ctrl-C, and what they start too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Before any test imports a backend: its start-up log would bury the tests' own output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Two workers share two cores; with two threads each they would wait for one another, those of
# OpenBLAS by turning round and round.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
# What JAX has compiled once, in any process of this run, it need not compile again.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    _cache = tempfile.mkdtemp(prefix="lenszoo-jax-")
    atexit.register(shutil.rmtree, _cache, ignore_errors=True)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = _cache
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"


@pytest.fixture(scope="session")
def blank():
    """An empty picture."""
    from lenszoo.reporting.plots import new_figure, to_png

    return to_png(new_figure(1, 1))


@pytest.fixture
def blank_figures(blank, monkeypatch):
    """Reports with empty pictures: drawing takes longer than all else in a small test."""
    from lenszoo.reporting.report import Figure

    monkeypatch.setattr(Figure, "png", blank)


@pytest.fixture(scope="session")
def children():
    """A function that lists the processes that a process started."""

    def started(pid):
        pids = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid:
                pids.append(int(stat.parent.name))
        return sorted(pids)

    return started


class Page(HTMLParser):
    """Collects tags with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def _check(text):
    """No script, no handler, no address to fetch: every source is data."""
    page = Page(text)
    assert not page.open
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "object", "base")
        assert not any(name.startswith("on") or name == "href" for name in attributes)
        for name in ("src", "srcset"):
            assert attributes.get(name, "data:image/png;base64,").startswith(
                "data:image/png;base64,"
            )
        if tag == "img":
            assert attributes["alt"]
    for word in ("http:", "https:", "url(", "@import"):
        assert word not in text
    return page


@pytest.fixture(scope="session")
def check_self_contained():
    """A function that checks a page and returns its parsed tags."""
    return _check
