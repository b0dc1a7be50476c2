"""Several processes at once, killed ones, read-only and full disks: all for real."""

import contextlib
import os
import pty
import shutil
import signal
import stat
import tempfile
import threading
import time
from pathlib import Path

import pytest
from limited import small_files

from lenszoo import files as _files

FILE = "/net.sky.weights.h5"
POSIX = pytest.mark.skipif(os.name == "nt", reason="needs POSIX processes and permissions")

# Imports first, so that all start the download itself at the same moment.
FETCH = """
import sys, filelock, pooch, requests
from lenszoo.errors import LenszooError
from lenszoo.pretrained.store import fetch_weights
{before}
print("ready", flush=True)
sys.stdin.readline()
try:
    print(fetch_weights("net.sky", backoff=0.02, {keywords}))
except LenszooError as error:
    print("LenszooError", error)
"""


def start(python, count=1, before="", keywords=""):
    """Start processes that wait just before the download."""
    script = FETCH.format(before=before, keywords=keywords)
    processes = [python(script) for _ in range(count)]
    for process in processes:
        line = process.stdout.readline()
        assert line == "ready\n", process.communicate()[1]
    return processes


def go(process):
    process.stdin.write("\n")
    process.stdin.flush()


def finish(process):
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    return out.strip()


def wait_for(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_many_processes_share_one_download(zoo, server, python):
    content = zoo.add()
    server.on("/a" + FILE, server.slow(content, pieces=10, pause=0.05))
    processes = start(python, 3)
    for process in processes:
        go(process)
    assert [finish(process) for process in processes] == [str(zoo.cached())] * 3
    assert zoo.cached().read_bytes() == content
    assert server.total == 1
    assert zoo.leftovers() == []


def test_without_the_lock_every_process_still_gets_the_right_file(zoo, server, python):
    """On file systems where locks do nothing, unique names and the rename must do."""
    content = zoo.add()
    server.on("/a" + FILE, server.together(content, 2))
    processes = start(python, 2, keywords="lock_timeout=0.0, timeout=20.0")
    for process in processes:
        go(process)
    assert [finish(process) for process in processes] == [str(zoo.cached())] * 2
    assert zoo.cached().read_bytes() == content
    assert server.total == 2
    assert zoo.leftovers() == []


def test_threads_share_one_download(zoo, server):
    content = zoo.add()
    server.on("/a" + FILE, server.slow(content, pieces=5, pause=0.05))
    paths: list[Path] = []
    threads = [threading.Thread(target=lambda: paths.append(zoo.fetch())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert paths == [zoo.cached()] * 6
    assert server.total == 1


@POSIX
def test_killed_download_is_made_again_and_its_rest_swept(zoo, server, python):
    content = zoo.add(size=1_000_000)
    server.on("/a" + FILE, server.hang(content, 0.8), server.ok(content))
    (victim,) = start(python)
    go(victim)
    folder = zoo.cached().parent
    wait_for(lambda: any(p.stat().st_size for p in folder.glob(".*.tmp")))
    (rest,) = folder.glob(".*.tmp")

    # A living download is never swept, however old its file looks.
    old = time.time() - 3600 * (_files.STALE_HOURS + 1)
    os.utime(rest, (old, old))
    assert _files.sweep(folder) == []
    os.utime(rest)

    victim.send_signal(signal.SIGKILL)
    victim.wait(10)
    assert not zoo.cached().exists()
    start_time = time.monotonic()
    assert zoo.fetch().read_bytes() == content
    assert time.monotonic() - start_time < 10, "the dead process holds no lock"
    assert rest.exists(), "young: it might belong to a living process on another machine"

    os.utime(rest, (old, old))
    zoo.cached().unlink()
    assert zoo.fetch().read_bytes() == content
    assert zoo.leftovers() == []


@POSIX
def test_interrupt_leaves_nothing_behind(zoo, server, python):
    content = zoo.add()
    server.on("/a" + FILE, server.hang(content, 0.5), server.ok(content))
    (process,) = start(python)
    go(process)
    wait_for(lambda: server.total == 1 and zoo.leftovers())
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert zoo.leftovers() == []
    assert zoo.fetch().read_bytes() == content


@pytest.fixture
def shared():
    """Return a folder that any user may enter, unlike pytest's own when root runs the tests."""
    folder = Path(tempfile.mkdtemp(prefix="lenszoo-shared-"))
    folder.chmod(0o755)
    yield folder
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)


# Root may write anywhere: give its rights up once everything is imported and one request made.
DROP = """
import os, logging
requests.get({url!r})
os.umask(0o022)
if os.geteuid() == 0:
    os.seteuid(65534)
"""


@POSIX
def test_read_only_cache_that_has_the_file_is_enough(zoo, server, python, shared, monkeypatch):
    content = zoo.add()
    shutil.copy(zoo.manifest, shared / "weights_manifest.json")
    monkeypatch.setenv("LENSZOO_MANIFEST", str(shared / "weights_manifest.json"))
    monkeypatch.setenv("LENSZOO_CACHE", str(shared / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared / "cache" / "no-home"))
    warm = server.on("/warm", server.ok(b"!"))
    server.on("/a" + FILE, server.ok(content))
    path = zoo.fetch()
    (path.parent / f".{path.name}.lock").unlink(missing_ok=True)
    path.parent.chmod(0o555)
    path.parent.parent.chmod(0o555)
    (process,) = start(python, before=DROP.format(url=warm))
    go(process)
    assert finish(process) == str(path)
    assert server.hits["/a" + FILE] == 1
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@POSIX
@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root makes files of others")
def test_a_damaged_copy_of_another_user_is_passed_by(zoo, server, python, shared, monkeypatch):
    content = zoo.add()
    shutil.copy(zoo.manifest, shared / "weights_manifest.json")
    monkeypatch.setenv("LENSZOO_MANIFEST", str(shared / "weights_manifest.json"))
    monkeypatch.setenv("LENSZOO_CACHE", str(shared / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared / "home"))
    for folder in (shared / "home", shared / "cache", shared / "cache" / "weights"):
        folder.mkdir()
        folder.chmod(0o1777)  # as of /tmp: all write, and none replaces what others wrote
    os.chown(shared / "cache" / "weights", 1, 1)
    damaged = shared / "cache" / "weights" / zoo.cached().name
    damaged.write_bytes(content[:-1])
    warm = server.on("/warm", server.ok(b"!"))
    server.on("/a" + FILE, server.ok(content))
    (process,) = start(python, before=DROP.format(url=warm))
    go(process)
    assert finish(process) == str(shared / "home" / "lenszoo" / "weights" / damaged.name)
    assert damaged.read_bytes() == content[:-1]


@POSIX
@pytest.mark.parametrize("home", ["a home to write", "none"])
def test_read_only_cache_without_the_file(zoo, server, python, shared, monkeypatch, home):
    content = zoo.add()
    shutil.copy(zoo.manifest, shared / "weights_manifest.json")
    monkeypatch.setenv("LENSZOO_MANIFEST", str(shared / "weights_manifest.json"))
    monkeypatch.setenv("LENSZOO_CACHE", str(shared / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared / "home"))
    (shared / "cache").mkdir(mode=0o555)
    (shared / "home").mkdir()
    (shared / "home").chmod(0o777 if home != "none" else 0o555)
    warm = server.on("/warm", server.ok(b"!"))
    server.on("/a" + FILE, server.ok(content))
    (process,) = start(python, before=DROP.format(url=warm))
    go(process)
    answer = finish(process)
    if home == "none":
        assert answer.startswith("LenszooError")
        assert f"{shared / 'cache' / 'weights'} cannot be written (Permission denied)" in answer
        assert "Set LENSZOO_CACHE to a folder that you can write" in answer
        assert server.hits["/a" + FILE] == 0
    else:
        expected = shared / "home" / "lenszoo" / "weights" / zoo.cached().name
        assert answer == str(expected)
        assert expected.read_bytes() == content
        assert stat.S_IMODE(expected.stat().st_mode) == 0o644
    assert list((shared / "cache").iterdir()) == []


@POSIX
def test_full_disk_is_one_line_and_loses_nothing(zoo, server, python):
    content = zoo.add()
    server.on("/a" + FILE, server.ok(content))
    (process,) = start(python, before=small_files(100_000))
    go(process)
    answer = finish(process)
    assert answer.startswith(f"LenszooError Cannot write {zoo.cached()}: File too large.")
    assert "\n" not in answer
    assert zoo.leftovers() == [] and not zoo.cached().exists()
    assert server.total == 1, "another mirror would not help"


@POSIX
def test_progress_bar_on_a_terminal(zoo, server, python):
    content = zoo.add()
    server.on("/a" + FILE, server.slow(content, pieces=4, pause=0.05))
    terminal, end = pty.openpty()
    process = python(FETCH.format(before="", keywords=""), stderr=end)
    os.close(end)
    go(process)
    shown = b""
    with contextlib.suppress(OSError):  # Linux reports a hung-up terminal as an error
        while block := os.read(terminal, 4096):
            shown += block
    os.close(terminal)
    assert process.wait(10) == 0
    assert b"net.sky" in shown and "━".encode() in shown
