# SPDX-License-Identifier: Apache-2.0
"""Where a request is counted: the names of the sketches of its scopes, made once for whoever asks in two spans.

A request is entered in some twenty sketches and looked up in ten. But for the question that it asks, none of their
names depends on more than who asks and when, so they are kept for those who asked last.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from brightline.core.agreement.pattern import OVER_OF, Counts, Over, Pattern
from brightline.core.patterns.kinds import FOLD, IN_BOTH_SPANS, KIND_OF, SIZES, Kind
from brightline.core.patterns.seen import Whose
from brightline.core.patterns.sketch import SIZE
from brightline.core.patterns.token import spans_at

PARTS: Final = 16
"""Over the agreement as a whole questions are in so many sketches."""
KEPT_MAX: Final = 1_024
_REQUESTS: Final = "requests of "
_EVERYWHERE: Final = tuple(Over)
_OVER: Final = {
    Kind.QUESTIONS: OVER_OF[Counts.TEMPLATE],
    Kind.SHARED: OVER_OF[Counts.SHARED],
    Kind.LATELY: OVER_OF[Counts.PACE],
    Kind.TIMES: OVER_OF[Counts.CLOCKWORK],
}


class Counted(NamedTuple):
    """Which sketch: of which span, counted over what, and the name there."""

    span: int
    over: Over
    name: str


class Places:
    """In which sketches the requests of one key, unit and purpose are, in the older and in the newer span."""

    __slots__ = ("_entered", "_read", "_scopes", "_spans", "people", "requests")

    def __init__(self, whose: Whose, older: int, newer: int) -> None:
        self._scopes, self._spans = whose.scopes(), (older, newer)
        self._entered: dict[tuple[Kind, int], tuple[Counted, ...]] = {}
        self._read: dict[tuple[Counts, Over], Counted] = {}
        self.people = tuple(tuple(Counted(span, *scope) for scope in self._scopes) for span in self._spans)
        self.requests = tuple(requests_of(span, whose.purpose) for span in self._spans)

    def entered(self, kind: Kind, span: int) -> tuple[Counted, ...]:
        """Those in which what is of a kind is entered, but for the part of the agreement's in which a question is."""
        found = self._entered.get((kind, span))
        if found is None:
            overs = _OVER.get(kind, _EVERYWHERE)
            in_parts = (Over.AGREEMENT,) if kind is Kind.QUESTIONS else ()
            found = self._entered[kind, span] = tuple(
                Counted(span, over, named(kind, name))
                for over, name in self._scopes
                if over in overs and over not in in_parts
            )
        return found

    def read(self, counts: Counts, over: Over, question: int) -> Counted:
        """The one from which a pattern is read for a request that asks this question."""
        if over is Over.AGREEMENT and KIND_OF.get(counts) is Kind.QUESTIONS:
            return part_of(self._spans[0], part_in(question))
        found = self._read.get((counts, over))
        if found is None:
            name = dict(self._scopes)[over]
            (span, full_name), *_ = _all(counts, over, name, self._spans)
            found = self._read[counts, over] = Counted(span, over, full_name)
        return found


@lru_cache(maxsize=KEPT_MAX)
def places_at(whose: Whose, older: int, newer: int) -> Places:
    """Where requests of one who asks are counted in these spans."""
    return Places(whose, older, newer)


def part_in(token: int) -> int:
    """In which part of the agreement's questions one is, by its token or by that of a person in it."""
    return (token & FOLD) * PARTS >> 16


@lru_cache(maxsize=4 * PARTS)
def part_of(span: int, part: int) -> Counted:
    """A part of the agreement's questions."""
    return Counted(span, Over.AGREEMENT, _numbered(part))


def named(kind: Kind, name: str) -> str:
    """The name of the sketch of a key, unit or purpose, none of which has a space in its id."""
    return f"{kind} of {name}"


def size_of(name: str) -> int:
    """How many tokens a sketch of this name holds."""
    kind, between, _ = name.partition(" of ")
    return SIZES.get(Kind(kind), SIZE) if between and kind in set(Kind) else SIZE


def requests_of(span: int, purpose: str) -> Counted:
    """Which sketch has the requests of a purpose that touch anybody; no purpose has a space in its id."""
    return Counted(span, Over.PURPOSE, f"{_REQUESTS}{purpose}")


def is_of_requests(counted: Counted) -> bool:
    """Whether a sketch has requests, questions, cases or rows, and no people."""
    return " of " in counted.name


def owner_of(counted: Counted) -> str:
    """The key, unit or purpose whose sketch it is; empty for the agreement as a whole."""
    return counted.name.rpartition(" of ")[2]


def places_of(pattern: Pattern, over: Over, name: str, unix: int) -> tuple[Counted, ...]:
    """The sketches of a scope in which a pattern may find its number; where there are several, in any of them."""
    return tuple(Counted(span, over, each) for span, each in _all(pattern.counts, over, name, spans_at(unix)))


def _all(counts: Counts, over: Over, name: str, spans: tuple[int, int]) -> Iterator[tuple[int, str]]:
    """Every span and sketch of a scope from which something is read for some request at a time in these spans."""
    older, newer = spans
    kind = KIND_OF.get(counts)
    if kind is None:
        yield older, name
    elif kind not in IN_BOTH_SPANS:
        yield newer, named(kind, name)
    elif over is Over.AGREEMENT and kind is Kind.QUESTIONS:
        yield from ((older, _numbered(part)) for part in range(PARTS))
    else:
        yield older, named(kind, name)


def _numbered(part: int) -> str:
    return f"{Kind.QUESTIONS}/{part} of "
