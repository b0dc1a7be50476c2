"""Figures that decide: what is said where too little is known; the rest is in test_report.py."""

import numpy as np

from lenszoo.tasks.find_lenses.decisions import inspections_text, rates_of, unmeasured


def test_inspections_in_words():
    assert inspections_text(3.14159) == "3.1"
    assert inspections_text(1234.5, (800.2, 3000)) == "1,234 (800 to 3,000)"
    assert inspections_text(4.2, (1.1, np.inf)) == "4.2"
    assert inspections_text(np.inf) == inspections_text(None) == "n/a"


def test_few_non_lenses_are_told_with_how_many_it_takes():
    needed = {"0.01": 368, "0.001": 3688, "0.0001": 36887}
    text = unmeasured({"nonlenses": 400, "nonlenses_needed": needed})
    assert "rate of 0.1 % or 0.01 %" in text and "3,688 for 0.1 %, 36,887 for 0.01 %" in text
    assert unmeasured({"nonlenses": 40_000, "nonlenses_needed": needed}) == ""


def test_rates_of_one_class_are_unknown():
    shares, bounds = rates_of(np.ones(500, bool), np.arange(500.0))
    assert set(map(np.isnan, shares.values())) == {True}
    assert set(bounds.values()) == {None}
