"""Addresses of the hub, and weights that come from a repository there."""

import pytest
from oneline import one_line

from lenszoo.pretrained.hub import hub_address


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("hf://astro/weights", "/astro/weights/resolve/main"),
        ("hf://astro/weights/", "/astro/weights/resolve/main"),
        ("hf://astro/we.i-ghts@v1.0", "/astro/we.i-ghts/resolve/v1.0"),
        ("hf://astro/weights@refs/pr/1", "/astro/weights/resolve/refs%2Fpr%2F1"),
    ],
)
def test_addresses(monkeypatch, address, place):
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert hub_address(address) == "https://huggingface.co" + place
    monkeypatch.setenv("HF_ENDPOINT", "http://mirror.example/hf/")
    assert hub_address(address) == "http://mirror.example/hf" + place


@pytest.mark.parametrize(
    "address", ["hf://weights", "hf://a/b/c", "hf://", "hf://a/b@", "hf://a b/c"]
)
def test_a_repository_of_another_form_is_refused(address):
    one_line("names no repository: write hf://owner/name", lambda: hub_address(address))


def test_weights_come_from_a_repository(zoo, server, monkeypatch):
    content = zoo.add(parts=2)
    half = len(content) // 2
    for i, part in enumerate((content[:half], content[half:])):
        name = f"net.sky.weights.h5.part{i + 1}of2"
        server.on(f"/astro/weights/resolve/v1/{name}", server.ok(part))
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("LENSZOO_WEIGHTS_URL", "hf://astro/weights@v1")
    assert zoo.fetch().read_bytes() == content
    assert server.total == 2


def test_offline_asks_no_repository(zoo, server, monkeypatch):
    zoo.add()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("LENSZOO_WEIGHTS_URL", "hf://astro/weights")
    monkeypatch.setenv("LENSZOO_OFFLINE", "1")
    one_line("LENSZOO_OFFLINE is set", zoo.fetch)
    assert server.total == 0
