"""Addresses of files on the Hugging Face hub."""

import os
import re
from urllib.parse import quote

from lenszoo.errors import LenszooError

HUB = "https://huggingface.co"
SCHEME = "hf://"
_REPOSITORY = re.compile(r"([\w.-]+/[\w.-]+?)(?:@([\w./-]+))?/?")


def hub_folder(repository: str, revision: str = "main") -> str:
    """Return the address of a repository's files; ``HF_ENDPOINT`` names a mirror of the hub."""
    hub = os.environ.get("HF_ENDPOINT", "").strip().rstrip("/") or HUB
    return f"{hub}/{repository}/resolve/{quote(revision, safe='')}"


def hub_address(address: str) -> str:
    """Return the web address of a public repository ``hf://owner/name`` or ``...@revision``.

    Raises:
        LenszooError: it does not name a repository.

    Example:
        >>> from lenszoo.pretrained.hub import hub_address
        >>> hub_address("hf://astro/weights@v1")
        'https://huggingface.co/astro/weights/resolve/v1'
    """
    match = _REPOSITORY.fullmatch(address.removeprefix(SCHEME))
    if match is None:
        raise LenszooError(f"{address!r} names no repository: write hf://owner/name.")
    return hub_folder(match[1], match[2] or "main")
