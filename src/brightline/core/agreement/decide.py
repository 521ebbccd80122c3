# SPDX-License-Identifier: Apache-2.0
"""Facts in, decision out: the only place where a verdict is made.

    0. a fact that only the installation states is unknown          → unavailable
    1. a grant holds and nothing blocks                             → permit
    2. the same, were each settleable unknown good and all approved → hold
    3. else                                                         → deny

Two evaluations suffice, because conditions are monotone: no completion does better than the best one (the
tests compare with all completions). So whatever is denied, nobody can release; and whoever is asked, is asked
because the answer can matter. Nothing here reads a clock, and nothing here knows who asks.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping

import msgspec

from brightline.core.agreement.clause import Agreement, Clause, ClauseKind, Verdict
from brightline.core.agreement.compiled import Request
from brightline.core.facts import UNKNOWN, Facts


class Subject(enum.StrEnum):
    """What people are asked for: the value of a fact, or their approval."""

    FACT = "fact"
    APPROVAL = "approval"


class Question(msgspec.Struct, frozen=True):
    """What people are asked, and how many of which offices must answer.

    ``name`` is the fact to settle, or the office whose approval is needed. Each pair of ``quorum`` is an
    office and the number of its people in all, those who have already approved included.
    """

    subject: Subject
    name: str
    quorum: tuple[tuple[str, int], ...]


class Decision(msgspec.Struct, frozen=True):
    """A verdict and what made it.

    ``clauses`` are the ids of the clauses that decided, in the order of the agreement: of a permit, the
    grants that hold and the requirements that were met; of a hold, what stands in the way as things are; of a
    deny, what would stand in the way whatever people say; of unavailable, the clauses that read what is not
    known. ``facts_that_mattered`` are the facts by which those clauses came out as they did, by name.
    ``questions`` are for holds only: were they all answered with good values and approvals, the verdict would
    be permit, and none of them can be spared.
    """

    verdict: Verdict
    clauses: tuple[str, ...]
    facts_that_mattered: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()


def decide(agreement: Agreement, facts: Facts, approvals: Mapping[str, int]) -> Decision:
    """Decide one exchange.

    ``approvals`` says how many distinct people of each office have approved; an office that is not there has
    given none. A fact that is not there is unknown, a value that the agreement does not know is bad. Raises
    nothing.
    """
    # 0
    values = facts.view
    not_known = [name for name in agreement.installation_facts if values.get(name, UNKNOWN) == UNKNOWN]
    if not_known:
        return _unavailable(agreement, frozenset(not_known))
    # 1
    request = agreement.compiled.request(values, approvals)
    if grounds := _grounds(agreement, request, request.bad, approvals):
        return _decision(Verdict.PERMIT, grounds, values, approvals)
    # 2
    best, caps = request.bad & ~request.open, agreement.approval_caps
    if _grounds(agreement, request, best, caps):
        in_the_way = _in_the_way(agreement, request, request.bad, approvals)
        questions = _questions(agreement, request, approvals)
        return _decision(Verdict.HOLD, in_the_way, values, approvals, questions)
    # 3
    stuck = _in_the_way(agreement, request, best, caps)
    return _decision(Verdict.DENY, stuck, agreement.compiled.seen(request, best), caps)


def permitted(agreement: Agreement, values: Mapping[str, str], approvals: Mapping[str, int]) -> bool:
    """Return whether a grant holds, no red line or deny holds, and every requirement that applies is met."""
    request = agreement.compiled.request(values, approvals)
    return bool(_grounds(agreement, request, request.bad, approvals))


def _grounds(agreement: Agreement, request: Request, bad: int, approvals: Mapping[str, int]) -> list[Clause]:
    """The clauses on which a permit rests: grants that hold, requirements that are met. None: no permit.

    ``bad`` are the facts that are not good, as bits: the request's own, or fewer where people have settled some.
    """
    grounds: list[Clause] = []
    granted = False
    for place in agreement.compiled.applying(request, bad):
        clause = agreement.clauses[place]
        if clause.kind is ClauseKind.GRANT:
            granted = True
        elif not clause.met(request.values, approvals):
            return []
        grounds.append(clause)
    return grounds if granted else []


def _unavailable(agreement: Agreement, not_known: frozenset[str]) -> Decision:
    readers = tuple(clause.id for clause in agreement.clauses if clause.facts & not_known)
    return Decision(Verdict.UNAVAILABLE, readers, tuple(sorted(not_known)))


def _in_the_way(agreement: Agreement, request: Request, bad: int, approvals: Mapping[str, int]) -> list[Clause]:
    """What blocks, and where no grant holds every grant, in the order of the agreement."""
    clauses = agreement.clauses
    applying = list(agreement.compiled.applying(request, bad))
    places = [
        place
        for place in applying
        if clauses[place].kind is not ClauseKind.GRANT and not clauses[place].met(request.values, approvals)
    ]
    if not any(clauses[place].kind is ClauseKind.GRANT for place in applying):
        places = sorted([*places, *agreement.grant_places])
    return [clauses[place] for place in places]


def _questions(agreement: Agreement, request: Request, approvals: Mapping[str, int]) -> tuple[Question, ...]:
    """Start from the best completion, put back what the verdict does not need, and ask for the rest.

    Approvals go back first, then facts, each in the order of the agreement: where either would do, people are
    asked what is so rather than whether they approve, because that answer holds for the next turn too.
    """
    kept_bad = request.bad & ~request.open
    kept_approvals = {office: approvals.get(office, 0) for office in agreement.approval_caps}
    questions: list[Question] = []
    if not _grounds(agreement, request, kept_bad, kept_approvals):  # answers alone would not do
        kept_approvals = dict(agreement.approval_caps)
        for office, cap in agreement.approval_caps.items():
            kept_approvals[office] = approvals.get(office, 0)
            while kept_approvals[office] < cap and not _grounds(agreement, request, kept_bad, kept_approvals):
                kept_approvals[office] += 1
    for spec in agreement.vocabulary.specs:
        bit = agreement.compiled.bit(spec.name)
        if not request.open & bit:
            continue
        if _grounds(agreement, request, kept_bad | bit, kept_approvals):
            kept_bad |= bit
        else:
            questions.append(Question(Subject.FACT, spec.name, spec.settled_by))
    questions.extend(
        Question(Subject.APPROVAL, office, ((office, count),))
        for office, count in kept_approvals.items()
        if count > approvals.get(office, 0)
    )
    return tuple(questions)


def _decision(
    verdict: Verdict,
    clauses: Iterable[Clause],
    values: Mapping[str, str],
    approvals: Mapping[str, int],
    questions: tuple[Question, ...] = (),
) -> Decision:
    mattered: set[str] = set()
    ids: list[str] = []
    for clause in clauses:
        ids.append(clause.id)
        mattered |= clause.reasons(values, approvals)
    return Decision(verdict, tuple(ids), tuple(sorted(mattered)), questions)
