"""Files that hold generated Markdown as it should be; WRITE_GOLDEN=1 writes them anew."""

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def compare(name: str, text: str) -> None:
    """Fail where the file of that name holds another text."""
    path = FOLDER / name
    if os.environ.get("WRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text("utf-8"), f"{path} holds another text: WRITE_GOLDEN=1 if meant"
