"""Names of the navigation break after a dot or an underscore; figures keep their intervals."""

import re
from typing import Any

from docutils import nodes

_LINK = re.compile(r'(<a class="[^"]*\breference internal"[^>]*>)([^<]+)')
_INTERVAL = re.compile(r"[\d.]+ \(-?[\d.]+ to -?[\d.]+\)")
_LONGEST = 40  # letters of a cell that may stay in one line


def breakable(html: str) -> str:
    """Let the texts of links break after a dot or an underscore."""
    return _LINK.sub(lambda link: link[1] + re.sub(r"(?<=\w)([._])", r"\1<wbr>", link[2]), html)


def is_figure(text: str) -> bool:
    """Tell whether the text of a cell is a figure with its interval and little more."""
    return len(text) <= _LONGEST and _INTERVAL.search(text) is not None


def _navigation(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    for part in ("furo_navigation_tree", "toc"):
        if part in context:
            context[part] = breakable(context[part])


def _figures(app: Any, doctree: nodes.document, page: str) -> None:
    for cell in doctree.findall(nodes.entry):
        if is_figure(cell.astext()):
            cell["classes"].append("figure")


def setup(app: Any) -> dict[str, bool]:
    """Change the navigation once the theme has made it, and tables before they are written."""
    app.connect("html-page-context", _navigation, priority=900)
    app.connect("doctree-resolved", _figures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
