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
from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from brightline.core.agreement.clause import Agreement, ClauseKind, Verdict
from brightline.core.agreement.compiled import Request
from brightline.core.facts import Facts


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
    request = agreement.compiled.request(facts.view, approvals)
    if request.missing:
        return _unavailable(agreement, request)
    # 1
    now = _weigh(agreement, request, request.bad, approvals)
    if now.permits:
        return _decision(agreement, Verdict.PERMIT, now, now.holding)
    # 2
    best = _weigh(agreement, request, request.bad & ~request.open, agreement.approval_caps)
    if best.permits:
        return _decision(agreement, Verdict.HOLD, now, _in_the_way(agreement, now), _questions(agreement, now, best))
    # 3
    return _decision(agreement, Verdict.DENY, best, _in_the_way(agreement, best))


def without_verdict(agreement: Agreement, facts: Facts) -> Decision | None:
    """*Unavailable* where a fact that only the installation states is not known; ``None`` where there is a verdict."""
    request = agreement.compiled.request(facts.view, {})
    return _unavailable(agreement, request) if request.missing else None


REMEMBERED_MAX: Final = 1_024
"""Decisions that are remembered of an agreement; then all are forgotten."""


_Asked: TypeAlias = "tuple[Facts, tuple[tuple[str, int], ...]]"


def decided(agreement: Agreement, facts: Facts, approvals: Mapping[str, int]) -> Decision:
    """The same as ``decide``, remembered: the facts of most exchanges are those of another."""
    known: dict[_Asked, Decision] = agreement.compiled.decided
    key = facts, tuple(sorted(approvals.items()))
    decision = known.get(key)
    if decision is None:
        if len(known) >= REMEMBERED_MAX:
            known.clear()
        decision = known[key] = decide(agreement, facts, approvals)
    return decision


def permitted(agreement: Agreement, values: Mapping[str, str], approvals: Mapping[str, int]) -> bool:
    """Return whether a grant holds, no red line or deny holds, and every requirement that applies is met."""
    request = agreement.compiled.request(values, approvals)
    return _weigh(agreement, request, request.bad, approvals).permits


class _Weighed(msgspec.Struct, frozen=True):
    """How the clauses come out while the facts ``bad``, as bits, are not good, and so many have approved.

    ``bad`` are the request's own, or fewer where people have settled some. ``holding`` are the places of the grants
    that hold and of the requirements that are met, ``blocking`` those of what else applies, in order.
    """

    request: Request
    bad: int
    approvals: Mapping[str, int]
    holding: list[int]
    blocking: list[int]
    granted: bool

    @property
    def permits(self) -> bool:
        """Whether a grant holds and nothing blocks."""
        return self.granted and not self.blocking


def _weigh(
    agreement: Agreement, request: Request, bad: int, approvals: Mapping[str, int], among: int | None = None
) -> _Weighed:
    """``among`` are the clauses to look at, as bits by place; without it, all."""
    holding: list[int] = []
    blocking: list[int] = []
    granted = False
    for place in agreement.compiled.applying(request, bad, among):
        clause = agreement.clauses[place]
        if clause.kind is ClauseKind.GRANT:
            granted = True
            holding.append(place)
        elif clause.met(request.values, approvals):
            holding.append(place)
        else:
            blocking.append(place)
    return _Weighed(request, bad, approvals, holding, blocking, granted)


def _unavailable(agreement: Agreement, request: Request) -> Decision:
    not_known = frozenset(agreement.compiled.names(request.missing))
    readers = tuple(clause.id for clause in agreement.clauses if clause.facts & not_known)
    return Decision(Verdict.UNAVAILABLE, readers, tuple(sorted(not_known)))


def _in_the_way(agreement: Agreement, weighed: _Weighed) -> list[int]:
    """What blocks, and where no grant holds every grant, in the order of the agreement."""
    return weighed.blocking if weighed.granted else sorted([*weighed.blocking, *agreement.grant_places])


def _questions(agreement: Agreement, now: _Weighed, best: _Weighed) -> tuple[Question, ...]:
    """Start from the best completion, put back what the verdict does not need, and ask for the rest.

    Approvals go back first, then facts, each in the order of the agreement: where either would do, people are
    asked what is so rather than whether they approve, because that answer holds for the next turn too.
    """
    request, given = now.request, now.approvals
    kept_bad = best.bad
    kept_approvals = {office: given.get(office, 0) for office in agreement.approval_caps}
    questions: list[Question] = []
    if not _weigh(agreement, request, kept_bad, kept_approvals).permits:  # answers alone would not do
        kept_approvals = dict(agreement.approval_caps)
        for office, cap in agreement.approval_caps.items():
            kept_approvals[office] = given.get(office, 0)
            while kept_approvals[office] < cap and not _weigh(agreement, request, kept_bad, kept_approvals).permits:
                kept_approvals[office] += 1
    grants = sum(1 << place for place in agreement.grant_places)
    for spec in agreement.vocabulary.specs:
        bit = agreement.compiled.bit(spec.name)
        if not request.open & bit:
            continue
        # What is kept is permitted, so that only grants and the clauses which read this fact can change that.
        tell = grants | agreement.compiled.readers(bit)
        if _weigh(agreement, request, kept_bad | bit, kept_approvals, tell).permits:
            kept_bad |= bit
        else:
            questions.append(Question(Subject.FACT, spec.name, spec.settled_by))
    questions.extend(
        Question(Subject.APPROVAL, office, ((office, count),))
        for office, count in kept_approvals.items()
        if count > given.get(office, 0)
    )
    return tuple(questions)


def _decision(
    agreement: Agreement,
    verdict: Verdict,
    weighed: _Weighed,
    places: list[int],
    questions: tuple[Question, ...] = (),
) -> Decision:
    mattered = agreement.compiled.mattered(places, weighed.request, weighed.bad, weighed.approvals)
    return Decision(verdict, tuple([agreement.clauses[place].id for place in places]), mattered, questions)
