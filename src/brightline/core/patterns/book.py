# SPDX-License-Identifier: Apache-2.0
"""The counts of everybody: a sketch for each span and each key, unit, purpose and the agreement as a whole.

The book is a fold of what records say (``seen.py``) and of nothing else. Whoever folds the same records, in whatever
order and however often each, has the same book: so what is counted online is what an auditor recounts, and workers
that exchange their sketches come to one count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from brightline.core.agreement.pattern import US_PERSON_BIT, Counts, Over, Pattern
from brightline.core.patterns.kinds import (
    EVEN_EVERY,
    KIND_OF,
    Kind,
    all_places,
    entries,
    place_of,
    places_of_entry,
    size_of,
    tally,
)
from brightline.core.patterns.seen import Seen
from brightline.core.patterns.sketch import Sketch
from brightline.core.patterns.token import begins, ends, spans_at

SKETCHES_MAX: Final = 150_000
_REQUESTS: Final = "requests of "


class Counted(NamedTuple):
    """Which sketch: of which span, counted over what, and the name there."""

    span: int
    over: Over
    name: str


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
    return tuple(Counted(span, over, each) for span, each in all_places(pattern, over, name, spans_at(unix)))


class _Slack:
    """How many people more reach the number of this pattern, since when."""

    __slots__ = ("pattern", "people", "unix")

    def __init__(self, people: float, unix: int, pattern: Pattern) -> None:
        self.people, self.unix, self.pattern = people, unix, pattern


class PatternBook:
    """All sketches. ``full`` says that there are too many of them, so that counts are no longer whole."""

    def __init__(self) -> None:
        self.full = False
        self._sketches: dict[Counted, Sketch] = {}
        self._changed: dict[Counted, None] = {}
        self._slack: dict[Counted, dict[str, _Slack]] = {}

    def __iter__(self) -> Iterator[tuple[Counted, Sketch]]:
        return iter(self._sketches.items())

    def enter(self, seen: Seen) -> None:
        """Count the persons of a request, in both of its spans."""
        if not seen.counts:
            return
        if seen.subjects:
            self._enter_people(seen)
            self._enter_request(seen)
        self._enter_entries(seen)

    def _enter_entries(self, seen: Seen) -> None:
        for entry in entries(seen):
            for over, name in places_of_entry(entry, seen.whose):
                counted = Counted(entry.span, over, name)
                sketch = self._sketch(counted)
                if sketch is not None and sketch.add(entry.token, seen.unix, entry.about):
                    self._touch(counted, entry.weight * sketch.scale)

    def _enter_people(self, seen: Seen) -> None:
        older, newer = seen.spans
        for over, name in seen.whose.scopes():
            first, second = Counted(older, over, name), Counted(newer, over, name)
            ones, others = self._sketch(first), self._sketch(second)
            if ones is None or others is None:
                continue
            grown = sum(ones.add(each.older, seen.unix, each.about) for each in seen.subjects)
            self._touch(first, grown * ones.scale)
            grown = sum(others.add(each.newer, seen.unix, each.about) for each in seen.subjects)
            self._touch(second, grown * others.scale)

    def merge(self, counted: Counted, sketch: Sketch) -> None:
        """Take in what somebody else counted. Raises ``ValueError`` for a sketch of another span."""
        own = self._sketch(counted)
        if own is not None and own.merge(sketch):
            self._slack.pop(counted, None)

    def sketch(self, counted: Counted) -> Sketch | None:
        """One of them, to be looked at."""
        return self._sketches.get(counted)

    def count(self, pattern: Pattern, counted: Counted, unix: int) -> int:
        """How many people, or of whatever it counts, a pattern counts at this time in one sketch."""
        if pattern.counts is not Counts.PEOPLE:
            return tally(pattern, self._read(pattern, counted), unix).most
        sketch = self._sketches.get(counted)
        if sketch is None:
            return 0
        since = unix - pattern.window_seconds
        marked = US_PERSON_BIT if pattern.us_persons else 0
        return sketch.count(since, pattern.mask if pattern.joins else 0, pattern.joins, pattern.days, marked)

    def exceeds(self, counted: Counted, since: int, most: int) -> bool:
        """Whether more than ``most`` people, or requests, of one sketch came at ``since`` or later."""
        sketch = self._sketches.get(counted)
        return sketch is not None and sketch.total() > most and sketch.count(since) > most

    def reached(self, pattern: Pattern, over: Over, name: str, seen: Seen, spans: tuple[int, int]) -> int:
        """The count of a scope if it has reached the pattern's number, else 0; of one question, for what asks it.

        It is counted only once enough was added since it was counted last, or at an earlier time: time that goes on
        makes no count larger.
        """
        span, full_name = place_of(pattern, over, name, spans, seen.asked.older)
        counted, unix = Counted(span, over, full_name), seen.unix
        slack = self._slack.get(counted)
        if slack is None:
            slack = self._slack[counted] = {}
        last = slack.get(pattern.id)
        if last is not None and last.pattern is pattern and last.people > 0 and last.unix <= unix:
            return 0
        if pattern.counts is Counts.PEOPLE:
            most = own = self.count(pattern, counted, unix)
        else:
            asked, kind = seen.asked, KIND_OF.get(pattern.counts)
            question = asked.older if kind is Kind.QUESTIONS else asked.newer
            most, own = tally(pattern, self._read(pattern, counted), unix, question)
        missing = pattern.subjects - most
        if pattern.counts is Counts.CLOCKWORK and missing > 0:  # one more request may make many even
            missing = min(missing, 2 * EVEN_EVERY)
        slack[pattern.id] = _Slack(missing, unix, pattern)
        return own if own >= pattern.subjects else 0

    def take_changed(self) -> dict[Counted, bytes]:
        """The sketches that changed since this was asked last, as bytes."""
        changed, self._changed = self._changed, {}
        return {each: self._sketches[each].write() for each in changed if each in self._sketches}

    def give_back(self, changed: Iterable[Counted]) -> None:
        """They could not be kept: they are still to be."""
        self._changed.update(dict.fromkeys(changed))

    def forget(self, unix: int) -> None:
        """Drop the sketches of spans that are over."""
        over = [each for each in self._sketches if ends(each.span) <= unix]
        for each in over:
            del self._sketches[each]
            self._changed.pop(each, None)
            self._slack.pop(each, None)

    def _enter_request(self, seen: Seen) -> None:
        """Count the request itself, for its purpose."""
        for span in seen.spans:
            counted = requests_of(span, seen.whose.purpose)
            sketch = self._sketch(counted)
            if sketch is not None and sketch.add(seen.request, seen.unix, 0):
                self._changed[counted] = None

    def _read(self, pattern: Pattern, counted: Counted) -> list[Sketch]:
        """The sketches that a pattern reads together: of what is counted in one span only, also the one before."""
        spans = (
            (counted.span,)
            if KIND_OF.get(pattern.counts, Kind.QUESTIONS) is Kind.QUESTIONS
            else (counted.span, counted.span - 1)
        )
        found = (self._sketches.get(counted._replace(span=span)) for span in spans)
        return [sketch for sketch in found if sketch is not None]

    def _sketch(self, counted: Counted) -> Sketch | None:
        found = self._sketches.get(counted)
        if found is None:
            if len(self._sketches) >= SKETCHES_MAX:
                self.full = True
                return None
            found = self._sketches[counted] = Sketch(begins(counted.span), size_of(counted.name))
        return found

    def _touch(self, counted: Counted, grown: float) -> None:
        if not grown:
            return
        self._changed[counted] = None
        slack = self._slack.get(counted)
        if slack:
            for last in slack.values():  # twice: in a full sketch one more makes the others stand for more
                last.people -= 2 * grown
