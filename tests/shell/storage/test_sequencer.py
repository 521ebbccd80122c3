# SPDX-License-Identifier: Apache-2.0
"""The single writer: places, order, acknowledgements, what a crash leaves, and what one failure ends."""

from __future__ import annotations

import asyncio
import errno
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

import brightline
from brightline.core.canonical import JsonValue
from brightline.core.errors import DiskFull, EvidenceDamaged, EvidenceUnavailable, OperatorError
from brightline.core.evidence.batch import FRAME_BYTES_MAX, LeafHeader
from brightline.core.evidence.merkle import Tree, leaf_hash
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind
from brightline.core.ports import RecordLog
from brightline.shell.storage.append_file import AppendFile, OpenFile, OsAppendFile
from brightline.shell.storage.durable import HeldDirectory
from brightline.shell.storage.sequencer import Head, Sequencer
from tests.vault import vault_beside

SHARD = "gw-1"
FIRST = f"{0:020d}.wal"


class TickingClock:
    """A clock that moves when it is read."""

    def __init__(self) -> None:
        self.ticks = 0

    def monotonic(self) -> float:
        return float(self.ticks)

    def unix(self) -> int:
        return self.ticks

    def utc_now(self) -> str:
        self.ticks += 1
        return f"2026-11-25T00:00:{self.ticks % 60:02d}.000Z"


class GatedFile:
    """A segment whose flushes wait for ``gate``, and which fails once it is told to."""

    def __init__(self, real: AppendFile) -> None:
        self._real = real
        self.gate = threading.Event()
        self.gate.set()
        self.fail_write: OSError | None = None
        self.fail_sync: OSError | None = None
        self.fail_keep: OSError | None = None
        self.writes = 0

    def write(self, data: bytes) -> int:
        self.writes += 1
        if self.fail_write is not None:
            raise self.fail_write
        return self._real.write(data)

    def sync(self) -> None:
        self.gate.wait(10)
        if self.fail_sync is not None:
            raise self.fail_sync
        self._real.sync()

    def truncate(self, size: int) -> None:
        self._real.truncate(size)

    def keep(self, start: int, size: int) -> None:
        if self.fail_keep is not None:
            raise self.fail_keep
        self._real.keep(start, size)

    def close(self) -> None:
        self._real.close()


def draft(
    kind: RecordKind = RecordKind.PERIOD, exchange: str = "", public: dict[str, JsonValue] | None = None
) -> Draft:
    return Draft(kind, exchange, public or {}, {"unit": "logistics"})


def attempt(exchange: str) -> Draft:
    return draft(RecordKind.ATTEMPT, exchange)


def header_of(leaf: bytes) -> LeafHeader:
    return msgspec.json.decode(leaf, type=LeafHeader)


def open_log(
    directory: Path,
    *,
    published: Head | None = None,
    queue_max: int = 4096,
    open_file: OpenFile = OsAppendFile.open,
) -> Sequencer:
    return Sequencer.open(
        directory,
        SHARD,
        "development",
        TickingClock(),
        vault=vault_beside(directory),
        published=published,
        queue_max=queue_max,
        open_file=open_file,
    )


def gated(directory: Path, queue_max: int = 4096) -> tuple[Sequencer, GatedFile]:
    files: list[GatedFile] = []

    def open_file(held: HeldDirectory, name: str) -> AppendFile:
        files.append(GatedFile(OsAppendFile.open(held, name)))
        return files[-1]

    return open_log(directory, queue_max=queue_max, open_file=open_file), files[0]


def leaves(log: Sequencer) -> list[bytes]:
    return [record.leaf for record in log.frames()]


def headers(log: Sequencer) -> list[LeafHeader]:
    return [msgspec.json.decode(leaf, type=LeafHeader) for leaf in leaves(log)]


def head_of(leaves: list[bytes]) -> Head:
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf_hash(leaf))
    return Head(len(leaves), tree.root())


def crash(directory: Path, name: str) -> Path:
    """What a crash at this instant would leave: the same files, in a folder where no writer runs."""
    shutil.copytree(directory.parent / f"{directory.name}-vault", directory.parent / f"{name}-vault")
    return Path(shutil.copytree(directory, directory.parent / name))


async def test_a_sequencer_is_a_record_log(tmp_path: Path) -> None:
    sequencer = open_log(tmp_path)
    log: RecordLog = sequencer
    record = await log.append(attempt("a"))
    assert (record.kind, record.place.seq, record.place.epoch) == (RecordKind.ATTEMPT, 0, 1)
    assert (record.place.shard, record.place.profile) == (SHARD, "development")
    sequencer.close()


async def test_acknowledged_records_are_in_the_file_with_the_hash_that_was_told(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    records = [await log.append(attempt(f"ex{index}")) for index in range(3)]
    crashed = crash(tmp_path, "crashed")
    log.close()
    reopened = open_log(crashed)
    kept = list(reopened.frames())
    assert [leaf_hash(one.leaf) for one in kept[:3]] == [record.leaf_hash for record in records]
    keys = vault_beside(tmp_path).reader(SHARD)
    assert all(len(keys.open(one).disclosures) == 1 for one in kept[:3])
    reopened.close()


async def test_concurrent_records_get_contiguous_places_and_are_acknowledged_in_order(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    acknowledged: list[int] = []

    async def one(index: int) -> DurableRecord:
        record = await log.append(attempt(f"ex{index}"))
        acknowledged.append(record.place.seq)
        return record

    records = await asyncio.gather(*(one(index) for index in range(1500)))
    assert acknowledged == list(range(1500))
    assert [record.draft.exchange for record in records] == [f"ex{seq}" for seq in range(1500)]
    assert [header.seq for header in headers(log)] == acknowledged
    assert log.head() == head_of(leaves(log))
    log.close()


async def test_what_waits_during_a_flush_becomes_durable_in_one_write(tmp_path: Path) -> None:
    log, file = gated(tmp_path)
    file.gate.clear()
    tasks = [asyncio.ensure_future(log.append(draft()))]
    await until(lambda: file.writes == 1)
    tasks += [asyncio.ensure_future(log.append(draft())) for _ in range(100)]
    await asyncio.sleep(0.02)
    assert not any(task.done() for task in tasks), "nothing is acknowledged before its flush has ended"
    assert log.head().size == 0
    file.gate.set()
    await asyncio.gather(*tasks)
    assert file.writes == 2
    log.close()


async def test_a_group_with_many_bytes_is_written_in_parts(tmp_path: Path) -> None:
    log, file = gated(tmp_path)
    file.gate.clear()
    large = Draft(RecordKind.PERIOD, "", {}, {"text": "x" * (FRAME_BYTES_MAX // 3)})
    tasks = [asyncio.ensure_future(log.append(large)) for _ in range(9)]
    await until(lambda: file.writes == 1)
    file.gate.set()
    records = await asyncio.gather(*tasks)
    assert [record.place.seq for record in records] == list(range(9))
    assert file.writes >= 3
    log.close()


async def test_a_full_queue_refuses_at_once(tmp_path: Path) -> None:
    log, file = gated(tmp_path, queue_max=3)
    file.gate.clear()
    tasks = [asyncio.ensure_future(log.append(draft()))]
    await until(lambda: file.writes == 1)
    tasks += [asyncio.ensure_future(log.append(draft())) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(EvidenceUnavailable, match="3 records already wait"):
        await log.append(draft())
    file.gate.set()
    await asyncio.gather(*tasks)
    assert log.healthy
    assert (await log.append(draft())).place.seq == 4
    log.close()


@pytest.mark.parametrize("where", ["write", "sync"])
async def test_a_failure_refuses_everybody_who_waits_and_everything_after_it(tmp_path: Path, where: str) -> None:
    log, file = gated(tmp_path)
    kept = await log.append(attempt("kept"))
    file.gate.clear()
    failure = OSError(errno.EIO, "Input/output error")
    flushing = asyncio.ensure_future(log.append(draft()))
    await until(lambda: file.writes == 2)
    if where == "sync":
        file.fail_sync = failure
    else:
        file.fail_write = failure
    waiting = [asyncio.ensure_future(log.append(draft())) for _ in range(5)]
    await asyncio.sleep(0.01)
    file.gate.set()
    answers = await asyncio.gather(flushing, *waiting, return_exceptions=True)
    refused = answers if where == "sync" else answers[1:]
    assert all(isinstance(answer, EvidenceUnavailable) and answer.__cause__ is failure for answer in refused)
    assert len({id(answer) for answer in refused}) == len(refused)
    file.fail_sync = file.fail_write = None
    with pytest.raises(EvidenceUnavailable, match="Input/output error"):
        await log.append(draft())
    with pytest.raises(EvidenceUnavailable, match="Input/output error"):
        log.append_sync(draft())
    assert not log.healthy
    assert log.head().size == (1 if where == "sync" else 2)
    log.close()

    reopened = open_log(tmp_path)
    assert leaf_hash(leaves(reopened)[0]) == kept.leaf_hash
    assert reopened.head() == head_of(leaves(reopened))
    reopened.close()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (draft(RecordKind.OUTCOME, "never-attempted"), "not open"),
        (attempt("a"), "second ATTEMPT"),
        (draft(public={"seq": 7}), "shadow"),
        (draft(public={"exchange": "a"}), "belongs in the header"),
        (draft(public={"text": "x" * 70_000}), "exceeds"),
        (Draft(RecordKind.PERIOD, "", {}, {"text": "x" * FRAME_BYTES_MAX}), "exceeds"),
    ],
)
async def test_a_record_that_cannot_stand_fails_alone_and_takes_no_number(
    tmp_path: Path, wrong: Draft, reason: str
) -> None:
    log = open_log(tmp_path)
    await log.append(attempt("a"))
    good, bad, also_good = await asyncio.gather(
        log.append(draft()), log.append(wrong), log.append(draft()), return_exceptions=True
    )
    assert isinstance(bad, EvidenceUnavailable)
    assert reason in str(bad)
    assert isinstance(good, DurableRecord)
    assert isinstance(also_good, DurableRecord)
    assert (good.place.seq, also_good.place.seq) == (1, 2)
    assert log.healthy
    log.close()


async def test_a_cancelled_caller_harms_nobody(tmp_path: Path) -> None:
    log, file = gated(tmp_path)
    file.gate.clear()
    first = asyncio.ensure_future(log.append(attempt("a")))
    second = asyncio.ensure_future(log.append(attempt("b")))
    await until(lambda: file.writes == 1)
    first.cancel()
    file.gate.set()
    assert (await second).place.seq == 1
    assert first.cancelled()
    assert [header.exchange for header in headers(log)] == ["a", "b"]
    log.close()


def test_a_caller_whose_event_loop_is_gone_harms_nobody(tmp_path: Path) -> None:
    log, file = gated(tmp_path)
    file.gate.clear()

    async def leave() -> None:
        task = asyncio.ensure_future(log.append(attempt("a")))
        await until(lambda: file.writes == 1)
        task.cancel()

    asyncio.run(leave())
    file.gate.set()
    assert log.append_sync(attempt("b")).place.seq == 1
    log.close()


def test_closing_makes_what_waits_durable_and_refuses_what_comes_later(tmp_path: Path) -> None:
    log, file = gated(tmp_path)
    file.gate.clear()
    records: list[DurableRecord] = []
    threads = [threading.Thread(target=lambda: records.append(log.append_sync(draft()))) for _ in range(5)]
    threads[0].start()
    poll(lambda: file.writes == 1)
    for thread in threads[1:]:
        thread.start()
    poll(lambda: len(log._waiting) == 4)
    closing = threading.Thread(target=log.close)
    closing.start()
    file.gate.set()
    for thread in [*threads, closing]:
        thread.join(10)
    assert sorted(record.place.seq for record in records) == [0, 1, 2, 3, 4]
    with pytest.raises(EvidenceUnavailable, match="closed"):
        log.append_sync(draft())
    log.close()
    reopened = open_log(tmp_path)
    assert len(headers(reopened)) == 5
    reopened.close()


def test_a_boot_writes_lost_once_for_each_open_attempt_before_it_serves(tmp_path: Path) -> None:
    log = open_log(tmp_path / "0")
    for exchange in ("a", "b", "c"):
        log.append_sync(attempt(exchange))
    log.append_sync(draft(RecordKind.OUTCOME, "b", {"outcome": "completed", "class": "none"}))
    crashed = crash(tmp_path / "0", "1")
    log.close()

    log = open_log(crashed)
    assert log.epoch == 2
    lost = [msgspec.json.decode(leaf) for leaf in leaves(log)[4:]]
    assert [(one["kind"], one["exchange"], one["seq"], one["epoch"]) for one in lost] == [
        ("OUTCOME", "a", 4, 2),
        ("OUTCOME", "c", 5, 2),
    ]
    assert all((one["outcome"], one["class"], one["epoch_lost"]) == ("lost", "none", 1) for one in lost)
    with pytest.raises(EvidenceUnavailable, match="not open"):
        log.append_sync(draft(RecordKind.OUTCOME, "a", {"outcome": "completed", "class": "none"}))
    log.close()

    log = open_log(crashed)
    assert (log.epoch, log.head().size) == (3, 6)
    log.close()


def test_a_crash_anywhere_in_recovery_still_gives_each_attempt_one_outcome(tmp_path: Path) -> None:
    log = open_log(tmp_path / "0")
    for index in range(4):
        log.append_sync(attempt(f"ex{index}"))
    crashed = crash(tmp_path / "0", "1")
    before = (crashed / SHARD / FIRST).stat().st_size
    log.close()
    log = open_log(crashed)
    log.close()
    after = (crashed / SHARD / FIRST).stat().st_size

    for index, length in enumerate(range(before, after + 1, 37)):
        again = crash(crashed, f"again{index}")
        path = again / SHARD / FIRST
        path.write_bytes(path.read_bytes()[:length])
        for _ in range(2):
            log = open_log(again)
            outcomes = [header.exchange for header in headers(log) if header.kind is RecordKind.OUTCOME]
            assert sorted(outcomes) == ["ex0", "ex1", "ex2", "ex3"]
            log.close()


def test_lost_outcomes_that_cannot_be_written_stop_the_boot(tmp_path: Path) -> None:
    log = open_log(tmp_path / "0")
    log.append_sync(attempt("a"))
    crashed = crash(tmp_path / "0", "1")
    log.close()

    def open_file(held: HeldDirectory, name: str) -> AppendFile:
        file = GatedFile(OsAppendFile.open(held, name))
        file.fail_sync = OSError(errno.EIO, "Input/output error")
        return file

    with pytest.raises(OperatorError, match="cannot close the attempts"):
        open_log(crashed, open_file=open_file)
    log = open_log(crashed)
    assert [header.kind for header in headers(log)] == [RecordKind.ATTEMPT, RecordKind.OUTCOME]
    log.close()


def test_a_log_that_is_not_what_was_published_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    log = open_log(tmp_path / "0")
    for index in range(5):
        log.append_sync(attempt(f"ex{index}"))
    told = head_of(leaves(log)[:3])
    crashed = crash(tmp_path / "0", "1")
    log.close()
    before = (crashed / SHARD / FIRST).read_bytes()
    with pytest.raises(EvidenceDamaged, match="rolled back"):
        open_log(crashed, published=Head(6, bytes(32)))
    with pytest.raises(EvidenceDamaged, match="not those that were published"):
        open_log(crashed, published=Head(3, bytes(32)))
    assert (crashed / SHARD / FIRST).read_bytes() == before
    open_log(crashed, published=told).close()


def test_a_second_writer_is_refused_and_the_first_one_goes_on(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    with pytest.raises(OperatorError, match="already has a writer"):
        open_log(tmp_path)
    log.append_sync(draft())
    log.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_after_a_fault_of_ours_nobody_waits_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log(tmp_path)

    def utc_now(_: TickingClock) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(TickingClock, "utc_now", utc_now)
    answers = await asyncio.wait_for(
        asyncio.gather(*(log.append(draft()) for _ in range(3)), return_exceptions=True), 10
    )
    assert all(isinstance(answer, EvidenceUnavailable) for answer in answers)
    await until(lambda: not log.healthy)
    log.close()


def test_only_the_sequencer_can_say_durable() -> None:
    source = Path(brightline.__file__).parent
    importers = {path.name for path in source.rglob("*.py") if "mint_durable" in path.read_text()}
    assert importers == {"record.py", "sequencer.py"}


async def until(condition: Callable[[], bool]) -> None:
    """Wait for another thread to come to a point; fail after a minute."""
    await asyncio.to_thread(poll, condition)


def poll(condition: Callable[[], bool]) -> None:
    """Wait in this thread for another one to come to a point; fail after a minute."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "the other thread never came to this point"
        time.sleep(0.001)


# ---- a full disk -----------------------------------------------------------------------------------------------


async def goes_on(log: Sequencer, wanted: Draft) -> DurableRecord:
    """Ask until there is room again."""
    for _ in range(400):
        try:
            return await log.append(wanted)
        except DiskFull:
            await asyncio.sleep(0.02)
    raise AssertionError("the log never went on")


async def test_a_write_that_found_no_room_leaves_books_and_numbers_as_they_were(tmp_path: Path) -> None:
    log, file = gated(tmp_path)
    await log.append(attempt("one"))
    file.fail_write = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(DiskFull):
        await log.append(attempt("two"))
    with pytest.raises(EvidenceUnavailable):  # also what may use the reserve, where there is none
        await log.append(draft(RecordKind.OUTCOME, "one"))
    assert log.full
    assert log.healthy
    file.fail_write = None
    assert (await goes_on(log, attempt("two"))).place.seq == 2  # after the record that the disk was full
    await log.append(draft(RecordKind.OUTCOME, "one"))
    await log.append(draft(RecordKind.OUTCOME, "two"))
    log.close()
    reopened = open_log(tmp_path)
    assert reopened.head() == head_of(leaves(reopened))
    assert [header.kind for header in map(header_of, leaves(reopened))] == [
        RecordKind.ATTEMPT,
        RecordKind.PERIOD,
        RecordKind.ATTEMPT,
        RecordKind.OUTCOME,
        RecordKind.OUTCOME,
    ]
    reopened.close()


async def test_while_the_reserve_is_touched_what_runs_is_ended_and_nothing_begins(tmp_path: Path) -> None:
    log, file = gated(tmp_path)
    await log.append(attempt("runs"))
    await log.append(draft(RecordKind.PASS, "runs"))
    file.gate.clear()
    file.fail_keep = OSError(errno.ENOSPC, "No space left on device")
    large = draft(RecordKind.MARK, "runs", {"filler": "x" * 60_000})  # more than what is kept beyond the reserve
    flushing = [asyncio.ensure_future(log.append(large)) for _ in range(30)]
    await asyncio.sleep(0.05)
    late = [asyncio.ensure_future(log.append(each)) for each in (attempt("new"), draft(RecordKind.OUTCOME, "runs"))]
    await asyncio.sleep(0.05)
    file.gate.set()
    await asyncio.gather(*flushing)
    refused, ended = await asyncio.gather(*late, return_exceptions=True)
    assert isinstance(refused, DiskFull)
    assert isinstance(ended, DurableRecord)
    for kind in (RecordKind.ATTEMPT, RecordKind.PERIOD, RecordKind.CONSUMED):
        with pytest.raises(DiskFull):
            await log.append(draft(kind, "new" if kind is RecordKind.ATTEMPT else ""))
    await log.append(draft(RecordKind.STANDING))
    file.fail_keep = None
    await goes_on(log, attempt("new"))
    kinds = [header_of(leaf).kind for leaf in leaves(log)]
    assert kinds.count(RecordKind.PERIOD) == 2
    log.close()
