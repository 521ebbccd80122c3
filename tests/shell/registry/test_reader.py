# SPDX-License-Identifier: Apache-2.0
"""The registry as it is followed: the private log is what counts, and what was promised of it must still be there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from brightline.core.errors import BrightlineError, EvidenceDamaged, OperatorError
from brightline.core.evidence.heads import REGISTRY_SHARD
from brightline.core.evidence.record import Draft, RecordKind
from brightline.shell.clock import SystemClock
from brightline.shell.registry.reader import Entry, RegistryReader
from brightline.shell.storage.sequencer import Head, Sequencer
from tests.vault import vault_beside


class Seen:
    """A fold that remembers what it was shown."""

    kinds = frozenset({RecordKind.DEMAND})

    def __init__(self) -> None:
        self.entries: list[int] = []

    def enter(self, entry: Entry) -> None:
        self.entries.append(entry.seq)


class Site:
    """A registry's private log, and what is said to be published of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.published: Head | None = None
        self.reach = 0
        self.seen = Seen()
        self.reader = RegistryReader(
            directory, vault_beside(directory), lambda: self.published, lambda: self.reach, [self.seen]
        )

    def log(self, count: int) -> Head:
        log = Sequencer.open(
            self.directory,
            REGISTRY_SHARD,
            "development",
            SystemClock(),
            vault=vault_beside(self.directory),
            published=None,
        )
        for _ in range(count):
            log.append_sync(Draft(RecordKind.DEMAND, "", {}, {"said": "x"}))
        head = log.head()
        log.close()
        return head

    @property
    def segment(self) -> Path:
        return next((self.directory / REGISTRY_SHARD).glob("*.wal"))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_registry_that_was_never_written_holds_nothing(site: Site) -> None:
    site.reader.refresh()
    assert site.seen.entries == []


@pytest.mark.parametrize("published", [None, 1, 3])
def test_every_whole_record_is_read_whatever_is_published(site: Site, published: int | None) -> None:
    one = site.log(1)
    three = site.log(2)
    site.published = {None: None, 1: one, 3: three}[published]
    site.reader.refresh()
    assert site.seen.entries == [0, 1, 2]
    site.log(1)
    site.reader.refresh()
    assert site.seen.entries == [0, 1, 2, 3]


def test_half_a_record_is_read_once_it_is_whole(site: Site) -> None:
    site.log(2)
    whole = site.segment.read_bytes()
    site.segment.write_bytes(whole[:-1])
    site.reader.refresh()
    assert site.seen.entries == [0]
    site.segment.write_bytes(whole)
    site.reader.refresh()
    assert site.seen.entries == [0, 1]


def test_nothing_is_believed_before_it_was_flushed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.log(2)

    def fails(_fd: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", fails)
        with pytest.raises(OperatorError, match="Input/output error"):
            site.reader.refresh()
    assert site.seen.entries == []
    site.reader.refresh()
    assert site.seen.entries == [0, 1]


def test_a_log_that_is_less_than_was_published_is_damaged(site: Site) -> None:
    one = site.log(1)
    old = site.segment.read_bytes()
    two = site.log(1)
    site.segment.write_bytes(old)
    site.published = two
    with pytest.raises(EvidenceDamaged, match="2 records are published, the log holds 1"):
        site.reader.refresh()
    site.published = Head(one.size, bytes(32))
    with pytest.raises(EvidenceDamaged):
        site.reader.refresh()


def test_another_log_of_the_same_length_is_damaged(site: Site) -> None:
    head = site.log(2)
    site.published = Head(head.size, bytes(32))
    with pytest.raises(EvidenceDamaged, match="not those that were published"):
        site.reader.refresh()


@pytest.mark.parametrize("size", [None, 1])
def test_what_is_published_neither_vanishes_nor_shrinks_while_somebody_looks(site: Site, size: int | None) -> None:
    one = site.log(1)
    two = site.log(1)
    site.published = two
    site.reader.refresh()
    site.published = one if size else None
    for _ in range(2):
        with pytest.raises(EvidenceDamaged, match="2 records were published"):
            site.reader.refresh()
    site.published = two
    site.reader.refresh()


@pytest.mark.parametrize("rolled_back", ["cut", "cut and written on", "gone"])
def test_a_log_that_is_put_back_under_a_reader_is_seen(site: Site, rolled_back: str) -> None:
    site.log(1)
    old = site.segment.read_bytes()
    site.log(2)
    site.reader.refresh()
    if rolled_back == "gone":
        site.segment.unlink()
    else:
        site.segment.write_bytes(old)
    if rolled_back == "cut and written on":
        site.log(4)
    for _ in range(2):
        with pytest.raises(BrightlineError):
            site.reader.refresh()
    assert site.seen.entries == [0, 1, 2]


def test_a_log_that_is_less_than_its_tiles_was_rolled_back_with_its_checkpoint(site: Site) -> None:
    site.published, site.reach = site.log(2), 3
    for _ in range(2):
        with pytest.raises(EvidenceDamaged, match="tiles hold 3 records, the log 2"):
            site.reader.refresh()
    site.log(1)
    site.reader.refresh()
    assert site.seen.entries == [0, 1, 2]


def test_a_record_that_nobody_can_open_makes_the_registry_bad(site: Site) -> None:
    site.log(3)
    keys = vault_beside(site.directory).writer(REGISTRY_SHARD)
    keys.destroy([(1, 1)])
    keys.close()
    for _ in range(2):
        with pytest.raises(EvidenceDamaged, match="destroyed"):
            site.reader.refresh()
