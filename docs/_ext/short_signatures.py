"""Signatures name ArrayLike and ndarray in place of the long unions that they stand for."""

import re
from typing import Any

from numpy.typing import ArrayLike
from sphinx.util.typing import stringify_annotation

_ARRAY_LIKE = stringify_annotation(ArrayLike, "smart")
_ARRAY = re.compile(r"~?numpy\.ndarray\[.*?dtype\[[^\]]*\]\]")


def shorten(text: str) -> str:
    """Replace the long forms in a signature."""
    return _ARRAY.sub("~numpy.ndarray", text.replace(_ARRAY_LIKE, "~numpy.typing.ArrayLike"))


def _process(
    app: Any, kind: str, name: str, value: Any, options: Any, arguments: Any, returns: Any
) -> tuple[Any, Any]:
    return arguments and shorten(arguments), returns and shorten(returns)


def setup(app: Any) -> dict[str, bool]:
    """Shorten every signature that autodoc writes."""
    app.connect("autodoc-process-signature", _process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
