import pytest
from tinyzoo import NAME, tiny_zoo

from lenszoo.errors import LenszooError
from lenszoo.pretrained import load_manifest
from lenszoo.pretrained.cards import read_card
from lenszoo.pretrained.manifest import checkout_root


@pytest.mark.parametrize("entry", load_manifest(checkout_root() / "weights_manifest.json").entries)
def test_every_card_is_of_its_weights(entry, monkeypatch):
    monkeypatch.delenv("LENSZOO_MANIFEST", raising=False)
    card = read_card(entry.name)
    assert card.startswith(f"# {entry.name}") and f'load_model("{entry.name}")' in card


def test_weights_without_a_card_say_where_to_look(monkeypatch):
    monkeypatch.setenv("LENSZOO_MANIFEST", str(tiny_zoo().manifest))
    with pytest.raises(LenszooError, match=rf"{NAME} has no card .* --json"):
        read_card(NAME)
