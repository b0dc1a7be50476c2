"""Files that hold generated text as it should be; WRITE_GOLDEN=1 writes them anew."""

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def compare(name: str, text: str, folder: Path = FOLDER) -> None:
    """Fail where the file of that name holds another text."""
    path = folder / name
    if os.environ.get("WRITE_GOLDEN"):
        folder.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text("utf-8"), f"{path} holds another text: WRITE_GOLDEN=1 if meant"
