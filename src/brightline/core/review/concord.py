# SPDX-License-Identifier: Apache-2.0
"""How sure people are: how far reviewers agree, how often one of them was overruled, and what they missed.

Sources: J. Cohen, Educ. Psychol. Meas. 20 (1960) 37; K. Krippendorff, *Content Analysis* (2018), ch. 12 (nominal
data, any number of observers, missing values); bounds of shares as in ``screening/figures.py``.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec

from brightline.core.review.life import CaseKind, CaseLife
from brightline.core.screening.figures import Rate, at_most, rate


class Pair(msgspec.Struct, frozen=True):
    """Two reviewers: how many questions both answered, how many alike, and Cohen's kappa (``None``: no variation)."""

    one: str
    other: str
    questions: int
    alike: int
    kappa: float | None


class Agreed(msgspec.Struct, frozen=True):
    """Agreement over all reviewers: Krippendorff's alpha over so many questions that two or more answered."""

    alpha: float | None
    questions: int
    pairs: tuple[Pair, ...]


class Overturned(msgspec.Struct, frozen=True):
    """How often a reviewer's answer was not what people agreed on in the end."""

    reviewer: str
    answers: Rate


class Missed(msgspec.Struct, frozen=True):
    """Seeded items that a reviewer answered otherwise than is known; ``miss_max`` bounds the share at 95 %."""

    reviewer: str
    items: Rate
    miss_max: float


def agreed(cases: Sequence[CaseLife]) -> Agreed:
    """How far reviewers agree. Only what two or more of one office answered; each person's first answer."""
    rated = _rated(cases)
    shared: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for answers in rated:
        for one, other in itertools.combinations(sorted(answers), 2):
            shared[one, other].append((answers[one], answers[other]))
    pairs = tuple(
        Pair(one, other, len(both), sum(a == b for a, b in both), cohens_kappa(both))
        for (one, other), both in sorted(shared.items())
    )
    return Agreed(krippendorffs_alpha([list(answers.values()) for answers in rated]), len(rated), pairs)


def _rated(cases: Sequence[CaseLife]) -> list[dict[str, str]]:
    """Each question that two or more of one office answered: who said what first."""
    found = []
    for case in cases:
        questions: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
        for said in case.said:
            questions[said.name, said.office].setdefault(said.person, said.value)
        found += [answers for answers in questions.values() if len(answers) > 1]
    return found


def cohens_kappa(both: Sequence[tuple[str, str]]) -> float | None:
    """Agreement of two beyond chance: 1 alike, 0 as by chance. ``None`` where chance alone explains everything."""
    if not both:
        return None
    ones, others = Counter(one for one, _ in both), Counter(other for _, other in both)
    chance = sum(ones[value] * others[value] for value in ones) / len(both) ** 2
    if chance >= 1:
        return None
    return (sum(one == other for one, other in both) / len(both) - chance) / (1 - chance)


def krippendorffs_alpha(units: Sequence[Sequence[str]]) -> float | None:
    """Agreement of any number of observers, nominal data. ``None`` where nothing varies, or nothing is shared."""
    weights: dict[tuple[str, str], float] = defaultdict(float)
    for values in units:
        if len(values) < 2:
            continue
        together = Counter(itertools.permutations(values, 2))
        for pair, count in together.items():
            weights[pair] += count / (len(values) - 1)
    totals: dict[str, float] = defaultdict(float)
    for (value, _), weight in weights.items():
        totals[value] += weight
    whole = sum(totals.values())
    expected = sum(totals[a] * totals[b] for a, b in itertools.permutations(totals, 2))
    if not expected:
        return None
    observed = sum(weight for (one, other), weight in weights.items() if one != other)
    return 1 - (whole - 1) * observed / expected


def overturned(cases: Sequence[CaseLife]) -> tuple[Overturned, ...]:
    """By reviewer: answers that people did not agree on in the end, of those on which they agreed on something."""
    of: Counter[str] = Counter()
    other: Counter[str] = Counter()
    for case in cases:
        for said in case.said:
            if said.name in case.answers:
                of[said.person] += 1
                other[said.person] += said.value != case.answers[said.name]
    return tuple(Overturned(person, rate(other[person], of[person])) for person in sorted(of))


def missed(cases: Sequence[CaseLife]) -> tuple[Missed, ...]:
    """By reviewer: seeded items, each once, that they answered otherwise than is known in any question."""
    of: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for case in cases:
        if case.kind is not CaseKind.SEEDED:
            continue
        said = [each for each in case.said if each.name in case.known]
        missed_by = {each.person for each in said if each.value != case.known[each.name]}
        of.update({each.person for each in said})
        wrong.update(missed_by)
    return tuple(
        Missed(person, rate(wrong[person], of[person]), at_most(wrong[person], of[person])) for person in sorted(of)
    )
