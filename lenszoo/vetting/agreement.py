"""Agreement between graders, and of each with candidates whose truth is known."""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from lenszoo.metrics.agreement import Kappa, weighted_kappa
from lenszoo.vetting.grades import GRADES, Grade

POINTS = {grade: 3 - k for k, grade in enumerate(GRADES)}
"""Points of a grade: A 3, B 2, C 1, X 0."""

_DISPUTED = 50


class Truth(NamedTuple):
    """Candidates whose truth is known, by id: whether each is a lens.

    Attributes:
        listed: lenses of a list, among the candidates.
        controls: images that were mixed in.
    """

    listed: Mapping[str, bool]
    controls: Mapping[str, bool]


@dataclass(frozen=True)
class Grader:
    """Grades of one grader.

    Attributes:
        name: the grader's.
        counts: candidates by grade, without controls.
        seconds: median time that a grade took; None where unknown.
        listed: lenses of a list that the grader gave A or B, and how many were graded.
        lenses: the same of control lenses.
        others: other controls that the grader gave X, and how many were graded.
    """

    name: str
    counts: dict[str, int]
    seconds: float | None
    listed: tuple[int, int]
    lenses: tuple[int, int]
    others: tuple[int, int]


@dataclass(frozen=True)
class Pair:
    """Weighted kappa of two graders on the candidates that both graded."""

    first: str
    second: str
    kappa: Kappa


@dataclass(frozen=True)
class Agreement:
    """Agreement of all graders.

    Attributes:
        graders: in the order of their names.
        pairs: each two graders.
        disputed: candidates with the widest spread of grades: id, and the grade of each grader.
    """

    graders: list[Grader]
    pairs: list[Pair]
    disputed: list[tuple[str, dict[str, str]]]

    def as_json(self) -> dict[str, Any]:
        """Return numbers and texts only; what is not finite becomes None."""
        pairs = [
            {"first": p.first, "second": p.second, **_finite(p.kappa._asdict())} for p in self.pairs
        ]
        graders = [asdict(grader) for grader in self.graders]
        return {"graders": graders, "pairs": pairs, "disputed": self.disputed}

    def __str__(self) -> str:
        if not self.graders:
            return "no grades yet"
        lines = [f"{'grader':24}" + "".join(f"{g:>6}" for g in GRADES) + "  known  lenses  others"]
        for each in self.graders:
            counts = "".join(f"{each.counts[g]:6,}" for g in GRADES)
            shares = [_share(each.listed, 7), _share(each.lenses, 8), _share(each.others, 8)]
            lines.append(f"{each.name[:24]:24}{counts}{''.join(shares)}")
        lines.append("known, lenses: listed and control lenses graded A or B; others: controls")
        lines.append("without a lens graded X.")
        for pair in self.pairs:
            k = pair.kappa
            names = f"{pair.first} and {pair.second}"
            if math.isnan(k.value):
                reason = "no candidate in common" if not k.n else "one and the same grade for all"
                lines.append(f"{names}: no weighted kappa ({reason})")
            else:
                interval = f"(95 %: {k.low:.2f} to {k.high:.2f})"
                lines.append(
                    f"{names}: weighted kappa {k.value:.2f} {interval}, {k.n:,} candidates"
                )
        return "\n".join(lines)


def measure_agreement(grades: Iterable[Grade], truth: Truth | None = None) -> Agreement:
    """Compare graders with one another and with the truth.

    Args:
        grades: those that stand.
        truth: candidates whose truth is known, where there are any.

    Example:
        >>> first = Grade("Ann", "a", "A", False, None, "")
        >>> result = measure_agreement([first, first._replace(grader="Bob", grade="X")])
        >>> result.pairs[0].kappa.n, result.disputed
        (1, [('a', {'Ann': 'A', 'Bob': 'X'})])
    """
    by_grader: dict[str, dict[str, Grade]] = defaultdict(dict)
    for grade in grades:
        by_grader[grade.grader][grade.candidate] = grade
    names = sorted(by_grader, key=str.casefold)
    truth = truth or Truth({}, {})
    controls = truth.controls.keys()  # easy ones would make graders seem alike
    pairs = []
    for one, two in itertools.combinations(names, 2):
        common = sorted((by_grader[one].keys() & by_grader[two].keys()) - controls)
        first, second = ([POINTS[by_grader[n][c].grade] for c in common] for n in (one, two))
        pairs.append(Pair(one, two, weighted_kappa(first, second, len(GRADES))))
    spread: dict[str, dict[str, str]] = defaultdict(dict)
    for name in names:
        for candidate in by_grader[name].keys() - controls:
            spread[candidate][name] = by_grader[name][candidate].grade
    disputed = [(c, votes) for c, votes in spread.items() if len(set(votes.values())) > 1]
    disputed.sort(key=lambda each: (-_width(each[1]), each[0]))
    graders = [_grader(name, by_grader[name], truth) for name in names]
    return Agreement(graders, pairs, disputed[:_DISPUTED])


def _grader(name: str, grades: Mapping[str, Grade], truth: Truth) -> Grader:
    own = [grade for grade in grades.values() if grade.candidate not in truth.controls]
    times = [grade.seconds for grade in grades.values() if grade.seconds is not None]

    def right(facts: Mapping[str, bool], lens: bool) -> tuple[int, int]:
        seen = [grades[c].grade for c, is_lens in facts.items() if is_lens is lens and c in grades]
        return sum(grade in ("A", "B") if lens else grade == "X" for grade in seen), len(seen)

    return Grader(
        name,
        {grade: sum(each.grade == grade for each in own) for grade in GRADES},
        float(np.median(times)) if times else None,
        right(truth.listed, True),
        right(truth.controls, True),
        right(truth.controls, False),
    )


def _width(votes: Mapping[str, str]) -> int:
    points = [POINTS[grade] for grade in votes.values()]
    return max(points) - min(points)


def _share(pair: tuple[int, int], width: int) -> str:
    return f"{pair[0]}/{pair[1]}".rjust(width) if pair[1] else "-".rjust(width)


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()
    }
