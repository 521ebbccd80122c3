# SPDX-License-Identifier: Apache-2.0
"""What the agreement says of a case, in plain words: its clauses, and what each answer would lead to.

What an answer leads to is not described but tried: the agreement decides again, with the facts of the exchange as they
are on record and the answer in the place of what is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from brightline.core.agreement.aloud import plain
from brightline.core.agreement.book import Entry, make_book
from brightline.core.agreement.clause import Agreement, Verdict
from brightline.core.agreement.decide import Decision, Subject, decide
from brightline.core.agreement.pattern import Over
from brightline.core.facts import UNKNOWN, Facts
from brightline.core.review.case import Case, CaseQuestion
from brightline.core.review.decision import APPROVE, REFUSE

SECONDS: Mapping[str, int] = {"day": 86_400, "hour": 3_600, "minute": 60}


class Lead(msgspec.Struct, frozen=True):
    """An answer that may be given: its value, how it is called on the page, and what it leads to.

    ``verdict`` is what the agreement would say then: a word of :class:`Verdict`.
    """

    value: str
    name: str
    says: str
    verdict: str


class Judged(msgspec.Struct, frozen=True):
    """Facts and approvals of a held exchange, as its records have them; ``known`` is false where they do not open.

    ``crossed`` are the patterns that it crossed: by id, over what, with how many people.
    """

    facts: Facts = Facts()
    approvals: tuple[tuple[str, int], ...] = ()
    known: bool = False
    crossed: tuple[tuple[str, Over, int], ...] = ()


class CrossedView(msgspec.Struct, frozen=True):
    """A pattern that an exchange crossed: over what, how many there were of what, from how many on it asks, why."""

    id: str
    over: str
    people: int
    noun: str
    subjects: int
    fact: str
    says: str


@lru_cache(maxsize=8)
def _entries(agreement: Agreement) -> dict[str, Entry]:
    return {entry.id: entry for entry in make_book(agreement).clauses}


def clauses_of(agreement: Agreement, case: Case) -> tuple[Entry, ...]:
    """The clauses that decided, as the clause book has them."""
    entries = _entries(agreement)
    return tuple(entries[clause] for clause in case.clauses if clause in entries)


def as_asked(agreement: Agreement, case: Case, judged: Judged) -> Judged:
    """What was known when a case was opened. Where no record says, what is asked is unknown and all else is good.

    So a case reads alike whyever people are asked.
    """
    if judged.known:
        return judged
    asked = {question.name for question in case.questions if question.subject is Subject.FACT}
    specs = agreement.vocabulary.specs
    facts = Facts.of({each.name: UNKNOWN if each.name in asked else each.good for each in specs})
    return Judged(facts, (), True, judged.crossed)


def crossed_of(agreement: Agreement, judged: Judged) -> tuple[CrossedView, ...]:
    """The patterns for which an exchange was held, each once."""
    patterns = {pattern.id: pattern for pattern in agreement.patterns}
    return tuple(
        CrossedView(
            id=plain(name),
            over="the agreement as a whole" if over is Over.AGREEMENT else f"its {over}",
            people=people,
            noun=patterns[name].counts.noun,
            subjects=patterns[name].subjects,
            fact=patterns[name].fact,
            says=plain(patterns[name].says),
        )
        for name, (over, people) in {name: (over, people) for name, over, people in judged.crossed}.items()
        if name in patterns
    )


def deciding(agreement: Agreement, judged: Judged, case: Case) -> tuple[str, ...]:
    """The facts of the deciding clauses that are unknown, by name, in the order of the agreement."""
    read = frozenset(fact for clause in agreement.clauses if clause.id in case.clauses for fact in clause.facts)
    specs = agreement.vocabulary.specs
    return tuple(each.name for each in specs if each.name in read and judged.facts.get(each.name) == UNKNOWN)


def leads_of(
    agreement: Agreement, case: Case, question: CaseQuestion, judged: Judged, answer_seconds: int
) -> tuple[Lead, ...]:
    """What may be answered to a question, good first, and what each answer would lead to."""
    until = span(answer_seconds)
    if question.subject is Subject.APPROVAL:
        approvals = dict(judged.approvals) | dict(question.quorum)
        yes = _after(agreement, judged, {}, approvals)
        return (
            Lead(APPROVE, "Approve", _approved(yes, question, case), _verdict(yes)),
            Lead(
                REFUSE,
                "Refuse",
                "The exchange stays held and is never answered. Nobody can release it.",
                Verdict.DENY.value,
            ),
        )
    spec = agreement.vocabulary.spec(question.name)
    found = []
    for value in (spec.good, *(each for each in spec.values if each != spec.good)):
        then = _after(agreement, judged, {question.name: value}, dict(judged.approvals))
        says = _good(then, question, case, until) if value == spec.good else _bad(then)
        found.append(Lead(value, plain(value).capitalize(), says, _verdict(then)))
    return tuple(found)


def _after(
    agreement: Agreement, judged: Judged, values: Mapping[str, str], approvals: Mapping[str, int]
) -> Decision | None:
    return decide(agreement, judged.facts.with_values(values), approvals) if judged.known else None


def _verdict(then: Decision | None) -> str:
    return then.verdict.value if then is not None else ""


def _good(then: Decision | None, question: CaseQuestion, case: Case, until: str) -> str:
    words = "these words" if question.marks else "this exchange"
    kept = f"The answer holds for {words}, this workload, this agreement and this release, for {until}."
    if then is not None and then.verdict is Verdict.HOLD:
        rest = ", ".join(plain(each.name) for each in then.questions)
        return f"Still held: {rest} must be answered too. {kept}"
    if then is not None and then.verdict is not Verdict.PERMIT:
        return f"Refused all the same, by {_named(then)}."
    others = len(case.questions) > 1
    once = ", once the other questions are answered well too" if others else ""
    return f"The caller may ask again and is served{once}. {kept}"


def _bad(then: Decision | None) -> str:
    by = f", by {_named(then)}" if then is not None and then.verdict is Verdict.DENY else ""
    if then is not None and then.verdict is Verdict.PERMIT:
        return "The caller may ask again and is served: no clause turns on this answer."
    if then is not None and then.verdict is Verdict.HOLD:
        return f"Still held, by {_named(then)}."
    return f"Refused for good{by}. Nobody can release it."


def _approved(then: Decision | None, question: CaseQuestion, case: Case) -> str:
    if then is not None and then.verdict is Verdict.HOLD:
        rest = ", ".join(plain(each.name) for each in then.questions)
        return f"Still held: {rest} must be answered too. The approval is of this exchange alone."
    return "The caller may ask again and this very exchange is served. Any other exchange asks anew."


def _named(decision: Decision) -> str:
    return ", ".join(plain(clause) for clause in decision.clauses) or "the agreement"


def span(seconds: int) -> str:
    """A stretch of time in words, in its two largest units: ``3 h 20 min``."""
    seconds = max(0, seconds)
    if seconds < SECONDS["minute"]:
        return "under a minute"
    if seconds < SECONDS["hour"]:
        return f"{seconds // 60} min"
    if seconds < 2 * SECONDS["day"]:
        minutes = seconds % SECONDS["hour"] // 60
        return f"{seconds // SECONDS['hour']} h" + (f" {minutes} min" if minutes else "")
    return f"{seconds // SECONDS['day']} days"
