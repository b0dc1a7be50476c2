from lenszoo.vetting.agreement import Truth, measure_agreement
from lenszoo.vetting.grades import Grade


def grades_of(grader, **grades):
    return [Grade(grader, name, grade, False, 2.0, "") for name, grade in grades.items()]


def test_graders_are_compared_with_one_another_and_with_the_truth():
    given = grades_of("Ann", a="A", b="B", c="X", d="C", s1="A", s2="X", s3="B")
    given += grades_of("bob", a="A", b="C", c="X", d="X", s1="X")
    truth = Truth({"a": True, "d": True, "z": True}, {"s1": True, "s2": False, "s3": False})
    result = measure_agreement(given, truth)
    ann, bob = result.graders
    assert ann.counts == {"A": 1, "B": 1, "C": 1, "X": 1} and ann.seconds == 2.0
    assert (ann.listed, ann.lenses, ann.others) == ((1, 2), (1, 1), (1, 2))
    assert (bob.listed, bob.lenses, bob.others) == ((1, 2), (0, 1), (0, 0))
    (pair,) = result.pairs
    assert pair.kappa.n == 4 and 0 < pair.kappa.value < 1
    without = [grade for grade in given if not grade.candidate.startswith("s")]
    assert pair.kappa == measure_agreement(without).pairs[0].kappa  # controls do not count
    assert [name for name, _ in result.disputed] == ["b", "d"]
    text = str(result)
    assert "Ann and bob: weighted kappa 0." in text and "4 candidates" in text
    assert "1/2" in text


def test_agreement_of_nobody_and_of_graders_without_a_common_candidate():
    assert str(measure_agreement([])) == "no grades yet"
    apart = measure_agreement(grades_of("Ann", a="A") + grades_of("Bob", b="A"))
    assert "no candidate in common" in str(apart)
    facts = apart.as_json()
    assert facts["pairs"][0]["value"] is None and facts["pairs"][0]["n"] == 0
    same = measure_agreement(grades_of("Ann", a="A") + grades_of("Bob", a="A"))
    assert "one and the same grade for all" in str(same)
