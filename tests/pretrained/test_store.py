"""Sources in their order, faults of mirrors, caches and the messages, against a real server."""

import os
import stat
import time
from pathlib import Path

import pytest

from lenszoo.errors import LenszooError
from lenszoo.pretrained.store import cache_folders, local_path, verify

FILE = "/net.sky.weights.h5"


def one_line(error: pytest.ExceptionInfo[LenszooError]) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


def test_first_use_downloads_and_second_does_not(zoo, server):
    content = zoo.add()
    server.on("/a" + FILE, server.ok(content))
    path = zoo.fetch()
    assert path == zoo.cached()
    assert path.read_bytes() == content
    assert zoo.fetch() == path
    assert server.total == 1
    assert zoo.leftovers() == []


@pytest.mark.parametrize(
    ("fault", "asked", "reason"),
    [
        ("404", 1, "HTTP 404"),
        ("403", 1, "HTTP 403"),
        ("500", 3, "HTTP 500 (3 tries)"),
        ("429", 3, "HTTP 429 (3 tries)"),
        ("wrong", 1, "sha256"),
        ("portal", 3, "15 bytes came, 300,000 expected"),
        ("longer", 1, "more than the expected 300,000 bytes"),
        ("endless", 1, "more than the expected 300,000 bytes"),
        ("truncated", 3, "broke after"),
        ("truncated without length", 3, "150,000 bytes came, 300,000 expected"),
        ("garbage", 3, "no valid answer"),
        ("loop", 31, "redirects without end"),
        ("hang", 2, "nothing came for 0.6 s"),
        ("hang halfway", 2, "nothing came for 0.6 s"),
    ],
)
def test_next_mirror_takes_over(zoo, server, fault, asked, reason):
    content = zoo.add()
    behaviours = {
        "404": server.status(404),
        "403": server.status(403),
        "500": server.status(500),
        "429": server.status(429),
        "wrong": server.ok(content[:-1] + bytes([content[-1] ^ 1])),
        "portal": server.status(200),
        "longer": server.ok(content + b"!"),
        "endless": server.endless(),
        "truncated": server.truncated(content),
        "truncated without length": server.truncated(content, length=False),
        "garbage": server.garbage(),
        "loop": server.redirect("/a" + FILE),
        "hang": server.hang(),
        "hang halfway": server.hang(content, 0.9),
    }
    patience = {"timeout": 0.6, "tries": 2} if "hang" in fault else {}
    server.on("/a" + FILE, behaviours[fault])
    with pytest.raises(LenszooError) as error:
        zoo.fetch(**patience)
    assert reason in one_line(error)
    assert server.hits["/a" + FILE] == asked
    assert server.hits["/b" + FILE] == 1, "a mirror without the file is asked once"
    assert zoo.leftovers() == []
    assert not zoo.cached().exists()

    server.hits.clear()
    server.on("/b" + FILE, server.ok(content))
    assert zoo.fetch(**patience).read_bytes() == content
    assert server.hits["/a" + FILE] == (31 if fault == "loop" else 1), "no waiting for a bad mirror"
    assert zoo.leftovers() == []


def test_dead_port_and_unusable_addresses_give_way(zoo, server):
    content = zoo.add()
    zoo.base_url = [
        "http://127.0.0.1:1",
        "http://[bad",
        "gopher://x/y",
        "file://host/x",
        zoo.base_url[0],
    ]
    zoo.write()
    server.on("/a" + FILE, server.ok(content))
    assert zoo.fetch().read_bytes() == content


def test_three_tries_with_growing_pauses(zoo, server):
    content = zoo.add()
    server.on("/a" + FILE, server.status(503), server.truncated(content), server.ok(content))
    start = time.monotonic()
    assert zoo.fetch(backoff=0.1).read_bytes() == content
    assert time.monotonic() - start >= 0.3, "0.1 s, then twice that"
    assert server.hits["/a" + FILE] == 3


def test_slow_is_not_hanging(zoo, server):
    content = zoo.add()
    server.on("/a" + FILE, server.slow(content, pieces=13, pause=0.2))
    assert zoo.fetch(timeout=2.0).read_bytes() == content
    assert server.total == 1


def test_redirect_is_followed(zoo, server):
    content = zoo.add()
    server.on("/a" + FILE, server.redirect(server.on("/elsewhere", server.ok(content))))
    assert zoo.fetch().read_bytes() == content


def test_sources_in_order(zoo, server, monkeypatch):
    content = zoo.add()
    zoo.entries[0]["files"][0]["urls"] = [f"{server.url}/direct.h5?token=1"]
    zoo.write()
    monkeypatch.setenv("LENSZOO_WEIGHTS_URL", f"{server.url}/x, {server.url}/y/")
    asked = ["/x" + FILE, "/y" + FILE, "/direct.h5?token=1", "/a" + FILE, "/b" + FILE]
    with pytest.raises(LenszooError) as error:
        zoo.fetch()
    assert list(server.hits) == asked
    assert "token" not in str(error.value)
    server.on(asked[-1], server.ok(content))
    path = zoo.fetch()
    # The cache now comes before the folder beside the manifest, and that before any mirror.
    beside = zoo.manifest.parent / "weights" / FILE[1:]
    beside.parent.mkdir()
    beside.write_bytes(content)
    assert zoo.fetch() == path
    path.unlink()
    server.hits.clear()
    assert zoo.fetch() == beside
    assert server.total == 0


def test_folder_as_mirror(zoo, server, tmp_path, monkeypatch):
    content = zoo.add()
    folder = tmp_path / "a copied folder"
    folder.mkdir()
    (folder / FILE[1:]).write_bytes(content)
    for mirror in (str(folder), folder.as_uri()):
        monkeypatch.setenv("LENSZOO_WEIGHTS_URL", mirror)
        monkeypatch.setenv("LENSZOO_OFFLINE", "1")  # a folder needs no network
        path = zoo.fetch()
        assert path == zoo.cached() and path.read_bytes() == content
        path.unlink()
    assert server.total == 0


def test_file_put_by_hand_into_the_cache(zoo, server):
    content = zoo.add()
    with pytest.raises(LenszooError) as error:
        zoo.fetch()
    folder = zoo.cache / "weights"
    assert f"Put it into {folder}" in str(error.value)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE[1:]).write_bytes(content)
    server.hits.clear()
    assert zoo.fetch() == folder / FILE[1:]
    assert server.total == 0


def test_final_message_says_what_is_needed(zoo, server):
    zoo.add()
    zoo.base_url = [zoo.base_url[0].replace("//", "//user:secret@"), "/no/such/folder"]
    zoo.write()
    with pytest.raises(LenszooError) as error:
        zoo.fetch()
    message = one_line(error)
    for part in (
        "net.sky.weights.h5",
        "300,000 bytes",
        zoo.entries[0]["sha256"],
        str(zoo.cache / "weights"),
        "LENSZOO_WEIGHTS_URL",
        f"{server.url}/a/net.sky.weights.h5: answered HTTP 404",
        "/no/such/folder/net.sky.weights.h5: No such file or directory",
    ):
        assert part in message
    assert "secret" not in message


def test_no_mirror_known(zoo):
    zoo.base_url = []
    zoo.add()
    with pytest.raises(LenszooError) as error:
        zoo.fetch()
    assert "no mirror is known" in one_line(error)
    assert "net.sky.weights.h5 (300,000 bytes" in one_line(error)


@pytest.mark.parametrize("switch", ["1", "true", "ON"])
def test_offline_asks_nobody(zoo, server, monkeypatch, switch):
    content = zoo.add()
    server.on("/a" + FILE, server.ok(content))
    monkeypatch.setenv("LENSZOO_OFFLINE", switch)
    with pytest.raises(LenszooError) as error:
        zoo.fetch()
    assert "LENSZOO_OFFLINE is set" in one_line(error)
    assert server.total == 0
    monkeypatch.setenv("LENSZOO_OFFLINE", "0")
    path = zoo.fetch()
    monkeypatch.setenv("LENSZOO_OFFLINE", switch)
    assert zoo.fetch() == path


def test_offline_must_be_a_yes_or_a_no(zoo, monkeypatch):
    zoo.add()
    monkeypatch.setenv("LENSZOO_OFFLINE", "maybe")
    with pytest.raises(LenszooError, match="LENSZOO_OFFLINE is 'maybe'"):
        zoo.fetch()


@pytest.mark.parametrize("damage", ["a flipped bit", "cut short", "empty"])
def test_damaged_cache_is_noticed_and_replaced(zoo, server, caplog, damage):
    content = zoo.add()
    server.on("/a" + FILE, server.ok(content))
    path = zoo.fetch()
    broken = {"a flipped bit": content[:-1] + bytes([content[-1] ^ 1]), "cut short": content[:100]}
    path.write_bytes(broken.get(damage, b""))
    assert local_path("net.sky") is None
    assert verify("net.sky") != []
    assert zoo.fetch() == path
    assert path.read_bytes() == content
    assert server.total == 2
    assert "is damaged" in caplog.text and str(path) in caplog.text


def test_short_local_file_is_not_asked_again(zoo):
    zoo.base_url = []
    zoo.add()
    beside = zoo.manifest.parent / "weights" / FILE[1:]
    beside.parent.mkdir()
    beside.write_bytes(b"short")
    start = time.monotonic()
    with pytest.raises(LenszooError, match=r"weights\.h5: 5 bytes came, 300,000 expected\b"):
        zoo.fetch(backoff=2.0)
    assert time.monotonic() - start < 1.5, "it will not mend itself"


def test_damaged_file_in_a_checkout_gives_way_to_a_mirror(zoo, server):
    content = zoo.add()
    beside = zoo.manifest.parent / "weights" / FILE[1:]
    beside.parent.mkdir()
    beside.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    server.on("/b" + FILE, server.ok(content))
    assert zoo.fetch() == zoo.cached()
    assert beside.read_bytes().startswith(b"version"), "a checkout's file is never touched"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o002, 0o664)])
def test_mode_follows_the_umask(zoo, server, umask, mode):
    content = zoo.add()
    server.on("/a" + FILE, server.ok(content))
    before = os.umask(umask)
    try:
        path = zoo.fetch()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert stat.S_IMODE(path.parent.stat().st_mode) == mode | (mode & 0o444) >> 2


def test_parts_become_one_file(zoo, server):
    content = zoo.add(parts=3)
    first, second, third = (file["path"] for file in zoo.entries[0]["files"])
    piece = 100_000
    parts = [content[:piece], content[piece : 2 * piece], content[2 * piece :]]
    server.on(f"/a/{first}", server.ok(parts[0]))
    server.on(f"/a/{second}", server.truncated(parts[1]))  # /b has the second and the third
    server.on(f"/b/{second}", server.ok(parts[1]))
    server.on(f"/b/{third}", server.ok(parts[2]))
    path = zoo.fetch()
    assert path == zoo.cached()
    assert path.read_bytes() == content
    assert sorted(p.name for p in path.parent.glob("[!.]*")) == [path.name]
    assert server.hits[f"/a/{first}"] == 1
    assert verify("net.sky") == []


def test_parts_in_a_checkout_are_joined_in_the_cache(zoo, server, monkeypatch):
    content = zoo.add(parts=3)
    weights = zoo.manifest.parent / "weights"
    weights.mkdir()
    for i, file in enumerate(zoo.entries[0]["files"]):
        (weights / file["path"]).write_bytes(content[i * 100_000 : (i + 1) * 100_000])
    monkeypatch.setenv("LENSZOO_OFFLINE", "1")
    assert local_path("net.sky") is None, "they are not one file yet"
    assert verify("net.sky") == []
    assert zoo.fetch().read_bytes() == content
    assert local_path("net.sky") == zoo.cached()
    last = weights / zoo.entries[0]["files"][-1]["path"]
    last.write_bytes(b"damaged")
    assert [line for line in verify("net.sky") if str(last) in line] != []


def test_missing_part_is_named(zoo, server):
    content = zoo.add(parts=3)
    names = [file["path"] for file in zoo.entries[0]["files"]]
    server.on(f"/a/{names[0]}", server.ok(content[:100_000]))
    with pytest.raises(LenszooError) as error:
        zoo.fetch()
    needed = one_line(error).partition("Needed: ")[2]
    assert names[0] not in needed
    assert names[1] in needed and names[2] in needed
    assert zoo.leftovers() == []


def test_manifest_that_contradicts_itself(zoo, server):
    content = zoo.add(parts=2)
    zoo.entries[0]["sha256"] = "0" * 64
    zoo.write()
    for i, file in enumerate(zoo.entries[0]["files"]):
        server.on(f"/a/{file['path']}", server.ok(content[i * 150_000 : (i + 1) * 150_000]))
    with pytest.raises(LenszooError, match="contradicts itself"):
        zoo.fetch()
    assert zoo.leftovers() == [] and not zoo.cached().exists()


def test_unknown_name_lists_the_nearest(zoo):
    zoo.add("resnet18.sky")
    zoo.add("resnet18_slim.sky")
    with pytest.raises(
        LenszooError, match=r"Unknown weights 'resnet18_slim\.sk'.*resnet18_slim\.sky"
    ):
        zoo.fetch("resnet18_slim.sk")


def test_local_path_and_verify_without_any_copy(zoo, server):
    zoo.add()
    assert local_path("net.sky") is None
    assert verify("net.sky") == ["net.sky: not here; fetch it first"]
    assert server.total == 0
    assert not zoo.cache.exists(), "looking makes no folder"


def test_cache_that_is_a_file_falls_back_to_the_own_cache(zoo, server, caplog):
    content = zoo.add()
    server.on("/a" + FILE, server.ok(content))
    zoo.cache.write_text("not a folder")
    assert zoo.fetch() == zoo.cached(own=True)
    assert f"{zoo.cache / 'weights'} cannot be written" in caplog.text
    assert zoo.fetch() == zoo.cached(own=True)
    assert server.total == 1


def test_no_cache_can_be_written(zoo, server):
    content = zoo.add()
    server.on("/a" + FILE, server.ok(content))
    zoo.cache.write_text("not a folder")
    (zoo.folder / "home").write_text("neither")
    with pytest.raises(LenszooError, match="Set LENSZOO_CACHE to a folder that you can write"):
        zoo.fetch()


def test_two_versions_share_a_cache(zoo, server):
    """The same name with other bytes, as another version's manifest may have it."""
    old = zoo.add()
    server.on("/a" + FILE, server.ok(old))
    first = zoo.fetch()
    zoo.entries.clear()
    zoo.add("other.sky")  # moves the generator on, so that the bytes differ
    new = zoo.add()
    server.on("/a" + FILE, server.ok(new))
    second = zoo.fetch()
    assert second != first
    assert (first.read_bytes(), second.read_bytes()) == (old, new)


def test_cache_folders_expand_the_home(zoo, monkeypatch):
    monkeypatch.setenv("LENSZOO_CACHE", "~/zoo")
    assert cache_folders()[0] == Path.home() / "zoo" / "weights"
    monkeypatch.delenv("LENSZOO_CACHE")
    assert cache_folders() == [zoo.own_cache / "weights"]


def test_progress_is_silent_in_a_log(zoo, server, capsys):
    content = zoo.add()
    server.on("/a" + FILE, server.ok(content))
    zoo.fetch()
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err == ""
