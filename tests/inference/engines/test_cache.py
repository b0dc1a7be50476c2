"""Converted networks in the cache: made once, by one process, and again when damaged."""

import contextlib
import os
import threading
import time

import pytest
from oneline import one_line
from tinynetworks import network

from lenszoo.inference.engines import cache


@pytest.fixture
def writes(monkeypatch):
    """Conversions that were made; each writes two files."""
    made = []

    def write(row, graph, path, facts):
        made.append(path.name)
        time.sleep(0.05)
        path.write_bytes(b"network of " + graph.name.encode())
        path.with_suffix(".bin").write_bytes(os.urandom(1000))

    monkeypatch.setattr(cache, "write_network", write)
    monkeypatch.setattr(cache.FORMATS["openvino"].__class__, "check", lambda self: None)
    return made


@pytest.fixture(scope="module")
def model():
    return network("simple_cnn", width=2)


def test_the_key_knows_weights_layers_part_and_versions(model):
    key = cache.key_of(model, "logits", ["1"])
    assert key == cache.key_of(network("simple_cnn", width=2), "logits", ["1"])
    others = {
        cache.key_of(network("simple_cnn", width=2, seed=2), "logits", ["1"]),
        cache.key_of(network("simple_cnn", width=2, activation="softmax"), "logits", ["1"]),
        cache.key_of(model, "features", ["1"]),
        cache.key_of(model, "logits", ["2"]),
    }
    assert len(others | {key}) == 5


def test_made_once(model, writes):
    path, new = cache.converted(model, "openvino", "k")
    assert new and path.read_bytes() == b"network of simple_cnn"
    assert cache.converted(model, "openvino", "k") == (path, False) and len(writes) == 1
    names = {p.name for p in path.parent.iterdir() if not p.name.endswith(".lock")}
    assert names == {"k.xml", "k.bin", "k.xml.json"}


@pytest.mark.parametrize(
    "damage", ["flipped", "cut off", "gone", "list cut off", "list of nothing"]
)
def test_damaged_files_are_made_again(model, writes, damage):
    path, _ = cache.converted(model, "openvino", "k")
    weights, listed = path.with_suffix(".bin"), path.with_name("k.xml.json")
    content = weights.read_bytes()
    {
        "flipped": lambda: weights.write_bytes(
            content[:9] + bytes([content[9] ^ 1]) + content[10:]
        ),
        "cut off": lambda: weights.write_bytes(content[:500]),
        "gone": weights.unlink,
        "list cut off": lambda: listed.write_bytes(listed.read_bytes()[:30]),
        "list of nothing": lambda: listed.write_bytes(b"{}"),
    }[damage]()
    assert cache.converted(model, "openvino", "k") == (path, True) and len(writes) == 2
    assert cache.converted(model, "openvino", "k") == (path, False)


@pytest.mark.parametrize("locks", [True, False])
def test_two_at_once_get_a_sound_file(model, writes, locks, monkeypatch):
    if not locks:  # as on a file system where they are a silent no-op
        monkeypatch.setattr(cache, "wait_for", lambda *_: contextlib.nullcontext())
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(cache.converted(model, "openvino", "k")))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({path for path, _ in results}) == 1 and len(results) == 3
    assert len(writes) == (1 if locks else 3)
    path, _ = cache.converted(model, "openvino", "k")
    assert cache.converted(model, "openvino", "k") == (path, False)


def test_what_a_killed_process_left_is_swept(model, writes):
    path, _ = cache.converted(model, "openvino", "k")
    old, fresh = (path.with_name(f".lenszoo-convert-{name}") for name in ("old", "fresh"))
    for folder in (old, fresh):
        folder.mkdir()
        (folder / "half.xml").write_bytes(b"half")
    os.utime(old, (1e9, 1e9))
    cache.remove(path)
    assert cache.converted(model, "openvino", "k") == (path, True)
    assert fresh.exists() and not old.exists()


def test_an_error_of_the_converter_leaves_nothing(model, monkeypatch, writes, tmp_path):
    def fail(row, graph, path, facts):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(cache, "write_network", fail)
    with pytest.raises(OSError, match="disk full"):
        cache.converted(model, "openvino", "k")
    left = [p.name for p in (tmp_path / "cache" / cache.FOLDER).iterdir()]
    assert all(name.endswith(".lock") for name in left)


def test_what_was_measured_is_kept(tmp_path):
    assert cache.stored("k") is None
    cache.store("k", {"auc": 0.5})
    assert cache.stored("k") == {"auc": 0.5}
    (tmp_path / "cache" / cache.FOLDER / "k.json").write_text("[1]")
    assert cache.stored("k") is None


def test_a_cache_that_cannot_be_written_is_named(model, writes, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(cache, "cache_folders", lambda: [tmp_path / "file" / "weights"])
    one_line("Set LENSZOO_CACHE", lambda: cache.converted(model, "openvino", "k"))
