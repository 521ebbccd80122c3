# SPDX-License-Identifier: Apache-2.0
"""What would change an outcome: by which facts, and to what.

    permit        each single fact that, were it unknown or bad, would stop it
    hold          each question, with what a good answer, a bad answer or the approvals would lead to
    deny,         the smallest sets of facts that, were they good, would lead to something else: all such sets of up to
    unavailable   ``facts_together`` facts. What is known bad stays bad: the outlook says what the verdict rests on,
                  not what people can do

Nothing here is a way around anything: it decides other requests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from math import comb
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement, Verdict
from brightline.core.agreement.decide import Decision, Subject, decide
from brightline.core.agreement.request import bad_value
from brightline.core.facts import UNKNOWN, Facts, FactSpec

FACTS_TOGETHER_MAX: Final = 3
SETS_MAX: Final = 5_000


class Otherwise(msgspec.Struct, frozen=True):
    """Were these facts so, and these approvals given, this would be the verdict, by these clauses."""

    facts: tuple[tuple[str, str], ...]
    approvals: tuple[tuple[str, int], ...]
    verdict: Verdict
    clauses: tuple[str, ...]


def outlook(
    agreement: Agreement, facts: Facts, approvals: Mapping[str, int], decision: Decision
) -> tuple[Otherwise, ...]:
    """Return what would change a decision, smallest changes first.

    Of a deny or an unavailable, nothing means that no change of up to ``facts_together`` facts does.
    """
    match decision.verdict:
        case Verdict.PERMIT:
            return tuple(_what_would_stop(agreement, facts, approvals))
        case Verdict.HOLD:
            return tuple(_answers(agreement, facts, approvals, decision))
        case _:
            return tuple(_what_would_help(agreement, facts, approvals, decision))


def facts_together(agreement: Agreement, facts: Facts) -> int:
    """How many facts at most are changed at once: three, or fewer where so many sets would be more than are tried."""
    count = len(_not_good(agreement, facts))
    sets = [sum(comb(count, size) for size in range(1, most + 1)) for most in range(2, FACTS_TOGETHER_MAX + 1)]
    return 1 + sum(tried <= SETS_MAX for tried in sets)


def _not_good(agreement: Agreement, facts: Facts) -> list[FactSpec]:
    return [spec for spec in agreement.vocabulary.specs if facts.get(spec.name) != spec.good]


def _otherwise(
    agreement: Agreement,
    facts: Facts,
    approvals: Mapping[str, int],
    values: Mapping[str, str],
    given: Mapping[str, int],
) -> Otherwise:
    decision = decide(agreement, facts.with_values(values), {**approvals, **given})
    return Otherwise(tuple(values.items()), tuple(given.items()), decision.verdict, decision.clauses)


def _what_would_stop(agreement: Agreement, facts: Facts, approvals: Mapping[str, int]) -> Iterator[Otherwise]:
    for spec in agreement.vocabulary.specs:
        for value in (UNKNOWN, bad_value(spec)):
            if spec.rank(facts.get(spec.name)) < spec.rank(value):
                found = _otherwise(agreement, facts, approvals, {spec.name: value}, {})
                if found.verdict is not Verdict.PERMIT:
                    yield found


def _answers(
    agreement: Agreement, facts: Facts, approvals: Mapping[str, int], decision: Decision
) -> Iterator[Otherwise]:
    for question in decision.questions:
        if question.subject is Subject.APPROVAL:
            yield _otherwise(agreement, facts, approvals, {}, dict(question.quorum))
            continue
        spec = agreement.vocabulary.spec(question.name)
        for value in (spec.good, bad_value(spec)):
            yield _otherwise(agreement, facts, approvals, {spec.name: value}, {})


def _what_would_help(
    agreement: Agreement, facts: Facts, approvals: Mapping[str, int], decision: Decision
) -> Iterator[Otherwise]:
    found: list[frozenset[str]] = []
    for size in range(1, facts_together(agreement, facts) + 1):
        for chosen in combinations(_not_good(agreement, facts), size):
            names = frozenset(spec.name for spec in chosen)
            if any(smaller <= names for smaller in found):
                continue
            other = _otherwise(agreement, facts, approvals, {spec.name: spec.good for spec in chosen}, {})
            if other.verdict is not decision.verdict:
                found.append(names)
                yield other
