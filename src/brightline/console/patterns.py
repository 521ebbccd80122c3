# SPDX-License-Identifier: Apache-2.0
"""A pattern as its page shows it: people against the agreement's numbers, joins, spread, days, and where alarms stand.

Nobody here can say who the people are. How many there are is exact for whoever is cleared for the unit and reads
records; everybody else has powers of ten, of no key or unit by name, and no days: from exact counts one could tell
what a single request added.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from brightline.console.figures import WIDE, Picture, Tile
from brightline.console.plots import Strip, columns, strips
from brightline.core.agreement.aloud import plain
from brightline.core.agreement.pattern import DAY_SECONDS, US_PERSON_BIT, Counts, Over, Pattern, window_words
from brightline.core.patterns.bins import bin_of
from brightline.core.patterns.book import PatternBook
from brightline.core.patterns.sketch import Sketch
from brightline.core.patterns.spread import PIECES_SHOWN, Count, counts_of, pieces_of, spread_of, whole_of
from brightline.shell.review.crossings import Crossing

DAYS_SHOWN: Final = 30
ROWS_SHOWN: Final = 14
ALARMS_SHOWN: Final = 50


class Sight(msgspec.Struct, frozen=True):
    """What somebody may see: ``exact`` says whose counts (by scope and name) they read as numbers.

    ``units`` of which they may choose one; ``whole``: every unit, so also what is counted over all of them.
    ``keys_of`` gives the keys of a unit.
    """

    exact: Callable[[Over, str], bool]
    whole: bool
    units: tuple[str, ...]
    keys_of: Callable[[str], frozenset[str]]


class Overview(msgspec.Struct, frozen=True):
    """One pattern in a line: how near the nearest scope is to its number."""

    id: str
    words: str
    most: str
    of: str
    reached: bool


class AlarmRow(msgspec.Struct, frozen=True):
    """One record that crossed the pattern, with where it stands. ``hold`` is the case that it opened, if one did."""

    time: int
    over: str
    people: str
    record: str
    kind: str
    exchange: str
    digest: str
    hold: str


class Found(msgspec.Struct, frozen=True):
    """A STANDING record in which the machine said that people must look at a unit."""

    seq: int
    time: str
    unit: str
    reason: str


class PatternView(msgspec.Struct, frozen=True):
    """The page. Without a pattern, the agreement counts nobody."""

    overview: tuple[Overview, ...] = ()
    pattern: str = ""
    says: str = ""
    words: str = ""
    fact: str = ""
    of: str = ""
    units: tuple[str, ...] = ()
    exact: bool = False
    tiles: tuple[Tile, ...] = ()
    pictures: tuple[Picture, ...] = ()
    alarms: tuple[AlarmRow, ...] = ()
    alarms_said: str = ""
    found: tuple[Found, ...] = ()


class Evidence(msgspec.Struct, frozen=True):
    """What the logs say of one pattern: the latest records that crossed it, all of them by day, and the holds of
    exchanges.
    """

    latest: Sequence[Crossing]
    by_day: Sequence[tuple[int, Over, str, int]]
    hold_of: Callable[[str], str]
    found: Sequence[Found]


def look_at_patterns(
    patterns: Sequence[Pattern],
    book: PatternBook,
    evidence: Callable[[str], Evidence],
    sight: Sight,
    chosen: str,
    of: str,
    unix: int,
) -> PatternView:
    """Make the page: an overview of all patterns, and the chosen one, or the one that is nearest to its number."""
    counted = {each.id: tuple(counts_of(book, each, unix)) for each in patterns}
    overview = tuple(_overview(each, counted[each.id], sight) for each in patterns)
    nearest = max(patterns, key=lambda each: _most(counted[each.id]) / each.subjects, default=None)
    pattern = next((each for each in patterns if each.id == chosen), nearest)
    if pattern is None:
        return PatternView()
    unit = of if of in sight.units else ""
    shown = _Shown(pattern, counted[pattern.id], book, evidence(pattern.id), sight, unit, unix)
    return PatternView(
        overview=overview,
        pattern=plain(pattern.id),
        says=plain(pattern.says),
        words=plain(pattern.words),
        fact=pattern.fact,
        of=unit,
        units=sight.units,
        exact=shown.exact,
        tiles=shown.tiles(),
        pictures=tuple(shown.pictures()),
        alarms=shown.alarms(),
        alarms_said=shown.alarms_said(),
        found=shown.found(),
    )


def _most(counts: Iterable[Count]) -> int:
    return max((each.people for each in counts), default=0)


def _overview(pattern: Pattern, counts: Sequence[Count], sight: Sight) -> Overview:
    most = max(counts, key=lambda each: each.people, default=None)
    people = most.people if most is not None else 0
    exact = most is None or sight.exact(most.over, most.name)
    return Overview(
        id=plain(pattern.id),
        words=plain(pattern.words),
        most=f"{people:,}" if exact else bin_of(people).words,
        of=f"{pattern.subjects:,}",
        reached=people >= pattern.subjects,
    )


class _Shown:
    """One pattern, of the agreement as a whole or of one unit, for somebody."""

    def __init__(
        self,
        pattern: Pattern,
        counts: Sequence[Count],
        book: PatternBook,
        evidence: Evidence,
        sight: Sight,
        unit: str,
        unix: int,
    ) -> None:
        self._pattern, self._book, self._evidence, self._sight = pattern, book, evidence, sight
        self._unit, self._unix = unit, unix
        self._keys = sight.keys_of(unit) if unit else None
        self._counts = [each for each in counts if self._is_of(each.over, each.name)]
        self._whole = whole_of(book, unix, Over.UNIT, unit) if unit else whole_of(book, unix)
        self.exact = bool(unit) or sight.whole
        self._first = unix - unix % DAY_SECONDS - (DAYS_SHOWN - 1) * DAY_SECONDS
        self._dates = [self._first + DAY_SECONDS * number for number in range(DAYS_SHOWN)]

    def _is_of(self, over: Over, name: str) -> bool:
        """Whether a scope belongs to the unit that was chosen, if one was."""
        if self._keys is None:
            return True
        return (over is Over.UNIT and name == self._unit) or (over is Over.KEY and name in self._keys)

    # ---- in numbers -----------------------------------------------------------------------------------------------

    def tiles(self) -> tuple[Tile, ...]:
        """How it stands, in four numbers."""
        pattern = self._pattern
        reached = sum(each.people >= pattern.subjects for each in self._counts)
        noticed = sum(0 < pattern.notice <= each.people for each in self._counts)
        since = self._unix - pattern.window_seconds
        people = self._whole.count(since) if self._whole is not None else 0
        marked = self._whole.count(since, marked=US_PERSON_BIT) if self._whole is not None else 0
        most = max(self._counts, key=lambda each: each.people, default=None)
        top = most.people if most is not None else 0
        exact = self.exact or (most is not None and self._sight.exact(most.over, most.name))
        alarms = sum(count for *_, count in self._by_day())
        window = window_words(pattern.window_seconds)
        notice = f"{pattern.notice:,} call people to the unit" if pattern.notice else "none is a matter of standing"
        return (
            Tile("Asked about", self._said(people), f"people in {window}"),
            Tile("U.S. persons", self._said(marked), "of these, by what texts say"),
            Tile(
                "Most in one count",
                self._said(top, exact),
                f"{pattern.counts.noun}; people look from {pattern.subjects:,}",
            ),
            Tile("At the number", self._said(reached), "counts that have reached it", reached > 0),
            Tile("Matters of standing", self._said(noticed), notice, noticed > 0),
            Tile("Alarms", self._said(alarms), f"records in {DAYS_SHOWN} days that crossed it"),
        )

    def _said(self, number: int, exact: bool | None = None) -> str:
        exact = self.exact if exact is None else exact
        return f"{number:,}" if exact else bin_of(number).words

    # ---- drawn ----------------------------------------------------------------------------------------------------

    def pictures(self) -> Iterable[Picture]:
        """What is drawn of it. Days, joins and spread are for whoever is cleared for all that is in them."""
        yield self._limits()
        if not self.exact or self._whole is None:
            return
        if self._pattern.counts is Counts.PEOPLE:
            yield self._spread(self._whole)
        yield self._days(self._whole)
        if self._pattern.counts is Counts.PEOPLE:
            yield self._joins(self._whole)
        yield self._alarms()

    def _limits(self) -> Picture:
        pattern = self._pattern
        by_size = sorted(self._counts, key=lambda each: (-each.people, each.over, each.name))
        readable = [each for each in by_size if self._sight.exact(each.over, each.name)]
        largest = readable[:ROWS_SHOWN]
        given = [
            Strip(_named(each.over, each.name), ((self._kind(each.people), float(each.people)),), f"{each.people:,}")
            for each in largest
        ]
        for over in self._pattern.over:  # of each scope no more than the largest, and no name
            hidden = [each for each in by_size if each.over is over and each not in readable]
            if hidden:
                people = bin_of(hidden[0].people)
                name = "whole agreement" if over is Over.AGREEMENT else f"a {over} not yours"
                part = (self._kind(hidden[0].people), float(people.low))
                given.append(Strip(name, (part,), people.words, people.low, people.high))
        reached = any(each.people >= pattern.subjects for each in by_size)
        left = len(readable) - len(largest)
        says = f"The line is at {pattern.subjects:,} {pattern.counts.noun} in {window_words(pattern.window_seconds)}."
        if left:
            says += f" {left:,} smaller counts are not drawn."
        return Picture(
            "limits",
            f"{pattern.counts.noun[:1].upper()}{pattern.counts.noun[1:]} against the number",
            says if given else "Nothing was counted yet.",
            strips("Counted by", pattern.counts.noun, given, limit=float(pattern.subjects)),
            wide=False,
            alarm=reached,
        )

    def _kind(self, people: int) -> str:
        if 0 < self._pattern.notice <= people:
            return "notice"
        return "reached" if people >= self._pattern.subjects else "below"

    def _days(self, whole: Sketch) -> Picture:
        people = dict(whole.by_day(self._first, self._unix))
        return Picture(
            "days",
            "Day by day",
            f"At most {max(people.values(), default=0):,} people were asked about on one day.",
            columns(
                "Day", ("people",), [(_day(day), {"people": people.get(day, 0)}) for day in self._dates], width=WIDE
            ),
            wide=True,
        )

    def _alarms(self) -> Picture:
        alarms: Counter[int] = Counter()
        for day, _, _, count in self._by_day():
            alarms[day] += count
        return Picture(
            "alarms",
            "Alarms by day",
            f"{sum(alarms.values()):,} records crossed the number in {DAYS_SHOWN} days.",
            columns("Day", ("alarms",), [(_day(day), {"alarms": alarms[day]}) for day in self._dates]),
        )

    def _joins(self, whole: Sketch) -> Picture:
        pattern = self._pattern
        found = whole.joined(self._unix - pattern.window_seconds, pattern.mask)
        most = len(pattern.touching)
        given = [
            (str(number), {"counts" if pattern.joins and number >= pattern.joins else "fewer": found[number]})
            for number in range(most + 1)
        ]
        if pattern.joins:
            enough = sum(found[pattern.joins :])
            says = f"Of {enough:,} people {pattern.joins} or more of {', '.join(pattern.touching)} came up."
        else:
            says = f"How many of {', '.join(pattern.touching)} came up of one person. The pattern asks for none."
        kinds = ("fewer", "counts") if pattern.joins else ("fewer",)
        return Picture("joins", "Joins", says, columns("Matters", kinds, given))

    def _spread(self, whole: Sketch) -> Picture:
        keys = spread_of(whole, pieces_of(self._book, Over.KEY, self._unix, self._keys), self._pattern, self._unix)
        given = _among(keys.among, "key")
        if not self._unit:
            units = spread_of(whole, pieces_of(self._book, Over.UNIT, self._unix), self._pattern, self._unix)
            given += _among(units.among, "unit")
        given.append(Strip("only put together", (("together", float(keys.together)),), f"{keys.together:,}"))
        says = f"{keys.people:,} people count, each of them in a single key too."
        if keys.together:
            says = (
                f"{keys.people:,} people count; {keys.together:,} of them in no single key, and only when all "
                f"{keys.pieces:,} are put together."
            )
        return Picture(
            "spread",
            "Spread over keys" if self._unit else "Spread over keys and units",
            says,
            strips("Asked about by", "people", given),
            alarm=keys.together >= self._pattern.subjects,
        )

    # ---- what it rests on -----------------------------------------------------------------------------------------

    def _by_day(self) -> list[tuple[int, Over, str, int]]:
        return [each for each in self._evidence.by_day if each[0] >= self._first and self._is_of(each[1], each[2])]

    def _readable(self) -> list[Crossing]:
        """The records of units that one is cleared for."""
        return [
            each
            for each in self._evidence.latest
            if self._sight.exact(Over.UNIT, each.unit) and (not self._unit or each.unit == self._unit)
        ]

    def alarms(self) -> tuple[AlarmRow, ...]:
        """The latest records that crossed it."""
        return tuple(
            AlarmRow(
                time=each.unix,
                over=_named(each.over, each.name) if self._sight.exact(each.over, each.name) else f"a {each.over}",
                people=self._said(each.people, self._sight.exact(each.over, each.name)),
                record=plain(each.record),
                kind=each.kind,
                exchange=plain(each.exchange),
                digest=each.digest,
                hold=self._evidence.hold_of(each.exchange),
            )
            for each in self._readable()[:ALARMS_SHOWN]
        )

    def alarms_said(self) -> str:
        """What is left out, in words."""
        readable, here = len(self._readable()), len(self._evidence.latest)
        said = []
        if readable > ALARMS_SHOWN:
            said.append(f"The latest {ALARMS_SHOWN} of {readable:,} are shown.")
        if not self._unit and readable < here:
            said.append("Those of units that you are not cleared for are left out.")
        return " ".join(said)

    def found(self) -> tuple[Found, ...]:
        """When the machine called people to a unit over it."""
        return tuple(
            each
            for each in self._evidence.found
            if self._sight.exact(Over.UNIT, each.unit) and (not self._unit or each.unit == self._unit)
        )


def _named(over: Over, name: str) -> str:
    return f"{over} {plain(name)}" if name else "whole agreement"


def _among(among: Sequence[int], what: str) -> list[Strip]:
    """How many people one piece knows, how many two, and so on."""
    strips_of = []
    for number, count in enumerate(among, 1):
        more = " or more" if number == PIECES_SHOWN else ""
        name = f"{number}{more} {what}{'s' if number > 1 else ''}"
        if count:
            strips_of.append(Strip(name, (("apart", float(count)),), f"{count:,}"))
    return strips_of


def _day(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%d %b")
