# SPDX-License-Identifier: Apache-2.0
"""Opens what was disclosed of a log, and makes each decision again from its facts.

A disclosure must open a commitment of the record that it is said to belong to. A record that states a verdict of the
agreement must come out as recorded, verdict and clauses, when the agreement with its digest decides on its facts.
Records that say ``unavailable`` or ``none`` state no verdict, so there is nothing to make again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from brightline.core.agreement.clause import DECIDED, Agreement
from brightline.core.agreement.decide import Decision, decide
from brightline.core.canonical import JsonValue
from brightline.core.evidence.audit_findings import Findings, Topic, shown
from brightline.core.evidence.audit_memory import ReplayMemory
from brightline.core.evidence.audit_people import OF_PEOPLE, People, PeopleAudit
from brightline.core.evidence.disclosure import DisclosureError, match
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.record import CASES
from brightline.core.facts import Facts

FACTS_MAX: Final = 1_000
DECISIONS_MAX: Final = 4_096  # kept, so that equal facts are decided once


class Replay:
    """Opens what was disclosed and decides again."""

    def __init__(
        self,
        findings: Findings,
        disclosures: Mapping[int, Sequence[str]] | None,
        agreements: Sequence[Agreement],
        people: People | None = None,
    ) -> None:
        self.people = PeopleAudit(people, findings)
        self._findings = findings
        self._disclosures = disclosures
        self._agreements = {agreement.digest: agreement for agreement in agreements}
        self._made: dict[tuple[str, Facts, tuple[tuple[str, int], ...]], Decision] = {}
        self._not_disclosed = 0
        self._other_agreement = 0
        self.decisions = 0
        self.replayed = 0
        self.contents: set[int] = set()  # records of cases whose content was disclosed

    def facts(self, index: int, leaf: Leaf) -> tuple[tuple[str, str], ...]:
        """Open the record's disclosures, replay its decision if it states one, and return its facts if disclosed."""
        if leaf.kind in OF_PEOPLE:
            self.people.enter(index, leaf, {} if self._disclosures is None else self._open(index, leaf))
            return ()
        if self._disclosures is None:
            if leaf.verdict in DECIDED:
                self.decisions += 1
                self._not_disclosed += 1
            return ()
        fields = self._open(index, leaf)
        facts = self._facts(index, fields["facts"]) if "facts" in fields else None
        if leaf.verdict in DECIDED:
            self.decisions += 1
            if facts is None:
                self._not_disclosed += 1
            else:
                self._decide(index, leaf, facts, self._approvals(index, fields.get("approvals", {})))
        return facts.pairs if facts else ()

    def memory(self) -> ReplayMemory:
        """What the next visit needs."""
        return ReplayMemory(self.decisions, self.replayed, self._not_disclosed, self._other_agreement)

    def resume(self, earlier: ReplayMemory) -> None:
        """Go on from an earlier visit."""
        self.decisions, self.replayed = earlier.decisions, earlier.replayed
        self._not_disclosed, self._other_agreement = earlier.not_disclosed, earlier.other_agreement

    def close(self) -> None:
        """Say what could not be replayed."""
        missing = ""
        if self._disclosures is None:
            missing = "no disclosures were given: the facts are committed, not public"
        elif not self._agreements:
            missing = "no agreement was given"
        elif self._not_disclosed:
            missing = f"the facts of {self._not_disclosed} of {self.decisions} decisions were not disclosed"
        elif self._other_agreement:
            missing = f"{self._other_agreement} of {self.decisions} decisions name another agreement"
        elif not self.decisions:
            missing = "no record states a decision"
        if missing:
            self._findings.not_shown(Topic.REPLAYS, "", missing)

    def _open(self, index: int, leaf: Leaf) -> dict[str, JsonValue]:
        given = self._disclosures.get(index) if self._disclosures else None
        if given is None:
            return {}
        try:
            fields = match(leaf.commitments, given)
        except DisclosureError as error:
            self._contradict(index, str(error))
            return {}
        if leaf.kind in CASES and "content" in fields:
            self.contents.add(index)
        return fields

    def _facts(self, index: int, value: JsonValue) -> Facts | None:
        if isinstance(value, dict) and len(value) <= FACTS_MAX:
            texts = {name: text for name, text in value.items() if isinstance(text, str)}
            if len(texts) == len(value):
                return Facts.of(texts)
        self._contradict(index, "its facts are not names with values")
        return None

    def _approvals(self, index: int, value: JsonValue) -> tuple[tuple[str, int], ...]:
        """How many of which office approved, as the record says; that they did stands in the registry."""
        if isinstance(value, dict) and len(value) <= FACTS_MAX:
            counts = [(name, count) for name, count in value.items() if type(count) is int]
            if len(counts) == len(value):
                return tuple(sorted(counts))
        self._contradict(index, "its approvals are not offices with numbers")
        return ()

    def _decide(self, index: int, leaf: Leaf, facts: Facts, approvals: tuple[tuple[str, int], ...]) -> None:
        agreement = self._agreements.get(leaf.agreement) if isinstance(leaf.agreement, str) else None
        if agreement is None:
            self._other_agreement += 1
            return
        key = agreement.digest, facts, approvals
        made = self._made.get(key)
        if made is None:
            made = decide(agreement, facts, dict(approvals))
            if len(self._made) < DECISIONS_MAX:
                self._made[key] = made
        if (made.verdict.value, made.clauses) == (leaf.verdict, leaf.clauses):
            self.replayed += 1
        else:
            said = f"{leaf.verdict or ''} by {', '.join(leaf.clauses or ()) or 'no clause'}"
            again = f"{made.verdict.value} by {', '.join(made.clauses) or 'no clause'}"
            self._contradict(index, f"the record says {shown(said)}; its facts make {again}")

    def _contradict(self, index: int, message: str) -> None:
        self._findings.contradict(Topic.REPLAYS, self._findings.record(index), message)
