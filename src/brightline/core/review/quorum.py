# SPDX-License-Identifier: Apache-2.0
"""How many of which office must say the same before a question is answered, and of how many organisations.

Distinct persons count, each once, by the first answer that they gave. An office never stands in for another. Where
people disagree, the value that reaches its numbers must also have more voices than any other in each office: two
against one, never one of two. Where the agreement asks an office for distinct organisations, those who say the same
are of at least so many; whoever has none named on the roster counts as a person and adds no organisation. Nothing here
knows which answer would be convenient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

Quorum: TypeAlias = "Sequence[tuple[str, int]]"
NONE_ASKED: Final[Quorum] = ()


class Vote(msgspec.Struct, frozen=True):
    """What one person said to one question, for which office, when it was logged (Unix seconds); who employs them."""

    person: str
    office: str
    value: str
    unix: int = 0
    organisation: str = ""


def answer_of(quorum: Quorum, votes: Sequence[Vote], organisations: Quorum = NONE_ASKED) -> str:
    """Return the value that the votes, in the order in which they were cast, agree on; empty while they do not.

    A quorum that asks for nobody is met by nobody. ``organisations`` says by office of how many those are who agree.
    """
    said = _counted(votes)
    values = sorted({value for _, value in said})
    agreed = [
        value
        for value in values
        if quorum
        and all(
            _enough(said, office, value, wanted, organisations)
            and all(_count(said, office, value) > _count(said, office, other) for other in values if other != value)
            for office, wanted in quorum
        )
    ]
    return agreed[0] if agreed else ""


def still_wanted(quorum: Quorum, votes: Sequence[Vote], organisations: Quorum = NONE_ASKED) -> tuple[str, ...]:
    """The offices of whose people another answer could decide the question; none once it is answered.

    Those that are too few, of too few organisations, or of two minds; and where each office is of one mind and not of
    the same, all of them.
    """
    if not quorum or answer_of(quorum, votes, organisations):
        return ()
    said = _counted(votes)
    undecided = []
    for office, wanted in quorum:
        counts = sorted(((len(who), value) for (of, value), who in said.items() if of == office), reverse=True)
        of_two_minds = len(counts) > 1 and counts[0][0] == counts[1][0]
        if not counts or of_two_minds or not _enough(said, office, counts[0][1], wanted, organisations):
            undecided.append(office)
    return tuple(undecided) or tuple(office for office, _ in quorum)


def exhausted(
    quorum: Quorum, votes: Sequence[Vote], office: str, organisations: Quorum = NONE_ASKED
) -> frozenset[str]:
    """Whose people of an office can no longer complete what it says, as organisations are compared: mostly nobody's.

    Where as many more organisations are missing as persons, or more, those who are heard already, and whoever has none
    named (the empty word), would leave it as far from complete. Where an office is of two minds anybody decides.
    """
    wanted = dict(quorum).get(office, 0)
    apart = dict(organisations_wanted(quorum, organisations)).get(office, 0)
    said = [(who, value) for (of, value), who in _counted(votes).items() if of == office]
    most = max((len(who) for who, _ in said), default=0)
    leading = [who for who, _ in said if len(who) == most]
    if len(leading) > 1:
        return frozenset()
    heard = {one_organisation(each.organisation) for who in leading for each in who} - {""}
    organisations_missing, persons_missing = apart - len(heard), wanted - most
    if organisations_missing <= 0 or persons_missing > organisations_missing:
        return frozenset()
    return frozenset(heard | {""})


def organisations_wanted(quorum: Quorum, organisations: Quorum) -> tuple[tuple[str, int], ...]:
    """Of how many organisations those of each office are who must agree, where it is more than one.

    Never of more than there are persons who must.
    """
    asked = dict(organisations)
    found = ((office, min(asked.get(office, 0), wanted)) for office, wanted in quorum)
    return tuple((office, count) for office, count in found if count > 1)


def quorum_in_words(quorum: Quorum, organisations: Quorum = NONE_ASKED) -> str:
    """How many of which offices must say the same: ``2 of provider_cleared, of 2 organisations, and 1 of …``."""
    apart = dict(organisations_wanted(quorum, organisations))
    parts = [
        f"{count} of {office}" + (f", of {apart[office]} organisations" if office in apart else "")
        for office, count in quorum
    ]
    return (", and " if apart else " and ").join(parts)


def one_organisation(name: str) -> str:
    """The name as it is compared: two spellings of one are no two organisations."""
    return " ".join(name.casefold().split())


_Said: TypeAlias = "Mapping[tuple[str, str], list[Vote]]"


def _counted(votes: Sequence[Vote]) -> _Said:
    """Who of which office said what; each person by the first thing said."""
    first: dict[str, Vote] = {}
    for vote in votes:
        first.setdefault(vote.person, vote)
    said: dict[tuple[str, str], list[Vote]] = {}
    for vote in first.values():
        said.setdefault((vote.office, vote.value), []).append(vote)
    return said


def _count(said: _Said, office: str, value: str) -> int:
    return len(said.get((office, value), ()))


def _enough(said: _Said, office: str, value: str, wanted: int, organisations: Quorum) -> bool:
    who = said.get((office, value), [])
    if len(who) < max(1, wanted):
        return False
    apart = dict(organisations_wanted(((office, wanted),), organisations)).get(office, 0)
    return not apart or len({one_organisation(each.organisation) for each in who} - {""}) >= apart
