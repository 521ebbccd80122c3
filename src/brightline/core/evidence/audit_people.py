# SPDX-License-Identifier: Apache-2.0
"""What people signed, as far as a log's DECISION, ENROLMENT and HALT records are disclosed.

Whether a statement is signed by somebody on the roster is asked of :class:`People`, which the auditor makes of the
installation and the parties' keys (``core/review/auditing.py``); nothing in this room knows a case or a passkey.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Protocol

from brightline.core.canonical import JsonValue
from brightline.core.evidence.audit_findings import Claim, Findings, Topic
from brightline.core.evidence.audit_memory import PeopleMemory
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.record import RecordKind

OF_PEOPLE: Final = frozenset({RecordKind.DECISION, RecordKind.ENROLMENT, RecordKind.HALT, RecordKind.HOLD})
_BESIDE: Final = frozenset({RecordKind.HALT, RecordKind.HOLD})  # looked at, and no reason for the claim by themselves
_NOBODY: Final = "no installation and no keys of the parties were given: who is on the roster is not known"


class People(Protocol):
    """Verifies what people signed. One for all logs of an installation; the registry is read first."""

    def enter(self, leaf: Leaf, fields: Mapping[str, JsonValue]) -> str:
        """Take in a record of one of these kinds with what was disclosed of it; say what speaks against it, if so."""
        ...

    def enough(self, case: str, before: int, *, whole: bool) -> bool:
        """Whether those who signed by then (Unix seconds) settle a case (its digest), or may, where not all is known.

        ``whole``: all of its questions; else at least one.
        """
        ...

    def missing(self) -> str:
        """What keeps the claim from being shown; empty if nothing does."""
        ...

    def proof(self) -> str:
        """What was verified."""
        ...

    def memory(self) -> bytes:
        """What the next visit goes on from."""
        ...

    def resume(self, earlier: bytes) -> None:
        """Go on from an earlier visit."""
        ...


class PeopleAudit:
    """One log: the registry holds what people signed, a gateway's shard the holds that they decided."""

    def __init__(self, people: People | None, findings: Findings) -> None:
        self._people = people
        self._findings = findings
        self._seen = 0
        self._wrong = False

    def enter(self, index: int, leaf: Leaf, fields: Mapping[str, JsonValue]) -> None:
        """Take in a record of one of these kinds."""
        if leaf.kind not in _BESIDE:
            self._seen += 1
        if self._people is not None and (said := self._people.enter(leaf, fields)):
            self._wrong = True
            self._findings.contradict(Topic.PEOPLE, self._findings.record(index), said)

    def memory(self) -> PeopleMemory:
        """What the next visit goes on from."""
        kept = self._people.memory() if self._people is not None and self._seen else b""
        return PeopleMemory(self._seen, kept)

    def resume(self, earlier: PeopleMemory) -> None:
        """Go on from an earlier visit."""
        self._seen = earlier.seen
        if self._people is not None and earlier.kept:
            self._people.resume(earlier.kept)

    def claims(self) -> Iterator[Claim]:
        """The claim, for a log that holds something of people's; say what is not shown first."""
        if not self._seen and not self._wrong:
            return
        missing = _NOBODY if self._people is None else self._people.missing()
        if missing:
            self._findings.not_shown(Topic.PEOPLE, "", missing)
        yield self._findings.claim(Topic.PEOPLE, "" if self._people is None else self._people.proof())
