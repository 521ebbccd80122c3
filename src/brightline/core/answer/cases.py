# SPDX-License-Identifier: Apache-2.0
"""The cases: how often each clause decided, the first places where, and over which time. Counted from the records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from brightline.core.agreement.clause import Agreement, ClauseKind
from brightline.core.answer.model import Case, Question
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.record import RecordKind

PLACES_MAX: Final = 3
CLAUSES_MAX: Final = 1_000


class CaseBook:
    """Takes in believed records, each with its place in words."""

    def __init__(self) -> None:
        self._verdicts: dict[str, Counter[str]] = {}
        self._places: dict[str, list[str]] = {}
        self._times: list[str] = []

    @property
    def period(self) -> tuple[str, str]:
        """The times of the first and the last record, as the gateways' clocks said; empty of none."""
        return (self._times[0], self._times[-1]) if self._times else ("", "")

    def enter(self, place: str, leaf: Leaf) -> None:
        """Count an OUTCOME under each clause that it names."""
        self._times = [min(self._times[0], leaf.time), max(self._times[-1], leaf.time)] if self._times else [leaf.time]
        if leaf.kind is not RecordKind.OUTCOME:
            return
        for clause in leaf.clauses or ():
            if clause not in self._verdicts:
                if len(self._verdicts) >= CLAUSES_MAX:
                    continue
                self._verdicts[clause], self._places[clause] = Counter(), []
            self._verdicts[clause][leaf.verdict or "none"] += 1
            if len(self._places[clause]) < PLACES_MAX:
                self._places[clause].append(place)

    def cases(self, question: Question, agreements: Sequence[Agreement]) -> tuple[Case, ...]:
        """The clauses that read what the question is about, with what was counted of each; also those with nothing."""
        found: dict[str, Case] = {}
        for agreement in agreements:
            for clause in agreement.clauses:
                if clause.kind is ClauseKind.GRANT or not clause.facts & frozenset(question.about):
                    continue
                counted = self._verdicts.get(clause.id, Counter())
                places = tuple(self._places.get(clause.id, ()))
                found.setdefault(clause.id, Case(clause.id, clause.quote[0], tuple(sorted(counted.items())), places))
        return tuple(found.values())
