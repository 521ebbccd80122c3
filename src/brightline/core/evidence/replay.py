# SPDX-License-Identifier: Apache-2.0
"""Replaying decisions: the same facts through the same agreement give the same verdict, or it is said where not.

For a cleared auditor. Disclosures open the committed facts of a record; the agreement whose digest the record names
decides again. A record of another agreement is not replayed, and counted as such.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.decide import decide
from brightline.core.canonical import JsonValue
from brightline.core.evidence.books import AuditedLeaf
from brightline.core.evidence.disclosure import DisclosureError, match
from brightline.core.evidence.record import RecordKind
from brightline.core.facts import Facts

DECIDED: Final = frozenset({"permit", "hold", "deny"})


class Wrong(msgspec.Struct, frozen=True):
    """A disclosure that does not open its record, or a verdict that does not come out."""

    place: str
    message: str


class Replayed(msgspec.Struct, frozen=True):
    """``opened`` records were opened, ``decisions`` of them decided again."""

    opened: int
    decisions: int
    wrong: tuple[Wrong, ...]


def replay(
    records: Sequence[AuditedLeaf], disclosures: Mapping[int, Sequence[str]], agreement: Agreement | None
) -> Replayed:
    """Open what the disclosures open, and decide again what the agreement decided."""
    wrong: list[Wrong] = []
    opened = decisions = 0
    for record in records:
        given = disclosures.get(record.seq)
        if given is None:
            continue
        try:
            fields = match(record.commitments, given)
        except DisclosureError as error:
            wrong.append(Wrong(f"record {record.seq}", str(error)))
            continue
        opened += 1
        if agreement is None or record.agreement != agreement.digest or record.verdict not in DECIDED:
            continue
        if record.kind not in {RecordKind.PASS, RecordKind.OUTCOME}:
            continue
        message = _differs(record, fields, agreement)
        decisions += 1
        if message:
            wrong.append(Wrong(f"record {record.seq}", message))
    return Replayed(opened, decisions, tuple(wrong))


def _differs(record: AuditedLeaf, fields: Mapping[str, JsonValue], agreement: Agreement) -> str:
    facts = fields.get("facts")
    if not isinstance(facts, dict) or not all(isinstance(value, str) for value in facts.values()):
        return "its facts are not disclosed"
    decision = decide(agreement, Facts.of({name: str(value) for name, value in facts.items()}), {})
    if decision.verdict.value != record.verdict:
        return f"its facts decide to {decision.verdict.value}; it says {record.verdict}"
    if decision.clauses != record.clauses:
        return f"its facts decide by {', '.join(decision.clauses)}; it says {', '.join(record.clauses)}"
    return ""
