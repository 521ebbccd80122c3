# SPDX-License-Identifier: Apache-2.0
"""A reader of names beside a gateway, over real sockets: who was overlooked on the way is counted later.

The reader is one that finds what these tests invent, in a process of its own as the real one. The names are in small
letters and on no list, so that the way overlooks them.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from brightline.core.evidence.keytree import KeyDestroyed
from brightline.core.patterns.seen import read_seen
from brightline.core.standing import Standing
from brightline.shell.install import GATEWAY_SHARD
from brightline.shell.keyring import open_vault
from brightline.shell.persons import process
from brightline.shell.persons.reading import SecondReader
from brightline.shell.state import StateFolder
from brightline.shell.storage.wal import frames_on_disk
from tests.conformance.test_patterns import NOTICE, PEOPLE, asks, bytes_of, counting, recounted, until
from tests.conformance.test_retention import Later, opened
from tests.harness import Running, completion, read_records, running_again
from tests.shell.persons import fake_reader

PATIENCE_SECONDS = 60.0
FIRST = ["olumide", "xiadani", "thuyvan", "aroha", "thandolwe", "kwabena", "dilnoza", "itzel"]
ASKED = ["where does {} live?", "which handset does {} use?", "which church does {} go to?"]
READER = '[patterns]\nreader = "rampart"\n'


def overlooked(number: int) -> str:
    return f"{FIRST[number]} ashwick"


@contextmanager
def reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more_toml: str = READER) -> Iterator[Running]:
    monkeypatch.setattr(process, "COMMAND", (sys.executable, fake_reader.__file__))
    with counting(tmp_path, more_toml=more_toml) as node:
        yield node


def reader(node: Running) -> SecondReader:
    return node.node.second_reader


def until_read(node: Running, exchanges: int) -> None:
    """Wait until so many exchanges were read again or are counted as not read."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        read, unread, waiting = reader(node).counted
        if not waiting and sum(read.values()) + sum(unread.values()) >= exchanges:
            return
        assert time.monotonic() < until, (read, unread, waiting, reader(node).fault)
        time.sleep(0.05)


def touched(node: Running) -> list[dict[str, Any]]:
    return [each for each in node.records() if each["kind"] == "TOUCHED"]


def test_a_dossier_on_people_whom_no_list_has_is_held_from_the_request_after_the_one_that_was_one_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reading(tmp_path, monkeypatch) as node, node.client() as client:
        pieces = [question.format(overlooked(number)) for number in range(PEOPLE) for question in ASKED]
        assert [asks(client, each) for each in pieces] == [""] * len(pieces)  # nobody is found on the way
        until_read(node, len(pieces))
        assert asks(client, "Where does Maria Olsen live?") == "held_for_review"
        assert asks(client, "List three fruits.") == ""
        until_read(node, len(pieces) + 2)
        records = touched(node)
        assert Counter(each["what"] for each in records) == {"whole": len(pieces) + 2}
        assert len({each["exchange"] for each in records}) == len(records)
        assert {len(each["commitments"]) for each in records} == {4}  # nobody sees in whose somebody was found
        attempts = {each["exchange"]: each for each in node.records() if each["kind"] == "ATTEMPT"}
        for each in records:
            seen = read_seen(each["exchange"], each["committed"])
            assert seen is not None
            on_the_way = attempts[each["exchange"]]["committed"].get("touched")
            assert on_the_way is None or seen.unix == on_the_way["at"]
        crossed = [each["committed"]["touched"].get("crossed") for each in records]
        assert ["profiles", "unit", PEOPLE] in [row for rows in crossed if rows for row in rows]
        assert bytes_of(node.node.patterns.book) == recounted(node)
        node.publish()
        assert not node.contradictions()
        (report,) = [each for each in node.examined() if each.recount is not None and each.recount.attempts]
        assert report.recount is not None
        assert report.recount.read_again == {"whole": len(pieces) + 2}
        assert report.recount.unread == {}
        key, counted = node.key, bytes_of(node.node.patterns.book)
    with running_again(tmp_path / "state", key) as again:
        assert bytes_of(again.node.patterns.book) == counted
    names = {name.encode() for number in range(PEOPLE) for name in overlooked(number).split()}
    for path in (tmp_path / "state").rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert not [name for name in names if name in data], path


def test_an_alarm_that_rests_on_what_was_found_later_names_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reading(tmp_path, monkeypatch) as node, node.client() as client:
        # one request: nobody is found on the way, and six people are known afterwards
        everybody = "; ".join(
            f"{overlooked(number)} lives in elm street, has a handset and goes to church" for number in range(NOTICE)
        )
        assert asks(client, everybody) == ""
        until(node, Standing.NOTICED)
        (record,) = touched(node)
        assert record["committed"]["touched"]["crossed"] == [["profiles", "unit", NOTICE]]
        (alarm,) = [each for each in read_records(node.root, "registry") if each["kind"] == "STANDING"]
        assert alarm["committed"]["figures"]["record"] == f"{node.node.log.shard}/{record['seq']}"
        assert asks(client, "Where does Maria Olsen live?") in {"held_for_review", "unit_held"}


def test_who_is_named_in_an_answer_is_counted_once_and_who_is_meant_by_a_pronoun_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reading(tmp_path, monkeypatch) as node, node.client() as client:
        node.model.says(completion("thandolwe ashwick lives in elm street with a handset.\n\n- she goes to church"))
        assert asks(client, "Who is next on the list, and where does Anna Novak live?") == ""
        until_read(node, 1)
        (record,) = touched(node)
        seen = read_seen(record["exchange"], record["committed"])
        assert seen is not None
        (subject,) = seen.subjects  # Anna Novak was counted on the way
        assert subject.about.bit_count() == 3
        assert bytes_of(node.node.patterns.book) == recounted(node)


def test_what_finds_no_room_or_no_reader_is_answered_all_the_same_and_is_on_record_as_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reading(tmp_path, monkeypatch, READER + "reader_waiting_max = 1\n") as node, node.client() as client:
        assert asks(client, "please crash") == ""  # what kills a reader is not tried a second time
        until_read(node, 1)
        assert reader(node).counted[1] == {"reader_failed": 1}
        monkeypatch.setattr(process, "COMMAND", ("/nonexistent",))
        assert asks(client, "please crash") == ""
        within_a_minute(lambda: asks(client, "hello") == "" and reader(node).counted[1].get("no_reader", 0) > 0)
        assert any(
            "not read for names a second time" in why for check in node.node.readiness.checks() for why in check.why
        )
        assert not node.node.readiness.missing()  # it goes on serving
        node.loop.call(node.node.state_period())
        (booked,) = [each for each in touched(node) if each["what"] == "unread"]
        read, unread, _ = reader(node).counted
        assert booked["unread"] == unread
        assert sum(unread.values()) + sum(read.values()) == node.kinds().count("ATTEMPT")
        lines = node.node.metrics.text().decode()
        assert f'brightline_second_readings_missed_total{{why="no_reader"}} {unread["no_reader"]}.0' in lines
        node.publish()
        assert not node.contradictions()
        (report,) = [each for each in node.examined() if each.recount is not None and each.recount.attempts]
        assert report.recount is not None
        assert report.recount.unread == unread


def within_a_minute(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_without_the_setting_nothing_is_read_again_and_no_record_says_so(tmp_path: Path) -> None:
    with counting(tmp_path) as node, node.client() as client:
        assert asks(client, ASKED[0].format(overlooked(0))) == ""
        assert reader(node).counted == ({}, {}, 0)
        assert not touched(node)


def test_what_opens_a_second_reading_is_destroyed_with_what_opens_its_exchange(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reading(tmp_path, monkeypatch) as node, node.client() as client:
        assert asks(client, ASKED[0].format(overlooked(0))) == ""
        until_read(node, 1)
        assert touched(node)[0]["committed"]["touched"]["subjects"]
    with opened(node.root, Later(2), keep_days_permitted=1) as retention:
        due = retention.carry_out()
        assert due.exchanges == 1
    keys = open_vault(StateFolder(node.root)).reader(GATEWAY_SHARD)
    frames = [frame for frame in frames_on_disk(StateFolder(node.root).wal, GATEWAY_SHARD) if frame.exchange]
    assert "TOUCHED" in {frame.kind for frame in frames}
    for frame in frames:
        with pytest.raises(KeyDestroyed):
            keys.peek(frame)
