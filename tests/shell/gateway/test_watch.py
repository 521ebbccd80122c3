# SPDX-License-Identifier: Apache-2.0
"""The watch: what counts against a unit, when people are called, and what a restart makes of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from brightline.core.agreement.ladder import rules_of
from brightline.core.canonical import JsonValue
from brightline.core.enforcement.ended import Closed
from brightline.core.evidence.batch import Frame
from brightline.core.evidence.record import Draft, Outcome, Place, RecordKind, RefusalClass
from brightline.core.expectation import HISTORY_WINDOWS, Figures
from brightline.core.standing import AGREEMENT_SCOPE, DAY_SECONDS, Happened, Said, StandingBook, UnitStanding
from brightline.shell import shipped
from brightline.shell.gateway.watch import DenyWatch
from tests.vault import peek, sealed
from tests.versions import version

AGREEMENT = shipped.read_agreement(shipped.shipped_agreement())
RULES = rules_of(AGREEMENT)
NOW = 1_800_000_000
UNIT = "unit-1"
MANY = 40  # denies in a row; the test finds far fewer


class Town:
    """A watch, the standings that it looks at, and what it called for. ``logs``: whether a finding can be logged."""

    def __init__(self) -> None:
        self.agreement = AGREEMENT
        self.book = StandingBook()
        self.logs = True
        self.found: list[Figures] = []
        self.watch = self.another_watch()
        self.now = NOW
        self.frames: list[Frame] = []

    def another_watch(self) -> DenyWatch:
        return DenyWatch(lambda: self.agreement, self.standing_of, self._called)

    def standing_of(self, unit: str) -> UnitStanding:
        return self.book.effective(unit)

    def _called(self, unit: str, figures: Figures) -> None:
        self.found.append(figures)
        if self.logs:
            self.happens(Happened.PATTERN_FOUND, unit)
        else:
            self.watch.not_called(unit)

    def happens(self, happened: Happened, unit: str = UNIT) -> None:
        self.book = self.book.enter(Said(unit, happened, self.now, "because"), RULES)

    def ends(self, closed: Closed, unit: str = UNIT) -> None:
        """An exchange ends: in the log, and then before the watch."""
        self.now += 1
        self.watch.ended(unit, closed, self.now)
        exchange = f"xc_{len(self.frames)}"
        self._log(RecordKind.ATTEMPT, exchange, {}, {"unit": unit, "exchange_digest": closed.exchange_digest})
        public: dict[str, JsonValue] = {"outcome": closed.outcome.value, "clauses": []}
        self._log(
            RecordKind.OUTCOME,
            exchange,
            public | {"class": closed.refusal_class.value, "verdict": closed.verdict},
            {"facts": {}},
        )

    def _log(
        self, kind: RecordKind, exchange: str, public: dict[str, JsonValue], committed: dict[str, JsonValue]
    ) -> None:
        time = datetime.fromtimestamp(self.now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        seq = len(self.frames)
        record = sealed(Draft(kind, exchange, public, committed), Place("gateway-0", 1, seq, time, "test"))
        self.frames.append(Frame(seq, 1, kind, exchange, record.leaf, record.contents))


@pytest.fixture
def town() -> Town:
    return Town()


def deny(number: int) -> Closed:
    return Closed(Outcome.REFUSED, RefusalClass.POLICY, "deny", f"digest-{number}")


def served() -> Closed:
    return Closed(Outcome.COMPLETED, RefusalClass.NONE, "permit", "")


def denies(town: Town, count: int = MANY, first: int = 0) -> int:
    """Denies until somebody is called; returns how many it took."""
    before = len(town.found)
    for number in range(first, first + count):
        town.ends(deny(number))
        if len(town.found) > before:
            return number - first + 1
    return 0


UNCOUNTED = [
    Closed(Outcome.REFUSED, RefusalClass.MALFORMED, "none", "d"),
    Closed(Outcome.REFUSED, RefusalClass.REGISTRATION, "none", "d"),
    Closed(Outcome.REFUSED, RefusalClass.SUSPENDED, "none", "d"),
    Closed(Outcome.REFUSED, RefusalClass.UNAVAILABLE, "unavailable", "d"),
    Closed(Outcome.CUT, RefusalClass.UNAVAILABLE, "unavailable", "d"),
    Closed(Outcome.HELD, RefusalClass.NONE, "hold", "d"),
    Closed(Outcome.UPSTREAM_FAILED, RefusalClass.NONE, "permit", "d"),
    Closed(Outcome.LOST, RefusalClass.NONE, "none", "d"),
]


@pytest.mark.parametrize("closed", UNCOUNTED, ids=lambda closed: f"{closed.outcome}-{closed.refusal_class}")
def test_what_is_not_decided_counts_neither_way(town: Town, closed: Closed) -> None:
    for _ in range(MANY):
        town.ends(closed)
    assert (town.watch.figures(UNIT).denies, town.watch.figures(UNIT).requests) == (0, 0)


def test_people_are_called_once_for_a_pattern(town: Town) -> None:
    assert 0 < denies(town) < 25
    denies(town, first=100)
    assert len(town.found) == 1
    assert not town.book.effective(UNIT).serves


def test_the_same_request_again_is_one_deny(town: Town) -> None:
    for _ in range(MANY):
        town.ends(deny(1))
    assert town.found == []


@pytest.mark.parametrize("scope", [UNIT, AGREEMENT_SCOPE], ids=["the unit", "the agreement"])
def test_who_is_under_notice_and_served_is_watched_all_the_same(town: Town, scope: str) -> None:
    town.happens(Happened.NOTICE_GIVEN, scope)
    assert denies(town)
    assert town.book.effective(UNIT).held


def test_a_finding_that_could_not_be_logged_is_found_again_by_the_next_deny(town: Town) -> None:
    town.logs = False
    first = denies(town)
    assert first
    town.logs = True
    assert denies(town, first=first) == 1
    assert town.book.effective(UNIT).held


def test_while_a_finding_is_being_logged_nobody_is_called_again(town: Town) -> None:
    watch = DenyWatch(
        lambda: AGREEMENT, lambda _unit: town.book.of(UNIT), lambda _unit, figures: found.append(figures)
    )
    found: list[Figures] = []
    for number in range(MANY):
        watch.ended(UNIT, deny(number), NOW + number)
    assert len(found) == 1


def test_what_people_have_looked_at_counts_no_more(town: Town) -> None:
    took = denies(town)
    town.happens(Happened.PATTERN_CLEARED)
    assert denies(town, first=100) == took  # as many again, not the next one
    assert len(town.found) == 2


def test_nor_does_it_after_a_restart(town: Town) -> None:
    took = denies(town)
    town.happens(Happened.PATTERN_CLEARED)
    town.watch = town.another_watch()
    town.watch.rebuild(town.frames, town.now, peek)
    assert denies(town, first=100) == took


def test_a_restart_forgets_nothing_that_nobody_has_looked_at(town: Town) -> None:
    took = denies(town)
    town = Town()
    for number in range(took - 1):
        town.ends(deny(number))
    town.watch = town.another_watch()
    assert town.watch.rebuild(town.frames, town.now, peek) == took - 1
    town.ends(deny(0))  # a retry of what was denied before the restart
    assert town.found == []
    assert denies(town, first=100) == 1


def test_a_restart_calls_nobody(town: Town) -> None:
    town.logs = False
    denies(town)
    found = len(town.found)
    town.another_watch().rebuild(town.frames, town.now, peek)
    assert len(town.found) == found


def test_what_is_older_than_the_history_is_not_read(town: Town) -> None:
    town.ends(deny(1))
    old = town.now + (HISTORY_WINDOWS + 2) * DAY_SECONDS
    assert town.watch.too_old(old)(town.frames[-1])
    assert not town.watch.too_old(town.now)(town.frames[-1])
    assert town.another_watch().rebuild(town.frames, old, peek) == 0


@pytest.mark.parametrize("window", ["1h", "48h"])
def test_a_window_of_a_later_version_counts_at_once_as_after_a_restart(
    town: Town, tmp_path: Path, window: str
) -> None:
    for number in range(6):
        town.ends(deny(number))
    town.now += 30 * 3_600
    later = version(tmp_path, 2, ('window = "24h"', f'window = "{window}"'))
    town.agreement = shipped.read_agreement(later)
    for number in range(6, 9):
        town.ends(deny(number))
    restarted = town.another_watch()
    restarted.rebuild(town.frames, town.now, peek)
    assert town.watch.figures(UNIT) == restarted.figures(UNIT)
    assert town.watch.figures(UNIT).denies == (3 if window == "1h" else 9)


def test_denies_at_another_worker_count_and_whoever_denies_next_finds_the_pattern(town: Town) -> None:
    took = denies(town)
    town = Town()
    for number in range(took - 1):
        town.watch.heard_denied(UNIT, deny(number).exchange_digest, NOW)
        town.watch.heard_denied(UNIT, deny(number).exchange_digest, NOW)  # a retry, or told twice
    assert town.found == []
    assert denies(town, first=took - 1) == 1


def test_what_another_worker_served_is_part_of_the_expectation(town: Town) -> None:
    town.ends(deny(1))
    alone = town.watch.figures(UNIT)
    town.watch.heard_decided(UNIT, town.now, 500)
    assert town.watch.figures(UNIT).requests == alone.requests + 500
    assert town.watch.figures(UNIT).expected > alone.expected


def test_several_shards_are_read_again_as_if_they_were_one(town: Town) -> None:
    """Read one after the other, what is old in the second would be counted as if it were new."""
    for number in range(120):
        town.now += DAY_SECONDS // 2
        town.ends(deny(number) if number < 20 else served())
    one = town.another_watch()
    assert one.rebuild(town.frames, town.now, peek) == 120
    shards = [[frame for frame in town.frames if int(frame.exchange[3:]) // 2 % 2 == which] for which in (0, 1)]
    several = town.another_watch()
    assert several.rebuild_all([(frames, peek) for frames in shards], town.now) == 120
    assert several.figures(UNIT) == one.figures(UNIT)
