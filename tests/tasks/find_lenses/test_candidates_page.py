import re

import numpy as np
import pytest

from lenszoo.errors import LenszooError
from lenszoo.evaluation import candidates_page


def draw(n=9, bands=3):
    rng = np.random.default_rng(0)
    return rng.random((n, 12, 12, bands)), rng.normal(size=n)


def test_the_best_come_first_and_those_without_answer_never(tmp_path):
    images, logits = draw()
    logits[2], logits[7] = np.nan, 9.0
    page = candidates_page(images, logits, n=4, ids=[f"obj{i}" for i in range(9)])
    order = [int(i) for i in np.argsort(-np.nan_to_num(logits, nan=-9))[:4]]
    best = page.details["best"]
    assert [each["id"] for each in best] == [f"obj{i}" for i in order]
    assert order[0] == 7 and best[0]["logit"] == 9.0
    page.save(tmp_path)
    html = (tmp_path / "report.html").read_text()
    assert html.count("data:image/png;base64") == 1 and re.search(r"4 of 9\s+objects", html)
    assert ", ".join(f"obj{i}" for i in order) in html


def test_what_is_known_stands_below(tmp_path):
    images, logits = draw(3, 1)
    page = candidates_page(images, logits, kinds=np.array(["lens", "spiral", "star"]))
    (figure,) = page.figures
    texts = [text.get_text() for text in figure.draw().texts]
    best = int(np.argmax(logits))
    assert texts[:3] == [
        f"1. {1 / (1 + np.exp(-logits[best])):.3f}",
        ["lens", "spiral", "star"][best],
        str(best),
    ]
    assert page.metrics == {"objects": 3, "shown": 3}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": ["a"]}, "There are 1 ids but 9 logits"),
        ({"kinds": ["a"]}, "There are 1 kinds but 9 logits"),
        ({"logits": np.full(9, np.nan)}, "no candidate to show"),
        ({"logits": np.zeros(8)}, "There are 9 images but 8 logits"),
    ],
)
def test_what_does_not_fit(change, message):
    images, logits = draw()
    with pytest.raises(LenszooError, match=message):
        candidates_page(**{"images": images, "logits": logits} | change)
