import pytest

from lenszoo.errors import LenszooError
from lenszoo.models.checks import check_positive, check_rate


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "2", None])
def test_only_positive_integers_pass(value):
    check_positive(width=1, depth=12)
    with pytest.raises(LenszooError, match=r"^width .*, got "):
        check_positive(depth=1, width=value)


@pytest.mark.parametrize("value", [1.0, -0.1, float("nan"), True, "0.1"])
def test_only_rates_pass(value):
    check_rate(dropout=0, other=0.99)
    with pytest.raises(LenszooError, match=r"^dropout .*, got "):
        check_rate(dropout=value)
