"""Words of the lens-finding report; its tables as a whole are in golden/report.txt."""

from lenszoo.tasks.find_lenses.tables import odds, purity_text, rate_rule


def test_shares_and_rates_in_words():
    assert (odds(1e-3), odds(0.5)) == ("1 in 1,000", "50 %")
    assert [rate_rule(rate) for rate in (0.01, 5e-4)] == [
        "at most 1 % false positives",
        "at most 0.05 % false positives",
    ]


def test_no_false_positive_gives_a_limit_of_the_purity():
    point = {"false_positives": 0, "purity": 1.0, "purity_interval": (0.018, 1.0)}
    assert purity_text(point) == "> 1.8 %"
    assert purity_text(point | {"false_positives": 3, "purity": 0.04}) == "4.0 %"
