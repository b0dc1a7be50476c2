"""Objects of the lens-finding report: checks, thresholds and the rows of the galleries."""

import numpy as np
import pytest
from oneline import one_line
from tinyreports import finds

from lenszoo.errors import LenszooError
from lenszoo.evaluation import lens_finding_report, threshold_at
from lenszoo.tasks.find_lenses.candidates import candidates, galleries


def test_galleries_show_the_right_objects():
    data = finds()
    objects = candidates(data["labels"], data["scores"], data["ids"], data["truth"], 0.01)
    rows = galleries(objects)
    scores, lens = data["scores"]["image and table"], data["labels"] == 1
    at = threshold_at(data["labels"], scores, 0.01)
    below, above = np.flatnonzero(lens & (scores < at)), np.flatnonzero(lens & (scores >= at))
    assert rows["missed_lenses"] == below[np.argsort(scores[below])][:12].tolist()
    assert rows["found_lenses"] == above[np.argsort(-scores[above])][:12].tolist()
    for row in rows["false_positives"]:
        described = objects.describe(row)
        assert described["logit"] >= at
        assert described["kind"] != "lens"
        assert "einstein_radius" not in described
    assert objects.describe(below[0])["id"] == f"KiDS <{below[0]}>"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ids": ["x"]}, "1 ids but 240"),
        ({"images": np.zeros((2, 4, 4))}, "2 images but 240"),
        ({"images": np.zeros((240, 8))}, "images have shape (240, 8)"),
        ({"bands": ("g", "r", "i")}, "4 bands but there are 3 names (g, r, i)"),
        ({"table": np.zeros((2, 3))}, "2 rows of the table but 240"),
        ({"table": np.zeros(240)}, "pass (n, columns)"),
        ({"columns": ("a",)}, "3 columns but there are 1 column names"),
        ({"labels": np.full(240, 3)}, "hold 3"),
        ({"labels": np.zeros(7)}, "240 ids but 7"),
        ({"scores": {}}, "no scores"),
        ({"scores": {"a": np.zeros(240), "image only": np.zeros(9)}}, "'image only'"),
        ({"scores": {"a": np.zeros((240, 2))}}, "one logit an object"),
        ({"truth": {"einstein_radius": [1.0]}}, "'einstein_radius' has shape (1,)"),
        ({"uncalibrated": np.zeros(3)}, "before temperature scaling"),
        ({"prevalence": 0}, "prevalence is 0"),
        ({"false_positive_rate": 1.0}, "0 to below 1"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, words):
    given = finds() | {"n_resamples": 20} | change
    with pytest.raises(LenszooError) as error:
        lens_finding_report(**given)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_scores_that_are_not_finite_name_score_and_objects():
    given = finds()
    given["scores"]["table only"][[3, 7]] = np.nan
    with pytest.raises(LenszooError, match=r"'table only': 2 of 240 .*\(KiDS <3>, KiDS <7>\)"):
        lens_finding_report(**given)
    given["ids"] = None
    one_line("(row 3, row 7)", lambda: lens_finding_report(**given))


def test_what_is_unknown_of_the_truth_is_no_number():
    labels, scores = [1, 1, 1, 0], {"a": np.arange(4.0)}
    for radii in (
        np.ma.masked_values([1.2, -99.0, 0.8, -99.0], -99.0),
        [1.2, None, 0.8, None],
        [1.2, np.nan, 0.8, np.nan],
    ):
        objects = candidates(labels, scores, None, {"einstein_radius": radii}, 0.01)
        np.testing.assert_array_equal(objects.truth["einstein_radius"], [1.2, np.nan, 0.8, np.nan])
        assert objects.describe(0)["einstein_radius"] == 1.2
