# SPDX-License-Identifier: Apache-2.0
"""What a solver found against a claim, decided again by the evaluator, as small as it goes, and in words.

A solver speaks of variables; whether these stand for a request that the agreement really treats as the solver says is
for ``decide`` to tell. A finding that does not replay is a contradiction between the solver and the evaluator. It
proves nothing, not even that the claim is false.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement, ClauseKind, Verdict
from brightline.core.agreement.decide import Decision, decide
from brightline.core.agreement.encoding import Model
from brightline.core.agreement.request import Request
from brightline.core.agreement.smtlib import DENIES, PERMITS, Script
from brightline.core.agreement.worlds import World, match
from brightline.core.facts import BAD_RANK, UNKNOWN, Facts, FactSpec, Register, Source


class Counterexample(msgspec.Struct, frozen=True):
    """A request (two, where the claim compares two) for which a claim is false, and what is decided of each."""

    words: str
    first: Request
    second: Request
    first_verdict: Verdict
    second_verdict: Verdict


def replay_no_weaker(script: Script, model: Model, candidate: Agreement, baseline: Agreement) -> Counterexample | None:
    """Return how the candidate is weaker (``first`` is its request, ``second`` the baseline's), or ``None``."""
    rows = []
    for fact in match(candidate.vocabulary, baseline.vocabulary):
        ranks = model.rank(fact.stem_for("candidate")), model.rank(fact.stem_for("baseline"))
        found = [world for world, each in zip(fact.worlds, fact.ranks, strict=True) if each == ranks]
        if not found:
            return None  # the solver speaks of what cannot come about
        best = [world for world, each in zip(fact.worlds, fact.ranks, strict=True) if each == (0, 0)]
        new, old = ([spec.name for spec in specs] for specs in (fact.candidate, fact.baseline))
        rows.append(_Row(new, old, found[0], (*best[:1], found[0])[0]))
    against = _AGAINST_BASELINE[script.name]
    approvals = model.approvals()

    def false(first: Request, second: Request) -> bool:
        return against(_verdict(candidate, first), _verdict(baseline, second))

    smallest = _smallest(rows, approvals, approvals, false)
    if smallest is None:
        return None
    first, second = smallest
    ours, theirs = (decide(each, r.facts, r.counts) for each, r in ((candidate, first), (baseline, second)))
    heard = {**_odd(candidate, first), **_odd(baseline, second)}  # in the words of the baseline, where both know it
    heard = {name: value for name, value in heard.items() if name not in _renamed(candidate, baseline)}
    words = (
        f"{_in_words(heard, first.counts)}, is {_said(theirs)} by the baseline and {_said(ours)} by version "
        f"{candidate.version}"
    )
    return Counterexample(words, first, second, ours.verdict, theirs.verdict)


def replay_theorem(script: Script, model: Model, agreement: Agreement) -> Counterexample | None:
    """Return a request for which a theorem is false of the agreement, or ``None``."""
    theorem = next((each for name, each in _AGAINST_THEOREMS.items() if script.name.startswith(name)), None)
    if theorem is None:
        return None
    rows = []
    for spec in agreement.vocabulary.specs:
        one = _value(spec, model.rank(spec.name))
        two = _value(spec, model.rank(theorem.prefix + spec.name))
        rows.append(_Row([spec.name], [spec.name], World(one, two), World(spec.good, spec.good)))
    counts = model.approvals(), model.approvals(theorem.copy)

    def false(first: Request, second: Request) -> bool:
        return theorem.false(agreement, first, second)

    smallest = _smallest(rows, *counts, false)
    if smallest is None:
        return None
    first, second = smallest
    before, after = (decide(agreement, request.facts, request.counts) for request in smallest)
    words = f"{_in_words(_odd(agreement, first), first.counts)}, is {_said(before)}"
    if theorem.prefix:
        words += f", and {_in_words(_odd(agreement, second), second.counts)}, is {_said(after)}"
    return Counterexample(words, first, second, before.verdict, after.verdict)


# ---- as small as it goes -------------------------------------------------------------------------------------------


class _Row(msgspec.Struct, frozen=True):
    """One fact: what it is called in the two requests, what a solver says of it, and its best."""

    first: list[str]
    second: list[str]
    said: World
    best: World


def _smallest(
    rows: list[_Row],
    first_approvals: Mapping[str, int],
    second_approvals: Mapping[str, int],
    false: Callable[[Request, Request], bool],
) -> tuple[Request, Request] | None:
    """Put facts to their best and approvals to none, one by one, while the claim stays false; none: it is not."""
    worlds = [row.said for row in rows]
    counts = [dict(first_approvals), dict(second_approvals)]

    def requests() -> tuple[Request, Request]:
        first = {name: w.candidate for row, w in zip(rows, worlds, strict=True) for name in row.first}
        second = {name: w.baseline for row, w in zip(rows, worlds, strict=True) for name in row.second}
        given = [tuple(sorted(each.items())) for each in counts]
        return Request(Facts.of(first), given[0]), Request(Facts.of(second), given[1])

    if not false(*requests()):
        return None
    for i, row in enumerate(rows):
        worlds[i] = row.best
        if not false(*requests()):
            worlds[i] = row.said
    for office in sorted({*first_approvals, *second_approvals}):
        kept = [dict(each) for each in counts]
        for each in counts:
            each.pop(office, None)
        if not false(*requests()):
            counts[:] = kept
    return requests()


# ---- what is claimed, in the words of the evaluator -----------------------------------------------------------------

_NOT_DENIED: Final = (Verdict.PERMIT, Verdict.HOLD)
_SEVERITY: Final = {Verdict.PERMIT: 0, Verdict.HOLD: 1, Verdict.DENY: 2}

_AGAINST_BASELINE: Final[Mapping[str, Callable[[Verdict, Verdict], bool]]] = {
    PERMITS: lambda ours, theirs: ours is Verdict.PERMIT and theirs is not Verdict.PERMIT,
    DENIES: lambda ours, theirs: ours in _NOT_DENIED and theirs not in _NOT_DENIED,
}


class _Against(msgspec.Struct, frozen=True):
    """When a theorem is false; ``prefix`` and ``copy`` name the variables of the second request, if there is one."""

    false: Callable[[Agreement, Request, Request], bool]
    prefix: str = ""
    copy: str = ""


def _crossed_yet_not_denied(agreement: Agreement, first: Request, _: Request) -> bool:
    specs = agreement.vocabulary.specs
    known = {s.name: s.good if first.facts[s.name] == UNKNOWN else first.facts[s.name] for s in specs}
    return _holds(agreement, known, first) and _verdict(agreement, first) in _NOT_DENIED


def _holding_yet_permitted(agreement: Agreement, first: Request, _: Request) -> bool:
    return _holds(agreement, first.facts.view, first) and _verdict(agreement, first) is Verdict.PERMIT


def _worse_yet_looser(agreement: Agreement, first: Request, second: Request) -> bool:
    before, after = _verdict(agreement, first), _verdict(agreement, second)
    return Verdict.UNAVAILABLE not in (before, after) and _SEVERITY[after] < _SEVERITY[before]


def _permitted_without_installation(agreement: Agreement, first: Request, _: Request) -> bool:
    return _permitted_without(agreement, first, agreement.installation_facts)


def _permitted_without_purpose(agreement: Agreement, first: Request, _: Request) -> bool:
    granted = {name for clause in agreement.grants for name in clause.facts}
    stated = [s for s in agreement.vocabulary.specs if s.name in granted and Source.REGISTRATION in s.set_by]
    purposes = [spec.name for spec in stated if Register.PURPOSE in spec.needs] or [spec.name for spec in stated]
    if not purposes:
        return _verdict(agreement, first) is Verdict.PERMIT
    return _permitted_without(agreement, first, tuple(purposes))


def _registration_lifts(agreement: Agreement, first: Request, second: Request) -> bool:
    return _holds(agreement, first.facts.view, first) and _verdict(agreement, second) is Verdict.PERMIT


_AGAINST_THEOREMS: Final[Mapping[str, _Against]] = {
    "T1-crossed": _Against(_crossed_yet_not_denied),
    "T1-holding": _Against(_holding_yet_permitted),
    "T2": _Against(_worse_yet_looser, "worse ", "worse "),
    "T3": _Against(_permitted_without_installation),
    "T4": _Against(_permitted_without_purpose),
    "T5": _Against(_registration_lifts, "registered "),
}


def _holds(agreement: Agreement, values: Mapping[str, str], request: Request) -> bool:
    red_lines = (clause for clause in agreement.clauses if clause.kind is ClauseKind.REDLINE)
    return any(clause.applies(values, request.counts) for clause in red_lines)


def _permitted_without(agreement: Agreement, request: Request, names: tuple[str, ...]) -> bool:
    missing = any(request.facts[name] != agreement.vocabulary.spec(name).good for name in names)
    return missing and _verdict(agreement, request) is Verdict.PERMIT


def _verdict(agreement: Agreement, request: Request) -> Verdict:
    return decide(agreement, request.facts, request.counts).verdict


def _value(spec: FactSpec, rank: int) -> str:
    if rank == BAD_RANK:
        return next((value for value in spec.values if value != spec.good), "undeclared")
    return UNKNOWN if rank else spec.good


_SAID: Final = {
    Verdict.PERMIT: "permitted",
    Verdict.HOLD: "held for people",
    Verdict.DENY: "denied",
    Verdict.UNAVAILABLE: "not decided",
}


def _said(decision: Decision) -> str:
    return f"{_SAID[decision.verdict]} ({', '.join(decision.clauses) or 'no clause'})"


def _odd(agreement: Agreement, request: Request) -> dict[str, str]:
    good = {spec.name: spec.good for spec in agreement.vocabulary.specs}
    return {name: value for name, value in request.facts.items() if value != good[name]}


def _renamed(candidate: Agreement, baseline: Agreement) -> frozenset[str]:
    """The names of now of facts that the baseline calls otherwise."""
    return frozenset(
        spec.name
        for fact in match(candidate.vocabulary, baseline.vocabulary)
        for spec in fact.candidate
        if any(old.name != spec.name for old in fact.baseline)
    )


def _in_words(odd: Mapping[str, str], approvals: Mapping[str, int]) -> str:
    facts = ", ".join(f"{name} = {value}" for name, value in odd.items())
    given = ", ".join(f"{count} {'approval' if count == 1 else 'approvals'} of {o}" for o, count in approvals.items())
    return (
        f"a request with {facts} and everything else good, " if facts else "a request with every fact good, "
    ) + f"with {given or 'no approvals'}"
