# SPDX-License-Identifier: Apache-2.0
"""What an agreement is, once it has been read: clauses with their quotes, facts, offices, authorities,
examples.

A clause does one of four things. A *red line* and a *deny* forbid while their condition holds; a *grant*
permits while it holds, if nothing else stops it; a *require* asks for approvals while it applies. Seen from
the decision the three that restrict are one: they block while ``condition`` holds and ``that`` does not, and
of a red line or a deny ``that`` is the condition which never holds. So no approval can lift one: there is
nothing to count.

Make one with ``load_agreement``; only that checks polarity, quotes and worked examples. No part of an
agreement is mutable.
"""

from __future__ import annotations

import datetime
import enum
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Final

import msgspec

from brightline.core.agreement.compiled import CompiledAgreement
from brightline.core.agreement.condition import (
    NEVER,
    Approvals,
    Compiled,
    Condition,
    compile,
    facts_of,
    leaves,
)
from brightline.core.agreement.pattern import Pattern
from brightline.core.facts import Facts, Vocabulary


class Verdict(enum.StrEnum):
    """What the agreement says of an exchange; ``unavailable`` is the absence of a verdict."""

    PERMIT = "permit"
    HOLD = "hold"
    DENY = "deny"
    UNAVAILABLE = "unavailable"


DECIDED: Final = frozenset({Verdict.PERMIT.value, Verdict.HOLD.value, Verdict.DENY.value})
"""The verdicts that an agreement makes from facts, as records say them."""


class ClauseKind(enum.StrEnum):
    """What a clause does."""

    REDLINE = "redline"
    DENY = "deny"
    GRANT = "grant"
    REQUIRE = "require"


class Part(enum.StrEnum):
    """Where a clause comes from. The gap report asks what ``contract`` says alone."""

    RED_LINE = "red line"  # the lines themselves
    ARCHITECTURE = "architecture"  # how and where it is deployed
    CONTRACT = "contract"  # the contract language
    PEOPLE = "people"  # who is in the loop
    OURS = "ours"  # stricter than the text: the provider's own


class Clause(msgspec.Struct, frozen=True, dict=True):
    """One clause: the words that it encodes and the formula that encodes them.

    ``quote`` are verbatim spans of the prose. ``condition`` is when the clause grants or restricts; ``that``
    is what lifts the restriction (approvals, of a requirement) and never holds for the other kinds.
    ``authorities`` are the ids of the laws and directives which the clause cites. ``says`` is the formula as a plain
    sentence, ``assumes`` what must be so for the formula to mean the quote. ``controls`` are ids of the product's
    technical controls that carry the clause (``controls.py``), ``tests`` the worked examples and tests that show it.
    """

    id: str
    kind: ClauseKind
    quote: tuple[str, ...]
    condition: Condition
    that: Condition = NEVER
    authorities: tuple[str, ...] = ()
    part: Part = Part.CONTRACT
    says: str = ""
    assumes: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()

    @cached_property
    def facts(self) -> frozenset[str]:
        """The facts that the clause reads."""
        return facts_of(self.condition)

    @cached_property
    def applies(self) -> Compiled:
        """``condition``, compiled once."""
        return compile(self.condition)

    @cached_property
    def met(self) -> Compiled:
        """``that``, compiled once."""
        return compile(self.that)

    def blocks(self, facts: Mapping[str, str], approvals: Mapping[str, int]) -> bool:
        """Return whether this clause, by itself, stands in the way of a permit; a grant never does."""
        return self.kind is not ClauseKind.GRANT and self.applies(facts, approvals) and not self.met(facts, approvals)


class Authority(msgspec.Struct, frozen=True):
    """A law or directive as it stood on a day: pinned, and followed by nothing when it changes.

    ``edition`` is the state of the text that is meant (the day it was dated, unless the agreement says
    otherwise); ``sha256`` is the digest of the bytes an operator pinned, empty where none are.
    """

    id: str
    cite: str
    dated: datetime.date
    edition: datetime.date
    sha256: str = ""


class Parties(msgspec.Struct, frozen=True):
    """Who agreed. Names are for people to read; nothing is decided by them."""

    provider: str
    customer: str


class Office(msgspec.Struct, frozen=True):
    """An office whose people may settle facts or give approvals."""

    id: str
    title: str


class Example(msgspec.Struct, frozen=True):
    """A worked example: with these facts (all others good) and approvals, this verdict.

    ``clauses`` are the clauses that must have decided; empty where the example does not say.
    """

    name: str
    facts: Facts
    approvals: tuple[tuple[str, int], ...]
    verdict: Verdict
    clauses: tuple[str, ...] = ()


class Change(msgspec.Struct, frozen=True):
    """How the agreement may change: a tightening with ``proof``, signed by ``signers``; a loosening never."""

    proof: str
    signers: tuple[str, ...]


class Tighter(enum.StrEnum):
    """In which direction a number makes the agreement tighter."""

    LOWER = "lower"
    HIGHER = "higher"


class Limit(msgspec.Struct, frozen=True):
    """A number that the parties agreed on: a budget, an expiry, a threshold. ``id`` is one of ``limits.KNOWN``."""

    id: str
    value: int
    tighter: Tighter
    says: str = ""


class LadderTest(msgspec.Struct, frozen=True):
    """When a rung is reached by counting: error rate ``alpha`` over a window, or so many confirmed denies."""

    alpha: float
    window_seconds: int
    confirmed: int


class RungState(enum.StrEnum):
    """The rungs, from the lowest."""

    ATTEMPT = "attempt"
    PATTERN = "pattern"
    CONFIRMED = "confirmed"
    MATERIAL_BREACH = "material breach"


class Rung(msgspec.Struct, frozen=True):
    """One rung of the ladder from an attempt to termination; ``tests`` is none or one.

    ``cure_days`` and ``appeal_days`` are the periods that a notice gives; 0 is none.
    """

    state: RungState
    do: tuple[str, ...]
    tests: tuple[LadderTest, ...] = ()
    cure_days: int = 0
    appeal_days: int = 0


class Agreement(msgspec.Struct, frozen=True, dict=True):
    """An agreement that has been read and checked. ``digest`` is ``sha256:`` and 64 hex digits, over file and
    prose.

    ``clauses`` are in the order of the file, which is the order in which decisions name them. ``version`` counts the
    versions under one ``id`` from 1; ``encoding`` is the digest of what reviewers of the encoding sign: each quote
    with its formula, independent of everything else in the file. ``reviews`` are the names of files beside it that
    hold their signed statements, ``prose`` is the name of the file with the text. ``organisations`` pairs an office
    with of how many organisations its people are who say the same, wherever at least so many must.
    """

    id: str
    version: int
    digest: str
    encoding: str
    parties: Parties
    as_of: datetime.date
    vocabulary: Vocabulary
    offices: tuple[Office, ...]
    clauses: tuple[Clause, ...]
    authorities: tuple[Authority, ...]
    examples: tuple[Example, ...]
    change: Change
    ladder: tuple[Rung, ...]
    limits: tuple[Limit, ...] = ()
    reviews: tuple[str, ...] = ()
    prose: str = ""
    patterns: tuple[Pattern, ...] = ()
    organisations: tuple[tuple[str, int], ...] = ()

    def clause(self, clause_id: str) -> Clause:
        """Return a clause by its id; ``KeyError`` if there is none."""
        return self._by_id[clause_id]

    @cached_property
    def _by_id(self) -> Mapping[str, Clause]:
        return MappingProxyType({clause.id: clause for clause in self.clauses})

    def limit(self, limit_id: str, default: int) -> int:
        """Return an agreed number, or ``default`` where the agreement does not speak of it."""
        return next((limit.value for limit in self.limits if limit.id == limit_id), default)

    def rung(self, state: RungState) -> Rung:
        """Return a rung of the ladder; one that the agreement does not speak of does nothing."""
        return next((rung for rung in self.ladder if rung.state is state), Rung(state, ()))

    @cached_property
    def grants(self) -> tuple[Clause, ...]:
        """The clauses that grant."""
        return tuple(clause for clause in self.clauses if clause.kind is ClauseKind.GRANT)

    @cached_property
    def grant_places(self) -> tuple[int, ...]:
        """Where among the clauses the grants stand."""
        return tuple(i for i, clause in enumerate(self.clauses) if clause.kind is ClauseKind.GRANT)

    @cached_property
    def installation_facts(self) -> tuple[str, ...]:
        """The facts that only the installation states: while one is unknown there is no verdict."""
        return tuple(spec.name for spec in self.vocabulary.specs if spec.installation)

    @cached_property
    def compiled(self) -> CompiledAgreement:
        """The form in which it decides; made once."""
        return CompiledAgreement([(clause.condition, clause.applies) for clause in self.clauses], self.vocabulary)

    @cached_property
    def approval_caps(self) -> Mapping[str, int]:
        """For each office, the most approvals that any requirement asks of it; more make no difference."""
        caps = dict.fromkeys((office.id for office in self.offices), 0)
        for clause in self.clauses:
            for leaf in leaves(clause.that):
                if isinstance(leaf, Approvals):
                    caps[leaf.office] = max(caps.get(leaf.office, 0), leaf.count)
        return MappingProxyType(caps)
