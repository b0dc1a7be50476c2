"""Numbers and names as the reports write them."""

import numpy as np
import pytest

from lenszoo.reporting import text


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        (0.12345, ".4f", "0.1235"),
        (0.4171, ".1%", "41.7 %"),
        (3.2e-4, ".2e", "3.20e-04"),
        (0.04, "+.3f", "+0.040"),
        (None, ".4f", "n/a"),
        (float("nan"), ".1%", "n/a"),
        (-np.inf, ".4f", "n/a"),
    ],
)
def test_numbers_by_their_format(value, form, expected):
    assert text.show(value, form) == expected


def test_intervals_give_the_unit_once():
    assert text.show_interval((0.01, 0.025), ".1%") == "1.0 to 2.5 %"
    assert text.interval((0.1, 0.25), 2) == "0.10 to 0.25"
    assert text.interval((0.1, float("nan"))) == text.interval(None) == ""


def test_a_probability_is_neither_0_nor_1():
    assert [text.probability(p) for p in (1e-9, 0.25, 1.0)] == ["< 0.001", "0.250", "> 0.999"]


def test_counts_agree_with_their_noun():
    assert (text.counted(1, "image"), text.counted(1200, "image")) == ("1 image", "1,200 images")


def test_plain_text_is_one_line_without_mathtext():
    assert text.plain("a\nb\t$x$") == r"a b \$x\$"
    assert text.plain("\ud800\x00") == "??"
    assert text.plain("0123456789" * 4, 9) == "0123…6789"


def test_lists_are_nested_in_one_line():
    assert text.listed([1, [2.5, None], "a"]) == "1, 2.5, none, a"
