# SPDX-License-Identifier: Apache-2.0
"""A recorded decision made again: by the same agreement from the same facts, and the facts from the same findings.

What a detector saw in a text cannot be seen again without the text. What followed can: each finding must be one that
the release's rules could have made, or its judge settled, the facts that only detectors set must be what these
findings and the release's entitlements make, and the agreement must come to the recorded verdict and clauses. Where
not, it is said where.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.decide import decide
from brightline.core.canonical import JsonValue
from brightline.core.facts import UNKNOWN, Facts, Source
from brightline.core.screening.release import Release
from brightline.core.screening.settle import settled_rule

FINDINGS_MAX: Final = 200  # a record keeps so many; what came after may have set a fact

NONE_GIVEN: Final[Mapping[str, int]] = MappingProxyType({})
NOTHING_SETTLED: Final[Mapping[str, str]] = MappingProxyType({})


class Step(msgspec.Struct, frozen=True):
    """One thing that was made again. ``differs`` is empty where it came out as recorded."""

    what: str
    differs: tuple[str, ...] = ()


class FoundRow(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A finding as a record keeps it: never the words, only where and what."""

    rule: str
    fact: str
    value: str
    view: str
    path: str


class _Beside(msgspec.Struct, frozen=True):
    release: str
    facts: dict[str, str]


class Possible(Protocol):
    """A finding that a release's detectors could make: a rule, or a head, and what it says of a fact."""

    @property
    def id(self) -> str:
        """By what a finding names it."""
        ...

    @property
    def fact(self) -> str:
        """The fact that it sets."""
        ...

    @property
    def value(self) -> str:
        """The value that it sets it to."""
        ...


def replay_verdict(
    agreement: Agreement, facts: Facts, verdict: str, clauses: Sequence[str], approvals: Mapping[str, int] = NONE_GIVEN
) -> Step:
    """Decide again. ``verdict`` is one of ``DECIDED``; ``approvals`` are those that the record says were given."""
    made = decide(agreement, facts, approvals)
    found = []
    if made.verdict.value != verdict:
        found.append(f"the record says {verdict}; its facts make {made.verdict.value}")
    if tuple(clauses) != made.clauses:
        said = ", ".join(clauses) or "no clause"
        found.append(f"the record names {said}; its facts make {', '.join(made.clauses) or 'no clause'}")
    return Step("the facts through the agreement", tuple(found))


def replay_facts(
    agreement: Agreement,
    release: Release,
    rules: Iterable[Possible],
    facts: Facts,
    findings: Sequence[FoundRow],
    tightened: frozenset[str] = frozenset(),
    settled: Mapping[str, str] = NOTHING_SETTLED,
) -> Step:
    """Make the facts that only detectors set again, from the recorded findings and what people ``settled``.

    ``tightened`` are facts that a candidate release beside this one made worse, in a canary.
    """
    known = {(rule.id, rule.fact, rule.value) for rule in rules}
    found = [
        f"finding {row.rule} of {row.fact}={row.value} at {row.path}: the release has no such rule"
        for row in findings
        if _as_found(row, release) not in known
    ]
    entitled = {each.fact: each.value for each in release.entitlements}
    complete = len(findings) < FINDINGS_MAX
    for spec in agreement.vocabulary.specs:
        if Source.DETECTOR not in spec.set_by:
            continue
        seen = [row.value for row in findings if row.fact == spec.name]
        recorded = facts[spec.name]
        made = entitled.get(spec.name, UNKNOWN)
        if seen:
            made = seen[0]
            for value in seen[1:]:
                made = spec.worst(made, value)
        if made == UNKNOWN and spec.name in settled:
            made = settled[spec.name]
        worse_is_possible = spec.set_by != {Source.DETECTOR} or not complete or spec.name in tightened
        better = spec.rank(recorded) < spec.rank(made)
        if better or (recorded != made and not worse_is_possible):
            found.append(f"{spec.name}: the record says {recorded}; its findings make {made}")
    return Step("the findings through the release", tuple(found))


def _as_found(row: FoundRow, release: Release) -> tuple[str, str, str]:
    """Rule, fact and value before a judge settled it, if the release lets one settle this fact."""
    by = settled_rule("", release.judge.id) if release.judge is not None else ""
    if by and row.rule.endswith(by) and any(each.fact == row.fact for each in release.settlements):
        return row.rule.removesuffix(by), row.fact, UNKNOWN
    return row.rule, row.fact, row.value


def read_findings(value: JsonValue) -> tuple[FoundRow, ...]:
    """The findings of a record. Raises ``ValueError`` for what is none."""
    return msgspec.convert(value, tuple[FoundRow, ...], strict=True)


def read_tightened(value: JsonValue) -> frozenset[str]:
    """The facts that a candidate made worse in a canary; none where there was none. Raises ``ValueError``."""
    if value is None:
        return frozenset()
    return frozenset(msgspec.convert(value, _Beside, strict=True).facts)


def read_approvals(value: JsonValue) -> Mapping[str, int]:
    """The approvals of a record. Raises ``ValueError`` for what is none."""
    return msgspec.convert(value, dict[str, int], strict=True)


def read_facts(value: JsonValue) -> Facts:
    """The facts of a record. Raises ``ValueError`` for what is none."""
    texts: Mapping[str, str] = msgspec.convert(value, dict[str, str], strict=True)
    return Facts.of(texts)
