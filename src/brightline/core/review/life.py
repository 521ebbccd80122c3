# SPDX-License-Identifier: Apache-2.0
"""The life of a case, for those who count: when it was opened, who said what when, and what became of it.

No word of content is here, and nobody's name beyond the opaque id on the roster.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec

from brightline.core.review.case import CaseState


class CaseKind(enum.StrEnum):
    """Why people were asked. The queue tells nobody; the figures keep them apart."""

    HELD = "held"
    SAMPLED = "sampled"  # a permitted exchange that was drawn at random; changes nothing
    SEEDED = "seeded"  # an item whose answers are known; changes nothing
    APPEALED = "appealed"  # a decision that the caller's side has appealed


class Ended(msgspec.Struct, frozen=True, gc=False):
    """How one exchange ended, as its public OUTCOME says, or ``count`` that ended alike. ``unix`` in seconds."""

    unix: int
    outcome: str
    verdict: str
    clauses: tuple[str, ...] = ()
    count: int = 1


class Said(msgspec.Struct, frozen=True):
    """One person's answer to one question, and when it was logged (Unix seconds)."""

    person: str
    office: str
    name: str
    value: str
    unix: int


class CaseLife(msgspec.Struct, frozen=True):
    """A case from its opening on; times are Unix seconds, ``resolved`` 0 while it is not.

    ``answers`` is what was agreed by question; ``known`` the answers of a seeded item, which are told here alone.
    """

    case: str
    hold: str
    unit: str
    clauses: tuple[str, ...]
    opened: int
    expires: int
    kind: CaseKind = CaseKind.HELD
    said: tuple[Said, ...] = ()
    answers: Mapping[str, str] = {}
    resolved: int = 0
    denied: bool = False
    known: Mapping[str, str] = {}

    def state(self, now: int) -> CaseState:
        """How it stands at ``now`` (Unix seconds)."""
        if self.denied:
            return CaseState.DENIED
        if self.resolved:
            return CaseState.RELEASED
        return CaseState.EXPIRED if now >= self.expires else CaseState.OPEN


class Worked(msgspec.Struct, frozen=True):
    """That somebody had a case before them for so many seconds, as the claims say."""

    person: str
    seconds: int
