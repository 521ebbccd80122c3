# SPDX-License-Identifier: Apache-2.0
"""The watch over patterns: kept, shared, stale, restarted, under keys that are destroyed; clocks that jump."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from brightline.core.agreement.pattern import DAY_SECONDS, Over, Pattern
from brightline.core.errors import OperatorError
from brightline.core.evidence.batch import Frame
from brightline.core.evidence.record import Draft, Place, RecordKind
from brightline.core.exchange.model import Exchange, Reply, ReplyChoice, Role, Turn
from brightline.core.facts import UNKNOWN
from brightline.core.patterns.crossing import Crossed, Watched
from brightline.core.patterns.token import SPAN_SECONDS, STEP_SECONDS, ends, spans_at
from brightline.core.register import PurposeBounds, RegisterBook
from brightline.core.standing import UnitStanding
from brightline.shell import shipped
from brightline.shell.gateway.patterns import FORGET_AFTER_SECONDS, LOST_SECONDS, STALE_SECONDS, PatternWatch
from brightline.shell.storage.shared_sketches import SharedSketches
from brightline.shell.storage.sketches import FILE_NAME, CountStore, SketchStore
from tests.playbooks import playbook as book
from tests.postgres import new_database, postgres
from tests.registers import book_of, purpose
from tests.vault import peek, sealed

AGREEMENT = shipped.read_agreement(shipped.shipped_agreement())
MANY = Pattern("many", "mass_domestic", tuple(Over), 30 * DAY_SECONDS, subjects=5, notice=7)
COUNTING = msgspec.structs.replace(AGREEMENT, patterns=(MANY,))
SILENT = msgspec.structs.replace(AGREEMENT, patterns=())
NOW = 1_800_000_000
SECRET = b"s" * 32
NAMES = [
    "Maria Jensen",
    "Peter Olsen",
    "Anna Novak",
    "Omar Haddad",
    "Giulia Rossi",
    "Ivana Falk",
    "Mei Tanaka",
    "Jo Ek",
]


class Clock:
    """Both clocks, moved by hand."""

    def __init__(self) -> None:
        self.steady, self.wall = 0.0, NOW

    def monotonic(self) -> float:
        return self.steady

    def unix(self) -> int:
        return self.wall

    def utc_now(self) -> str:
        raise AssertionError("nobody asks")

    def pass_(self, seconds: float) -> None:
        self.steady += seconds
        self.wall += int(seconds)


class Town:
    """Watches over one folder, each a worker of its own."""

    def __init__(self, folder: Path, database: str = "") -> None:
        self.folder = folder
        self.database = database  # the URL of one that gateways share; empty: a file in the folder
        self.clock = Clock()
        self.stands = UnitStanding()
        self.registers = RegisterBook()
        self.ids = itertools.count()
        self.called: list[Crossed] = []
        self.frames: list[Frame] = []
        self.opened: list[CountStore] = []

    def worker(self, shard: str = "gateway-0") -> PatternWatch:
        watch = PatternWatch(self._store, self.clock, lambda _: self.stands, self._call, shard)
        watch.open(lambda _shard, too_old: ([each for each in self.frames if not too_old(each)], peek), (shard,))
        return watch

    def _store(self) -> CountStore:
        store = SharedSketches(self.database, SECRET) if self.database else SketchStore(self.folder)
        self.opened.append(store)
        return store

    def _call(self, unit: str, crossed: Crossed) -> None:
        self.called.append(crossed)

    def asks(self, watch: PatternWatch, name: str, *, log: bool = False) -> Watched:
        request = Exchange("chat", "m", (Turn(Role.USER, (f"Where does {name} live?",)),))
        exchange = f"x{next(self.ids)}"
        watched = watch.look(COUNTING, self.registers, book.WORKLOAD, exchange, request, self.clock.unix())
        if log:
            committed = {"workload": book.WORKLOAD.id, "unit": book.WORKLOAD.unit, **watched.fields}
            self._log(RecordKind.ATTEMPT, exchange, committed)
        return watched

    def answers(self, watch: PatternWatch, question: str, answer: str, *, log: bool = False) -> Watched:
        """Ask, and have this answered; what the counts make of the answer."""
        request = Exchange("chat", "m", (Turn(Role.USER, (question,)),))
        exchange = f"x{next(self.ids)}"
        asked = watch.look(COUNTING, self.registers, book.WORKLOAD, exchange, request, self.clock.unix())
        reply = Reply((ReplyChoice(0, answer),))
        watched = watch.answer(COUNTING, self.registers, book.WORKLOAD, asked, reply)
        if log:
            self._log(RecordKind.OUTCOME, exchange, watched.fields)
        return watched

    def _log(self, kind: RecordKind, exchange: str, committed: dict[str, Any]) -> None:
        seq = len(self.frames)
        place = Place("gateway-0", 1, seq, "2027-01-15T08:00:00.000Z", "test")
        record = sealed(Draft(kind, exchange, {}, committed), place)
        self.frames.append(Frame(seq, 1, kind, exchange, record.leaf, record.contents))

    def disk(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    database = ""
    if request.param == "postgresql":
        name = f"counts_{uuid.uuid4().hex}"
        database = asyncio.run(new_database(request.getfixturevalue("server"), name))
    town = Town(tmp_path / "patterns", database)
    yield town
    for store in town.opened:
        store.close()


@pytest.fixture
def in_files(tmp_path: Path) -> Iterator[Town]:
    town = Town(tmp_path / "patterns")
    yield town
    for store in town.opened:
        store.close()


def keep(watch: PatternWatch) -> None:
    asyncio.run(watch.keep())


def counts(watch: PatternWatch) -> dict[Any, bytes]:
    return {counted: sketch.write() for counted, sketch in watch.book}


def stated(watched: Watched) -> dict[str, str]:
    return {each.fact: each.value for each in watched.statements}


def test_under_an_agreement_without_patterns_nobody_is_read_for_and_nothing_is_counted(town: Town) -> None:
    watch = town.worker()
    request = Exchange("chat", "m", (Turn(Role.USER, ("Where does Maria Jensen live?",)),))
    assert watch.look(SILENT, RegisterBook(), book.WORKLOAD, "x", request, NOW) == Watched()
    assert counts(watch) == {}


def test_the_fifth_person_makes_the_fact_unknown_and_the_seventh_calls_people_once(town: Town) -> None:
    watch = town.worker()
    said = [stated(town.asks(watch, name)) for name in NAMES]
    assert said == [{}] * 4 + [{"mass_domestic": UNKNOWN}] * 4
    assert [crossed.subjects for crossed in town.called] == [7]


def test_people_are_called_again_once_they_let_the_unit_off_and_not_while_they_look(town: Town) -> None:
    watch = town.worker()
    for name in NAMES:
        town.asks(watch, name)
    town.stands = UnitStanding(pattern=True)
    town.asks(watch, NAMES[0])
    assert len(town.called) == 1
    town.stands = UnitStanding(looked=NOW)
    town.asks(watch, NAMES[0])
    assert len(town.called) == 2


def test_a_call_that_could_not_be_logged_is_made_again(town: Town) -> None:
    watch = town.worker()
    for name in NAMES:
        town.asks(watch, name)
    watch.not_called(book.WORKLOAD.unit)
    town.asks(watch, NAMES[0])
    assert len(town.called) == 2


def test_workers_count_together_within_a_keep_each(town: Town) -> None:
    one, other = town.worker("gateway-0"), town.worker("gateway-1")
    for number, name in enumerate(NAMES[:4]):
        assert stated(town.asks((one, other)[number % 2], name)) == {}
    for watch in (one, other):
        keep(watch)
    kept = counts(town.worker("gateway-2"))
    keep(one)
    assert kept == counts(one) == counts(other)
    assert stated(town.asks(one, NAMES[4])) == stated(town.asks(other, NAMES[5])) == {"mass_domestic": UNKNOWN}


def test_a_restart_counts_what_was_kept_and_what_only_the_log_says(town: Town) -> None:
    watch = town.worker()
    for name in NAMES[:3]:
        town.asks(watch, name, log=True)
    keep(watch)
    town.asks(watch, NAMES[3], log=True)  # and here the power fails
    again = town.worker()
    assert counts(again) == counts(watch)
    assert stated(town.asks(again, NAMES[4])) == {"mass_domestic": UNKNOWN}


def test_counts_that_are_not_kept_leave_bounds_unknown_and_then_are_lost(town: Town) -> None:
    watch = town.worker()
    town.clock.pass_(STALE_SECONDS)
    assert stated(town.asks(watch, NAMES[0])) == {}
    town.clock.pass_(1)
    assert stated(town.asks(watch, NAMES[0])) == {"constrained": UNKNOWN}
    lost = [watch.lost]
    town.clock.pass_(LOST_SECONDS)
    lost.append(watch.lost)
    keep(watch)
    assert [*lost, watch.lost] == [False, True, False]
    assert stated(town.asks(watch, NAMES[0])) == {}


def test_what_could_not_be_kept_is_kept_the_next_time(town: Town) -> None:
    watch = town.worker()
    town.asks(watch, NAMES[0])
    town.opened[0].close()
    keep(watch)
    assert counts(town.worker()) == {}
    town.clock.pass_(STALE_SECONDS + 1)
    assert stated(town.asks(watch, NAMES[0])) == {"constrained": UNKNOWN}


def test_without_a_key_of_the_time_nobody_is_counted_and_bounds_are_unknown(town: Town) -> None:
    watch = town.worker()
    town.clock.wall += 10 * SPAN_SECONDS
    assert stated(town.asks(watch, NAMES[0])) == {"constrained": UNKNOWN}
    assert counts(watch) == {}
    keep(watch)
    assert stated(town.asks(watch, NAMES[0])) == {}


def test_no_name_is_on_the_disk_and_keys_and_tokens_are_gone_once_their_span_is_over(in_files: Town) -> None:
    town = in_files
    watch = town.worker()
    town.asks(watch, NAMES[0])
    keep(watch)
    store = town.opened[0]
    older, newer = spans_at(NOW)
    keys = store.keys((older, newer))
    tokens = {int(row[1]).to_bytes(8, "big") for row in _rows(watch)}
    disk = town.disk()
    assert all(key in disk for key in keys.values())
    assert any(token in disk for token in tokens)
    assert b"aria" not in disk
    town.clock.wall = ends(newer) + 1
    keep(watch)
    assert all(key in town.disk() for key in keys.values()), "a wall clock that jumps destroys no key"
    town.clock.pass_(FORGET_AFTER_SECONDS)
    keep(watch)
    disk = town.disk()
    assert not any(key in disk for key in keys.values())
    assert not any(token in disk for token in tokens)
    assert counts(watch) == {}


def _rows(watch: PatternWatch) -> list[tuple[Any, int]]:
    return [(counted, token) for counted, sketch in watch.book for token in sketch.tokens]


def bounded(**numbers: Any) -> RegisterBook:
    """The registers, where the purpose has numbers."""
    return book_of(purpose(bounds=PurposeBounds("", "", "", **numbers)))


def test_more_people_than_a_purpose_may_touch_are_outside_its_bounds(town: Town) -> None:
    watch = town.worker()
    town.registers = bounded(subjects_max=2, days=7)
    said = [stated(town.asks(watch, name)) for name in [*NAMES[:2], *NAMES[:3]]]
    assert said == [{}] * 4 + [{"constrained": "no"}]
    town.clock.pass_(8 * DAY_SECONDS)
    keep(watch)
    assert stated(town.asks(watch, NAMES[3])) == {}


def test_more_requests_than_a_purpose_may_make_about_anybody_are_outside_its_bounds(town: Town) -> None:
    watch = town.worker()
    town.registers = bounded(requests_max=3, days=1)
    said = [stated(town.asks(watch, NAMES[0])) for _ in range(4)]
    assert said == [{}] * 3 + [{"constrained": "no"}]
    assert stated(town.asks(watch, "nobody")) == {}


def test_a_purpose_that_has_numbers_is_not_within_them_while_nobody_is_counted(town: Town) -> None:
    request = Exchange("chat", "m", (Turn(Role.USER, ("List three fruits.",)),))
    watched = town.worker().look(SILENT, bounded(subjects_max=2, days=7), book.WORKLOAD, "x", request, NOW)
    assert stated(watched) == {"constrained": UNKNOWN}


def test_at_the_turn_of_a_span_the_key_is_there_already(town: Town) -> None:
    watch = town.worker()
    for name in NAMES[:4]:
        town.asks(watch, name)
    town.clock.wall = (NOW // STEP_SECONDS + 1) * STEP_SECONDS + 5
    turned = town.clock.wall - NOW
    assert turned < 30 * DAY_SECONDS
    assert stated(town.asks(watch, NAMES[4])) == {"mass_domestic": UNKNOWN}


def test_an_answer_that_comes_after_the_turn_of_a_span_is_counted_with_its_request(town: Town) -> None:
    watch = town.worker()
    town.clock.wall = (NOW // STEP_SECONDS + 1) * STEP_SECONDS - 5
    request = Exchange("chat", "m", (Turn(Role.USER, ("Who was there?",)),))
    asked = watch.look(COUNTING, town.registers, book.WORKLOAD, "x", request, town.clock.unix())
    town.clock.pass_(10)
    keep(watch)
    reply = Reply((ReplyChoice(0, "; ".join(NAMES[:5])),))
    answered = watch.answer(COUNTING, town.registers, book.WORKLOAD, asked, reply)
    assert stated(answered) == {"mass_domestic": UNKNOWN}


def test_what_a_worker_keeps_of_a_span_after_its_key_was_destroyed_is_destroyed_too(town: Town) -> None:
    one, late = town.worker("gateway-0"), town.worker("gateway-1")
    town.asks(late, NAMES[0])
    town.clock.wall = ends(spans_at(NOW)[1]) + 1
    keep(one)
    town.clock.pass_(FORGET_AFTER_SECONDS)
    keep(one)
    keep(late)
    assert town.opened[0].hear(0).sketches
    town.clock.pass_(FORGET_AFTER_SECONDS)
    keep(late)
    assert town.opened[0].hear(0).sketches == ()


def test_an_answer_that_names_the_fifth_person_makes_the_fact_unknown_and_a_restart_counts_it_too(town: Town) -> None:
    watch = town.worker()
    assert stated(town.answers(watch, "Who was there?", "; ".join(NAMES[:4]), log=True)) == {}
    assert stated(town.answers(watch, "Who else?", NAMES[4], log=True)) == {"mass_domestic": UNKNOWN}
    assert counts(town.worker()) == counts(watch)


def test_an_answer_with_more_people_than_a_purpose_may_touch_is_outside_its_bounds(town: Town) -> None:
    watch = town.worker()
    town.registers = bounded(subjects_max=2, days=7)
    assert stated(town.answers(watch, "Who was there?", "; ".join(NAMES[:2]))) == {}
    assert stated(town.answers(watch, "Who else?", NAMES[2])) == {"constrained": "no"}


def test_an_answer_whose_keys_are_gone_leaves_bounds_unknown(town: Town) -> None:
    watch = town.worker()
    request = Exchange("chat", "m", (Turn(Role.USER, ("Who?",)),))
    asked = watch.look(COUNTING, town.registers, book.WORKLOAD, "x", request, NOW)
    keep(watch)
    town.clock.wall = ends(spans_at(NOW)[1]) + 1
    keep(watch)
    town.clock.pass_(FORGET_AFTER_SECONDS)
    keep(watch)
    reply = Reply((ReplyChoice(0, NAMES[0]),))
    assert stated(watch.answer(COUNTING, town.registers, book.WORKLOAD, asked, reply)) == {"constrained": UNKNOWN}


def test_counts_that_open_halfway_let_go_of_their_store(town: Town) -> None:
    watch = PatternWatch(town._store, town.clock, lambda _: town.stands, town._call, "gateway-0")

    def unreadable(_shard: str, _too_old: object) -> Any:
        raise OperatorError("the log cannot be read")

    with pytest.raises(OperatorError, match="the log cannot be read"):
        watch.open(unreadable, ("gateway-0",))
    assert not watch.opened
    with pytest.raises(OperatorError, match="closed"):
        town.opened[-1].hear(0)


def test_the_file_is_for_its_owner_alone(in_files: Town) -> None:
    in_files.worker()
    assert (in_files.folder / FILE_NAME).stat().st_mode & 0o077 == 0
