# SPDX-License-Identifier: Apache-2.0
"""What an agreement would do to traffic that was, beside the one in force or beside none: nothing is enforced.

Both decide the same facts. A change is a verdict that differs; it is counted by unit and by the clauses that decide
under the new agreement, and the first of each kind is kept as an example.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from brightline.core.agreement.clause import Agreement, Verdict
from brightline.core.agreement.decide import decide
from brightline.core.agreement.request import Request, in_words_of
from brightline.core.facts import Facts

NONE = "none"  # the verdict where no agreement was in force
KINDS_MAX = 10_000


class Seen(msgspec.Struct, frozen=True):
    """One exchange that was: whose, and what was known of it."""

    unit: str
    facts: Facts
    approvals: tuple[tuple[str, int], ...] = ()


class Change(msgspec.Struct, frozen=True):
    """So many exchanges of a unit would be decided otherwise; ``example`` is the first of them, in words of now."""

    unit: str
    before: str
    after: str
    clauses: tuple[str, ...]
    count: int
    example: Facts


class Preview(msgspec.Struct, frozen=True):
    """What would change. ``before`` and ``after`` count verdicts, ``by_clause`` the decisions that a clause stops."""

    total: int
    before: dict[str, int]
    after: dict[str, int]
    by_clause: dict[str, int]
    changes: tuple[Change, ...]

    @property
    def changed(self) -> int:
        """How many exchanges would be decided otherwise."""
        return sum(change.count for change in self.changes)


def preview(new: Agreement, current: tuple[Agreement, ...], traffic: Iterable[Seen]) -> Preview:
    """Decide all traffic under both. ``current`` holds one agreement or none; facts are in its words (or the new's).

    Kinds of change beyond 10,000 are counted under the unit "…".
    """
    total = 0
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    by_clause: Counter[str] = Counter()
    kinds: Counter[tuple[str, str, str, tuple[str, ...]]] = Counter()
    first: dict[tuple[str, str, str, tuple[str, ...]], Facts] = {}
    for seen in traffic:
        total += 1
        old, facts, approvals = _before(new, current, seen)
        decision = decide(new, facts, approvals)
        before[old] += 1
        after[decision.verdict.value] += 1
        if decision.verdict is not Verdict.PERMIT:
            by_clause.update(decision.clauses)
        changed = decision.verdict.value != old if current else decision.verdict is not Verdict.PERMIT
        if changed:
            kind = (seen.unit, old, decision.verdict.value, decision.clauses)
            if kind not in kinds and len(kinds) >= KINDS_MAX:
                kind = ("…", old, decision.verdict.value, ())
            kinds[kind] += 1
            first.setdefault(kind, facts)
    changes = tuple(Change(*kind, count, first[kind]) for kind, count in kinds.most_common())
    return Preview(total, dict(before), dict(after), dict(by_clause.most_common()), changes)


def _before(new: Agreement, current: tuple[Agreement, ...], seen: Seen) -> tuple[str, Facts, dict[str, int]]:
    """The verdict that was, and the exchange in the words of the new agreement."""
    approvals = dict(seen.approvals)
    for agreement in current:
        whole = Facts.of({spec.name: seen.facts.get(spec.name) for spec in agreement.vocabulary.specs})
        verdict = decide(agreement, whole, approvals).verdict.value
        facts = in_words_of(new, agreement, Request(whole, seen.approvals)).facts
        return verdict, facts.with_values(_only_new(new, agreement, seen.facts)), approvals
    return NONE, Facts.of({spec.name: seen.facts.get(spec.name) for spec in new.vocabulary.specs}), approvals


def _only_new(new: Agreement, current: Agreement, facts: Facts) -> dict[str, str]:
    """What is known of facts that only the new agreement has."""
    return {
        spec.name: facts[spec.name]
        for spec in new.vocabulary.specs
        if spec.name in facts
        and spec.name not in current.vocabulary
        and not any(old.name in current.vocabulary for old in spec.formerly)
    }
