# SPDX-License-Identifier: Apache-2.0
"""Small agreements, later versions of them and requests, at random but the same for each seed."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec

from brightline.core.agreement.clause import Agreement, Clause, ClauseKind
from brightline.core.agreement.condition import NEVER, And, Approvals, Compare, Condition, Not, Or
from brightline.core.facts import NO, UNKNOWN, YES, Facts, FactSpec, Formerly, Register, Source, Vocabulary
from tests.core.agreement.test_decide import agreement_of

OFFICES = ("first", "second")
APPROVALS_MOST = 2

_SOURCES = (
    frozenset({Source.DETECTOR}),
    frozenset({Source.DETECTOR}),
    frozenset({Source.DETECTOR, Source.REGISTRATION}),
    frozenset({Source.REGISTRATION}),
    frozenset({Source.ATTESTATION}),
)
_SETTLERS = ((), (("first", 1),), (("first", 2), ("second", 1)))


def seeded(seed: int) -> random.Random:
    """The same numbers for the same seed."""
    return random.Random(seed)  # noqa: S311 - nothing secret comes of it


def random_agreement(rng: random.Random, facts_most: int = 5, clauses_most: int = 5) -> Agreement:
    """Always such as would load: polarity as it must be, at least one grant."""
    specs = tuple(_random_spec(rng, name) for name in "abcdefgh"[: rng.randint(1, facts_most)])
    kinds = [ClauseKind.GRANT, *rng.choices(list(ClauseKind), k=rng.randint(0, clauses_most - 1))]
    rng.shuffle(kinds)
    return agreement_of(specs, tuple(random_clause(rng, f"C{i}", kind, specs) for i, kind in enumerate(kinds)))


def random_clause(rng: random.Random, name: str, kind: ClauseKind, specs: Sequence[FactSpec]) -> Clause:
    that = _random_that(rng, 2) if kind is ClauseKind.REQUIRE else NEVER
    return Clause(name, kind, ("words",), _random_condition(rng, specs, kind is ClauseKind.GRANT, 3), that)


def random_request(rng: random.Random, agreement: Agreement) -> tuple[Facts, dict[str, int]]:
    """Good more often: else nearly every request is denied, and each question is the same."""
    values = {
        spec.name: rng.choice((spec.good, spec.good, spec.good, UNKNOWN, *spec.values))
        for spec in agreement.vocabulary.specs
    }
    return Facts.of(values), {office: rng.randint(0, APPROVALS_MOST + 1) for office in OFFICES if rng.random() < 0.7}


def later_version(rng: random.Random, agreement: Agreement) -> Agreement:
    """A version with one to three changes: some tighten, some loosen, some do nothing."""
    for _ in range(rng.randint(1, 3)):
        agreement = rng.choice(_CHANGES)(rng, agreement)
    return msgspec.structs.replace(agreement, version=2)


# ---- pieces --------------------------------------------------------------------------------------------------


def _random_spec(rng: random.Random, name: str) -> FactSpec:
    values = rng.choice(((YES, NO), (NO, YES), ("x", "y", "z")))
    set_by = rng.choice(_SOURCES)
    settled_by = rng.choice(_SETTLERS) if Source.DETECTOR in set_by else ()
    needs = frozenset({Register.PURPOSE}) if Source.REGISTRATION in set_by and rng.random() < 0.3 else frozenset()
    return FactSpec(name, values[0], values, set_by, settled_by, needs)


def _random_condition(rng: random.Random, specs: Sequence[FactSpec], equal: bool, depth: int) -> Condition:
    if depth == 0 or rng.random() < 0.4:
        spec = rng.choice(specs)
        if rng.random() < 0.2:
            return Not(Compare(spec.name, not equal, spec.good))
        return Compare(spec.name, equal, spec.good)
    parts = tuple(_random_condition(rng, specs, equal, depth - 1) for _ in range(rng.randint(1, 3)))
    return And(parts) if rng.random() < 0.5 else Or(parts)


def _random_that(rng: random.Random, depth: int) -> Condition:
    if depth == 0 or rng.random() < 0.6:
        return Approvals(rng.choice(OFFICES), rng.randint(1, APPROVALS_MOST))
    parts = tuple(_random_that(rng, depth - 1) for _ in range(2))
    return And(parts) if rng.random() < 0.5 else Or(parts)


# ---- changes -------------------------------------------------------------------------------------------------


def _clause_more(rng: random.Random, agreement: Agreement) -> Agreement:
    kind = rng.choice(list(ClauseKind))
    taken = {clause.id for clause in agreement.clauses}
    name = next(name for name in (f"N{i}" for i in range(len(taken) + 1)) if name not in taken)
    more = random_clause(rng, name, kind, agreement.vocabulary.specs)
    return msgspec.structs.replace(agreement, clauses=(*agreement.clauses, more))


def _clause_less(rng: random.Random, agreement: Agreement) -> Agreement:
    gone = rng.choice(agreement.clauses)
    rest = tuple(clause for clause in agreement.clauses if clause is not gone)
    return msgspec.structs.replace(agreement, clauses=rest) if rest else agreement


def _clause_other(rng: random.Random, agreement: Agreement) -> Agreement:
    other = rng.choice(agreement.clauses)
    equal = other.kind is ClauseKind.GRANT
    more = _random_condition(rng, agreement.vocabulary.specs, equal, 1)
    condition = And((other.condition, more)) if rng.random() < 0.5 else Or((more, other.condition))
    that = other.that
    if other.kind is ClauseKind.REQUIRE and rng.random() < 0.5:
        that = _random_that(rng, 1)
    changed = msgspec.structs.replace(other, condition=condition, that=that)
    return msgspec.structs.replace(
        agreement, clauses=tuple(changed if clause is other else clause for clause in agreement.clauses)
    )


def _reordered(rng: random.Random, agreement: Agreement) -> Agreement:
    return msgspec.structs.replace(agreement, clauses=tuple(rng.sample(agreement.clauses, len(agreement.clauses))))


def _fact_settled_otherwise(rng: random.Random, agreement: Agreement) -> Agreement:
    spec = rng.choice(agreement.vocabulary.specs)
    return with_spec(agreement, spec, msgspec.structs.replace(spec, settled_by=rng.choice(_SETTLERS)))


def _fact_renamed(rng: random.Random, agreement: Agreement) -> Agreement:
    """A new name and new words; now and then the words change places, so that bad becomes good."""
    spec = rng.choice(agreement.vocabulary.specs)
    if spec.formerly or spec.name.startswith("new_"):
        return agreement
    values = rng.choice((spec.values, tuple(f"{value}_" for value in spec.values)))
    mapping = dict(zip(spec.values, values, strict=True))
    if rng.random() < 0.3:
        mapping[spec.values[1]] = mapping[spec.good]
    good = mapping[spec.good]
    formerly = (Formerly(spec.name, tuple(pair for pair in mapping.items() if pair[0] != pair[1])),)
    renamed = msgspec.structs.replace(spec, name=f"new_{spec.name}", values=values, good=good, formerly=formerly)
    return with_spec(agreement, spec, renamed)


def _value_more(rng: random.Random, agreement: Agreement) -> Agreement:
    spec = rng.choice(agreement.vocabulary.specs)
    good = "w" if rng.random() < 0.2 else spec.good
    if "w" in spec.values:
        return agreement
    return with_spec(agreement, spec, msgspec.structs.replace(spec, values=(*spec.values, "w"), good=good))


_CHANGES = (
    _clause_more,
    _clause_more,
    _clause_less,
    _clause_other,
    _clause_other,
    _reordered,
    _fact_settled_otherwise,
    _fact_renamed,
    _value_more,
)


def with_spec(agreement: Agreement, old: FactSpec, new: FactSpec) -> Agreement:
    """Put one fact in another's place, in the conditions too."""

    def changed(condition: Condition) -> Condition:
        match condition:
            case Compare(fact, equal, _, column) if fact == old.name:
                return Compare(new.name, equal, new.good, column)
            case And(parts):
                return And(tuple(changed(part) for part in parts))
            case Or(parts):
                return Or(tuple(changed(part) for part in parts))
            case Not(part):
                return Not(changed(part))
            case _:
                return condition

    specs = tuple(new if spec is old else spec for spec in agreement.vocabulary.specs)
    clauses = tuple(msgspec.structs.replace(c, condition=changed(c.condition)) for c in agreement.clauses)
    return msgspec.structs.replace(agreement, vocabulary=Vocabulary(specs), clauses=clauses)
