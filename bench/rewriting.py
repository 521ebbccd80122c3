# SPDX-License-Identifier: Apache-2.0
"""Agreements of any size, and later versions that say the same in several times as many clauses.

A version that is merely the same text is proved by looking at it. This one is split by cases (each "or" becomes
clauses of its own), has redundant clauses, and is in another order, as rewritten law is. The same seed gives the same
agreements.
"""

from __future__ import annotations

import datetime
import itertools
import random
from collections.abc import Iterator, Sequence

import msgspec

from brightline.core.agreement.clause import Agreement, Change, Clause, ClauseKind, Office, Parties
from brightline.core.agreement.condition import NEVER, And, Approvals, Compare, Condition, Or
from brightline.core.facts import NO, YES, FactSpec, Source, Vocabulary

OFFICES = ("provider_cleared", "customer_decider")
COPIES = 3  # redundant clauses for each that is needed, at most; with the cases that makes about 6.5 clauses of one
_PLANTED = ("planted_a", "planted_b")


def baseline_of(clauses: int, seed: int = 1) -> Agreement:
    """An agreement with so many clauses over facts of all kinds."""
    rng = random.Random(seed)  # noqa: S311 - nothing secret comes of it
    specs = tuple(_spec(i) for i in range(24 + clauses // 10)) + tuple(
        FactSpec(name, NO, set_by=frozenset({Source.DETECTOR})) for name in _PLANTED
    )
    stated = [spec.name for spec in specs if spec.good == YES]
    found = [spec.name for spec in specs if spec.good == NO and spec.name not in _PLANTED]
    read = [
        Clause("G1", ClauseKind.GRANT, ("q",), _good(stated[:2])),
        Clause("G2", ClauseKind.GRANT, ("q",), _good(stated[1:4])),
        Clause("PLANTED", ClauseKind.REDLINE, ("q",), _bad(_PLANTED)),
    ]
    while len(read) < clauses:
        groups = [tuple(rng.sample(found, rng.choice((1, 1, 2)))) for _ in range(rng.choice((1, 2, 2, 3)))]
        groups[0] = (*groups[0], rng.choice(stated)) if rng.random() < 0.3 else groups[0]
        condition = And(tuple(Or(tuple(Compare(name, False, _good_of(specs, name)) for name in g)) for g in groups))
        asks = rng.random() < 0.15
        kind = ClauseKind.REQUIRE if asks else ClauseKind.DENY
        that = Approvals(rng.choice(OFFICES), rng.randint(1, 3)) if asks else NEVER
        read.append(Clause(f"C{len(read)}", kind, ("q",), condition, that))
    return _agreement(f"bench-{clauses}", 1, specs, tuple(read))


def rewritten(baseline: Agreement, seed: int = 2) -> Agreement:
    """The same in several times as many clauses."""
    rng = random.Random(seed)  # noqa: S311 - nothing secret comes of it
    specs = baseline.vocabulary.specs
    found = [spec.name for spec in specs if spec.good == NO]
    made: list[Clause] = []
    for clause in baseline.clauses:
        if clause.kind is ClauseKind.GRANT:
            made.append(clause)
            continue
        for case in _split(clause.condition):
            made.append(msgspec.structs.replace(clause, id=f"R{len(made)}", condition=case))
            for _ in range(rng.randint(1, COPIES)):  # the same under a further condition: implied, so it adds nothing
                more = And((case, Compare(rng.choice(found), False, NO)))
                made.append(msgspec.structs.replace(clause, id=f"R{len(made)}", condition=more))
    rng.shuffle(made)
    return _agreement(baseline.id, 2, specs, tuple(made))


def weakened(candidate: Agreement) -> Agreement:
    """The rewritten version, with one red line that now needs a third fact to be crossed."""
    third = Compare(candidate.vocabulary.specs[-3].name, False, candidate.vocabulary.specs[-3].good)
    clauses = tuple(
        msgspec.structs.replace(clause, condition=And((clause.condition, third)))
        if clause.kind is ClauseKind.REDLINE
        else clause
        for clause in candidate.clauses
    )
    return msgspec.structs.replace(candidate, clauses=clauses)


def _split(condition: Condition) -> Iterator[Condition]:
    """A conjunction of disjunctions as clauses of their own, each with one fact of each group."""
    if not isinstance(condition, And):
        yield condition
        return
    groups = [part.parts if isinstance(part, Or) else (part,) for part in condition.parts]
    for chosen in itertools.product(*groups):
        yield And(tuple(chosen))


def _spec(i: int) -> FactSpec:
    if i % 4 == 0:
        return FactSpec(f"stated_{i}", YES, set_by=frozenset({Source.REGISTRATION}))
    if i % 11 == 1:
        return FactSpec(f"attested_{i}", YES, set_by=frozenset({Source.ATTESTATION}))
    settled_by = ((OFFICES[0], 2),) if i % 3 else ()
    return FactSpec(f"found_{i}", NO, set_by=frozenset({Source.DETECTOR}), settled_by=settled_by)


def _good(names: Sequence[str]) -> Condition:
    return And(tuple(Compare(name, True, YES) for name in names))


def _bad(names: Sequence[str]) -> Condition:
    return And(tuple(Compare(name, False, NO) for name in names))


def _good_of(specs: Sequence[FactSpec], name: str) -> str:
    return next(spec.good for spec in specs if spec.name == name)


def _agreement(name: str, version: int, specs: tuple[FactSpec, ...], clauses: tuple[Clause, ...]) -> Agreement:
    return Agreement(
        id=name,
        version=version,
        digest="sha256:" + f"{version:064x}",
        encoding="sha256:" + "0" * 64,
        parties=Parties("a provider", "a customer"),
        as_of=datetime.date(2026, 1, 1),
        vocabulary=Vocabulary(specs),
        offices=tuple(Office(office, office) for office in OFFICES),
        clauses=clauses,
        authorities=(),
        examples=(),
        change=Change("no-weaker", ("provider-safety",)),
        ladder=(),
    )
