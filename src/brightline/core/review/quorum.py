# SPDX-License-Identifier: Apache-2.0
"""How many of which office must say the same before a question is answered.

Distinct persons count, each once, by the first answer that they gave. An office never stands in for another. Where
people disagree, the value that reaches its numbers must also have more voices than any other in each office: two
against one, never one of two. Nothing here knows which answer would be convenient.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec


class Vote(msgspec.Struct, frozen=True):
    """What one person said to one question, for which office, and when it was logged (Unix seconds)."""

    person: str
    office: str
    value: str
    unix: int = 0


def answer_of(quorum: Sequence[tuple[str, int]], votes: Sequence[Vote]) -> str:
    """Return the value that the votes, in the order in which they were cast, agree on; empty while they do not.

    A quorum that asks for nobody is met by nobody.
    """
    said = _counted(votes)
    values = sorted({value for _, value in said})
    agreed = [
        value
        for value in values
        if quorum
        and all(
            said[office, value] >= max(1, wanted)
            and all(said[office, value] > said[office, other] for other in values if other != value)
            for office, wanted in quorum
        )
    ]
    return agreed[0] if agreed else ""


def still_wanted(quorum: Sequence[tuple[str, int]], votes: Sequence[Vote]) -> tuple[str, ...]:
    """The offices of whose people another answer could decide the question; none once it is answered.

    Those that are too few, or of two minds; and where each office is of one mind and not of the same, all of them.
    """
    if not quorum or answer_of(quorum, votes):
        return ()
    said = _counted(votes)
    undecided = []
    for office, wanted in quorum:
        counts = [*sorted((count for (of, _), count in said.items() if of == office), reverse=True), 0, 0]
        if counts[0] < max(1, wanted) or counts[0] == counts[1]:
            undecided.append(office)
    return tuple(undecided) or tuple(office for office, _ in quorum)


def _counted(votes: Sequence[Vote]) -> Counter[tuple[str, str]]:
    """How many of which office said what; each person by the first thing said."""
    first: dict[str, Vote] = {}
    for vote in votes:
        first.setdefault(vote.person, vote)
    return Counter((vote.office, vote.value) for vote in first.values())
