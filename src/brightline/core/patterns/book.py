# SPDX-License-Identifier: Apache-2.0
"""The counts of everybody: a sketch for each span and each key, unit, purpose and the agreement as a whole.

The book is a fold of what records say (``seen.py``) and of nothing else. Whoever folds the same records, in whatever
order and however often each, has the same book: so what is counted online is what an auditor recounts, and workers
that exchange their sketches come to one count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from brightline.core.agreement.pattern import INQUIRY_BIT, Counts, Pattern
from brightline.core.patterns.kinds import (
    EVEN_EVERY,
    IN_BOTH_SPANS,
    KIND_OF,
    SHARED_EVERY,
    Kind,
    at_most,
    entries,
    tally,
)
from brightline.core.patterns.places import Counted, Places, part_in, part_of, places_at, size_of
from brightline.core.patterns.seen import Seen
from brightline.core.patterns.sketch import Sketch
from brightline.core.patterns.token import begins, ends

SKETCHES_MAX: Final = 150_000
HALF: Final = 0.5
"""What is so much below a number is rounded to less."""


class _Look:
    """What a pattern found when it was counted last: ``tokens`` at most, when its sketches had ``grown`` so far."""

    __slots__ = ("_enough", "_grown", "_pattern", "_sketches", "_tokens", "_unix")

    def __init__(self, pattern: Pattern, sketches: list[Sketch], tokens: float, unix: int) -> None:
        self._pattern, self._sketches, self._unix, self._tokens = pattern, tuple(sketches), unix, tokens
        self._grown = sum(each.grown for each in sketches)

    def too_few(self, pattern: Pattern, unix: int) -> bool:
        """Whether there cannot be enough for the pattern: time that goes on makes no count larger."""
        if self._pattern is not pattern or unix < self._unix:
            return False
        scale, grown = 1.0, 0
        for sketch in self._sketches:
            grown += sketch.grown
            scale = max(scale, sketch.scale)
        return (self._tokens + grown - self._grown) * scale < pattern.subjects - HALF


class PatternBook:
    """All sketches. ``full`` says that there are too many of them, so that counts are no longer whole.

    They are whole again once the last span is over of which something could not be counted.
    """

    def __init__(self) -> None:
        self.full = False
        self._lacking = 0  # the last span of which something could not be counted
        self._sketches: dict[Counted, Sketch] = {}
        self._changed: dict[Counted, None] = {}
        self._looks: dict[Counted, dict[str, _Look]] = {}

    def __iter__(self) -> Iterator[tuple[Counted, Sketch]]:
        return iter(self._sketches.items())

    def enter(self, seen: Seen) -> None:
        """Count the persons of a request, in both of its spans."""
        if not seen.counts:
            return
        places, request = places_at(seen.whose, *seen.spans), seen.request
        if seen.subjects:
            self._enter_people(places, seen)
            self._enter(places.requests, request, seen.unix, 0, 0)
        for kind, span, token, about, weight in entries(seen, request):
            self._enter(places.entered(kind, span), token, seen.unix, about, weight)
            if kind is Kind.QUESTIONS:
                self._enter((part_of(span, part_in(token)),), token, seen.unix, about, weight)

    def _enter(self, everywhere: Iterable[Counted], token: int, unix: int, about: int, weight: int = 1) -> None:
        sketches, changed = self._sketches, self._changed
        for counted in everywhere:
            sketch = sketches.get(counted) or self._sketch(counted)
            if sketch is not None and sketch.add(token, unix, about, weight):
                changed[counted] = None

    def _enter_people(self, places: Places, seen: Seen) -> None:
        older, newer = places.people
        if self.full or len(self._sketches) + len(older) + len(newer) > SKETCHES_MAX:
            both = [pair for pair in zip(older, newer, strict=True) if None not in [*map(self._sketch, pair)]]
            if len(both) < len(newer):
                self._lacking = max(self._lacking, newer[0].span)
            older, newer = tuple(first for first, _ in both), tuple(second for _, second in both)
        for each in seen.subjects:
            about = each.about & ~INQUIRY_BIT  # whether they were inquired about is a matter of each time
            self._enter(older, each.older, seen.unix, about)
            self._enter(newer, each.newer, seen.unix, about)

    def merge(self, counted: Counted, sketch: Sketch) -> None:
        """Take in what somebody else counted. Raises ``ValueError`` for a sketch of another span."""
        own = self._sketch(counted)
        if own is not None:
            own.merge(sketch)

    def sketch(self, counted: Counted) -> Sketch | None:
        """One of them, to be looked at."""
        return self._sketches.get(counted)

    def count(self, pattern: Pattern, counted: Counted, unix: int) -> int:
        """How many people, or of whatever it counts, a pattern counts at this time in one sketch."""
        return tally(pattern, self._read(pattern, counted), unix).most

    def exceeds(self, counted: Counted, since: int, most: int) -> bool:
        """Whether more than ``most`` people, or requests, of one sketch came at ``since`` or later."""
        sketch = self._sketches.get(counted)
        return sketch is not None and sketch.total() > most and sketch.count(since) > most

    def reached(self, pattern: Pattern, counted: Counted, seen: Seen) -> int:
        """The count of a scope if it has reached the pattern's number, else 0; of one question, for what asks it.

        It is counted only if there may be enough, with what was added since it was counted last.
        """
        looks = self._looks.get(counted)
        if looks is None:
            looks = self._looks[counted] = {}
        last = looks.get(pattern.id)
        if last is not None and last.too_few(pattern, seen.unix):
            return 0
        sketches = self._read(pattern, counted)
        own, most = 0, at_most(pattern, sketches, seen.unix)
        if most >= pattern.subjects - HALF or _may_be_even(pattern, most):
            most, own = tally(pattern, sketches, seen.unix, seen.asked)
        looks[pattern.id] = _Look(pattern, sketches, _tokens(pattern, most, sketches), seen.unix)
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
        self.full = self.full and ends(self._lacking) > unix
        over = [each for each in self._sketches if ends(each.span) <= unix]
        for each in over:
            del self._sketches[each]
            self._changed.pop(each, None)
            self._drop_looks(each)

    def _read(self, pattern: Pattern, counted: Counted) -> list[Sketch]:
        """The sketches that a pattern reads together: of what is counted in one span only, also the one before."""
        found = [self._sketches.get(counted)]
        if KIND_OF.get(pattern.counts, Kind.QUESTIONS) not in IN_BOTH_SPANS:
            found.append(self._sketches.get(Counted(counted.span - 1, counted.over, counted.name)))
        return [sketch for sketch in found if sketch is not None]

    def _drop_looks(self, counted: Counted) -> None:
        """Those that read a sketch, or would if it were there: of its own span and of the next."""
        self._looks.pop(counted, None)
        self._looks.pop(Counted(counted.span + 1, counted.over, counted.name), None)

    def _sketch(self, counted: Counted) -> Sketch | None:
        found = self._sketches.get(counted)
        if found is None:
            if len(self._sketches) >= SKETCHES_MAX:
                self.full, self._lacking = True, max(self._lacking, counted.span)
                return None
            found = self._sketches[counted] = Sketch(begins(counted.span), size_of(counted.name))
            self._drop_looks(counted)
        return found


def _may_be_even(pattern: Pattern, most: float) -> bool:
    return pattern.counts is Counts.CLOCKWORK and pattern.subjects - most < 2 * EVEN_EVERY


def _tokens(pattern: Pattern, most: float, sketches: list[Sketch]) -> float:
    """For how many tokens a count of this size stands, at most."""
    missing = pattern.subjects - most
    if pattern.counts is Counts.CLOCKWORK and missing > 0:  # one more request may make many even
        return pattern.subjects - (min(missing, 2 * EVEN_EVERY) + 1) // 2
    if pattern.counts is Counts.SHARED and missing > 0:  # one more unit may make a question a shared one
        return pattern.subjects - SHARED_EVERY
    least = min((each.scale for each in sketches), default=1)
    return most if least == 1 else (most + 0.75) / least
