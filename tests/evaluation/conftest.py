"""What more than one test of the reports needs."""

from html.parser import HTMLParser

import pytest


class Page(HTMLParser):
    """Collects tags with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def _check(text):
    """No script, no handler, no address to fetch: every source is data."""
    page = Page(text)
    assert not page.open
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "object", "base")
        assert not any(name.startswith("on") or name == "href" for name in attributes)
        for name in ("src", "srcset"):
            assert attributes.get(name, "data:image/png;base64,").startswith(
                "data:image/png;base64,"
            )
        if tag == "img":
            assert attributes["alt"]
    for word in ("http:", "https:", "url(", "@import"):
        assert word not in text
    return page


@pytest.fixture(scope="session")
def check_self_contained():
    """A function that checks a page and returns its parsed tags."""
    return _check
