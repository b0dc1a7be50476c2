"""Files whose hash nobody published, from a real and faulty server."""

import io
import os
import threading

import numpy as np
import pytest
from limited import small_files
from oneline import one_line
from safetensors.numpy import save

from lenszoo.errors import LenszooError
from lenszoo.pretrained.imported.tensors import read_tensors
from lenszoo.pretrained.store import fetch_published

POSIX = pytest.mark.skipif(os.name == "nt", reason="needs POSIX limits and permissions")
NAME = "owner--net--model.safetensors"
PATH = "/owner/net/resolve/main/model.safetensors"
CONTENT = save({"weight": np.arange(50_000, dtype=np.float32)})


def fetch(zoo, url):
    return fetch_published({NAME: url}, read_tensors, timeout=1.0)


def test_comes_once_through_a_redirect_and_stays(zoo):
    server = zoo.server
    server.on("/store/blob", server.ok(CONTENT))
    url = server.on(PATH, server.redirect(f"{server.url}/store/blob"))
    path = fetch(zoo, url)
    assert path == zoo.cache / "published" / NAME
    assert path.read_bytes() == CONTENT
    assert fetch(zoo, url) == path
    assert server.hits[PATH] == 1
    assert not zoo.leftovers()


def test_an_npz_comes_too(zoo):
    stream = io.BytesIO()
    np.savez(stream, cls=np.arange(6, dtype=np.float32))
    url = zoo.server.on("/vit/ViT-B_16.npz", zoo.server.ok(stream.getvalue()))
    path = fetch_published({"vit--ViT-B_16.npz": url}, read_tensors, timeout=1.0)
    np.testing.assert_array_equal(read_tensors(path)["cls"], np.arange(6))
    assert not zoo.leftovers()


def test_a_second_name_where_the_server_lacks_the_first(zoo):
    server, other = zoo.server, "owner--net--pytorch_model.bin"
    first = server.on(PATH, server.status(404), server.status(404), server.status(500))
    second = server.on("/owner/net/bin", server.status(404), server.ok(CONTENT))
    sources = {NAME: first, other: second}
    with pytest.raises(LenszooError, match=r"HTTP 404.*HTTP 404") as caught:
        fetch_published(sources, read_tensors, timeout=1.0)
    assert first in str(caught.value) and second in str(caught.value)
    path = fetch_published(sources, read_tensors, timeout=1.0)
    assert path == zoo.cache / "published" / other and path.read_bytes() == CONTENT
    assert fetch_published(sources, read_tensors) == path and server.hits[PATH] == 2
    path.unlink()
    one_line("HTTP 500", lambda: fetch_published(sources, read_tensors, timeout=1.0))
    assert server.hits["/owner/net/bin"] == 2


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("missing", "answered HTTP 404"),
        ("half", "the connection broke after|bytes|Cannot read"),
        ("half without a length", "Cannot read"),
        ("page", "Cannot read"),
        ("silence", "nothing came for 1 s"),
    ],
)
def test_nothing_but_a_whole_file_gets_into_the_cache(zoo, fault, reason):
    server = zoo.server
    behaviours = {
        "missing": server.status(404),
        "half": server.truncated(CONTENT),
        "half without a length": server.truncated(CONTENT, length=False),
        "page": server.ok(b"<html>please log in</html>"),
        "silence": server.hang(CONTENT, keep=0.3),
    }
    url = server.on(PATH, behaviours[fault], server.ok(CONTENT))
    with pytest.raises(LenszooError, match=reason) as caught:
        fetch(zoo, url)
    assert "\n" not in str(caught.value)
    assert not (zoo.cache / "published" / NAME).exists()
    assert not zoo.leftovers()
    assert fetch(zoo, url).read_bytes() == CONTENT  # the next try finds the way clear


def test_offline_says_what_to_get_and_where_to_put_it(zoo, monkeypatch):
    monkeypatch.setenv("LENSZOO_OFFLINE", "1")
    url = zoo.server.on(PATH, zoo.server.ok(CONTENT))
    with pytest.raises(LenszooError, match=r"^LENSZOO_OFFLINE is set") as caught:
        fetch(zoo, url)
    place = zoo.cache / "published" / NAME
    assert url in str(caught.value) and str(place) in str(caught.value)
    assert not zoo.server.total
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)
    assert fetch(zoo, url) == place


def test_threads_share_one_download(zoo):
    url = zoo.server.on(PATH, zoo.server.slow(CONTENT, pieces=4, pause=0.05))
    found = []
    threads = [threading.Thread(target=lambda: found.append(fetch(zoo, url))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.read_bytes() == CONTENT for path in found] == [True] * 4
    assert zoo.server.hits[PATH] == 1


def test_a_damaged_copy_is_replaced(zoo, caplog):
    url = zoo.server.on(PATH, zoo.server.ok(CONTENT))
    path = fetch(zoo, url)
    path.write_bytes(CONTENT[:1000])
    assert fetch(zoo, url) == path and path.read_bytes() == CONTENT
    assert "getting it again" in caplog.text
    assert zoo.server.hits[PATH] == 2


def test_a_mirror_of_the_hub_may_hold_a_password(zoo):
    url = zoo.server.on(PATH, zoo.server.status(404)).replace("//", "//user:secret@")
    with pytest.raises(LenszooError) as caught:
        fetch(zoo, url)
    assert "secret" not in str(caught.value) and "/owner/net/" in str(caught.value)


@POSIX
def test_a_full_disk_is_not_the_networks_fault(zoo, python):
    url = zoo.server.on(PATH, zoo.server.ok(CONTENT))
    process = python(
        small_files(100_000) + "from lenszoo.errors import LenszooError\n"
        "from lenszoo.pretrained.store import fetch_published\n"
        "try:\n"
        f"    fetch_published({{{NAME!r}: {url!r}}}, lambda path: None)\n"
        "except LenszooError as error:\n"
        "    print(error)\n"
    )
    answer = process.communicate(timeout=60)[0]
    assert answer.startswith(f"Cannot write {zoo.cache / 'published' / NAME}: File too large.")
    assert not zoo.leftovers()


@POSIX
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_cache_of_someone_else(zoo):
    url = zoo.server.on(PATH, zoo.server.ok(CONTENT))
    fetch(zoo, url)
    zoo.cache.chmod(0o700)
    try:
        os.seteuid(65534)
        one_line("cannot be written", lambda: fetch(zoo, url))
    finally:
        os.seteuid(0)
