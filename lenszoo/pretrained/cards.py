"""Model cards that come with lenszoo, in the wheel or in docs/cards of a checkout."""

from lenszoo.errors import LenszooError
from lenszoo.pretrained.manifest import checkout_root, get_entry, packaged_data


def read_card(name: str) -> str:
    """Read the card of some weights as Markdown.

    Args:
        name: the full name of weights in the manifest, ``model.tag``.

    Raises:
        LenszooError: no such weights, or weights without a card.
    """
    entry = get_entry(name)
    root = checkout_root()
    folders = [packaged_data() / "cards", *([root / "docs" / "cards"] if root else [])]
    for folder in folders:
        path = folder / f"{entry.name}.md"
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise LenszooError(
        f"{entry.name} has no card in {folders[-1]}: `lenszoo weights show {entry.name} --json` "
        "shows its entry, and `make results` in a checkout writes the card."
    )
