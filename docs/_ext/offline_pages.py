"""A built page loads nothing from another host: no fonts, no scripts, no pictures."""

import re
from pathlib import Path
from typing import Any

from sphinx.errors import ExtensionError

_LOADED = re.compile(
    r"<(?:script|img|iframe)[^>]*\ssrc=\"(?:https?:)?//[^\"]*\""
    r"|<link[^>]*rel=\"(?:stylesheet|preload|preconnect)\"[^>]*href=\"(?:https?:)?//[^\"]*\""
    r"|@import\s+url\(\"?(?:https?:)?//[^)]*\)"
)


def outside(folder: Path) -> list[str]:
    """List the elements of the HTML and CSS files in a folder that load from another host."""
    return [
        f"{path.relative_to(folder)}: {match.group()}"
        for path in sorted([*folder.rglob("*.html"), *folder.rglob("*.css")])
        for match in _LOADED.finditer(path.read_text("utf-8"))
    ]


def _check(app: Any, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        found = outside(Path(app.outdir))
        if found:
            raise ExtensionError("these pages load from another host:\n" + "\n".join(found))


def setup(app: Any) -> dict[str, bool]:
    """Check the pages once they are written."""
    app.connect("build-finished", _check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
