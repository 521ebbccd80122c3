# SPDX-License-Identifier: Apache-2.0
"""The write-ahead log: what survives, what is refused, and what one failure ends."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brightline.core.errors import ConfigError, DiskFull, EvidenceDamaged, EvidenceUnavailable, OperatorError
from brightline.core.evidence.batch import Batch, Frame, encode_frame, scan_frames
from brightline.core.evidence.record import RecordKind
from brightline.shell.storage.append_file import AppendFile, OpenFile, OsAppendFile
from brightline.shell.storage.durable import HeldDirectory
from brightline.shell.storage.wal import ReadTo, WalReader, frames_from, frames_on_disk, start_past
from brightline.shell.storage.wal_writer import RESERVE_BYTES, Wal

SHARD = "gw-1"
FIRST = f"{0:020d}.wal"


def frame(seq: int) -> Frame:
    return Frame(seq, 1, RecordKind.PERIOD, "", b"leaf %d" % seq, b"contents %d" % seq)


def batch(start: int, stop: int) -> Batch:
    return Batch.of([frame(seq) for seq in range(start, stop)])


def open_wal(
    directory: Path, open_file: OpenFile = OsAppendFile.open, segment: int = 1 << 20
) -> tuple[Wal, list[Frame]]:
    seen: list[Frame] = []
    return Wal.open(directory, SHARD, seen.append, open_file=open_file, segment_bytes_max=segment), seen


def recovered(directory: Path, segment: int = 1 << 20) -> list[Frame]:
    wal, seen = open_wal(directory, segment=segment)
    wal.close()
    return seen


class FaultyFile:
    """A segment that does one thing wrong, once it is told to, and remembers what it was asked."""

    def __init__(self, real: AppendFile) -> None:
        self._real = real
        self.fail_write: OSError | None = None
        self.fail_sync: OSError | None = None
        self.fail_truncate: OSError | None = None
        self.fail_keep: OSError | None = None
        self.short_by = 0
        self.calls: list[str] = []

    def write(self, data: bytes) -> int:
        self.calls.append("write")
        if self.fail_write is not None:
            self._real.write(data[:7])  # a write may fail after some of it has reached the file
            raise self.fail_write
        return self._real.write(data[: len(data) - self.short_by])

    def sync(self) -> None:
        self.calls.append("sync")
        if self.fail_sync is not None:
            raise self.fail_sync
        self._real.sync()

    def truncate(self, size: int) -> None:
        self.calls.append("truncate")
        if self.fail_truncate is not None:
            raise self.fail_truncate
        self._real.truncate(size)

    def keep(self, start: int, size: int) -> None:
        if self.fail_keep is not None:
            raise self.fail_keep
        self._real.keep(start, size)

    def close(self) -> None:
        self._real.close()


def faulty(directory: Path, fail_keep: OSError | None = None, segment: int = 1 << 20) -> tuple[Wal, FaultyFile]:
    files: list[FaultyFile] = []

    def open_file(held: HeldDirectory, name: str) -> AppendFile:
        files.append(FaultyFile(OsAppendFile.open(held, name)))
        files[-1].fail_keep = fail_keep
        return files[-1]

    wal, _ = open_wal(directory, open_file, segment)
    return wal, files[0]


def no_space() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def large_frame(seq: int, kib: int) -> Frame:
    return Frame(seq, 1, RecordKind.PERIOD, "", b"leaf", bytes(1024 * kib))


def test_what_was_appended_is_shown_in_order_when_the_log_is_opened_again(tmp_path: Path) -> None:
    wal, seen = open_wal(tmp_path)
    assert seen == []
    wal.append(batch(0, 3))
    wal.append(batch(3, 4))
    assert wal.size == 4
    wal.close()
    assert recovered(tmp_path) == [frame(seq) for seq in range(4)]


def test_everything_in_the_private_folder_is_private(tmp_path: Path) -> None:
    (tmp_path / SHARD).mkdir(mode=0o755)
    wal, _ = open_wal(tmp_path)
    wal.begin_epoch(0)
    wal.close()
    assert stat.S_IMODE((tmp_path / SHARD).stat().st_mode) == 0o700
    files = {path.name: path.stat() for path in (tmp_path / SHARD).iterdir()}
    assert files.keys() == {FIRST, "epoch", "lock"}
    assert {stat.S_IMODE(info.st_mode) for info in files.values()} == {0o600}


def test_one_append_is_one_write_and_then_one_flush(tmp_path: Path) -> None:
    wal, file = faulty(tmp_path)
    wal.append(batch(0, 100))
    assert file.calls == ["write", "sync"]
    wal.close()


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    wal, _ = open_wal(tmp_path)
    with pytest.raises(OperatorError, match="already has a writer"):
        open_wal(tmp_path)
    wal.append(batch(0, 1))
    wal.close()
    assert recovered(tmp_path) == [frame(0)]


@pytest.mark.parametrize("shard", ["", "..", ".a", "a/b", "a b", "x" * 65])
def test_a_shard_name_cannot_lead_elsewhere(tmp_path: Path, shard: str) -> None:
    with pytest.raises(ConfigError):
        Wal.open(tmp_path, shard, lambda frame: None)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.data())
def test_any_prefix_of_the_file_recovers_to_a_prefix_that_can_be_appended_to(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("wal")
    wal, _ = open_wal(directory)
    wal.append(batch(0, 3))
    wal.append(batch(3, 6))
    wal.close()
    path = directory / SHARD / FIRST
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    acknowledged = cut // len(encode_frame(frame(0)))
    path.write_bytes(whole[:cut])

    wal, seen = open_wal(directory)
    assert seen == [frame(seq) for seq in range(acknowledged)]
    wal.append(batch(acknowledged, acknowledged + 2))
    wal.close()
    assert recovered(directory) == [frame(seq) for seq in range(acknowledged + 2)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.data())
def test_any_flipped_bit_is_damage_and_the_file_stays_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("wal")
    wal, _ = open_wal(directory)
    wal.append(batch(0, 4))
    wal.close()
    path = directory / SHARD / FIRST
    damaged = bytearray(path.read_bytes())
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(damaged)
    with pytest.raises(EvidenceDamaged, match=FIRST):
        open_wal(directory)
    with pytest.raises(EvidenceDamaged, match=FIRST):
        list(WalReader(directory, SHARD).read(4))
    assert path.read_bytes() == damaged


def test_segments_follow_each_other_and_are_read_as_one_log(tmp_path: Path) -> None:
    wal, _ = open_wal(tmp_path, segment=300)
    reader = WalReader(tmp_path, SHARD)
    for seq in range(0, 20, 2):
        wal.append(batch(seq, seq + 2))
        assert list(reader.read(seq + 1)) == ([frame(seq)] if seq == 0 else [frame(seq - 1), frame(seq)])
    wal.close()
    assert len(list((tmp_path / SHARD).glob("*.wal"))) > 3
    assert recovered(tmp_path, segment=300) == [frame(seq) for seq in range(20)]
    wal, _ = open_wal(tmp_path, segment=300)
    wal.append(batch(20, 21))
    wal.close()
    assert list(WalReader(tmp_path, SHARD).read(21)) == [frame(seq) for seq in range(21)]


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes() + b"BLR"),
    ],
)
def test_only_the_last_segment_may_be_torn_and_none_may_be_missing(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    wal, _ = open_wal(tmp_path, segment=150)
    for seq in range(9):
        wal.append(batch(seq, seq + 1))
    wal.close()
    damage(sorted((tmp_path / SHARD).glob("*.wal"))[1])
    with pytest.raises(EvidenceDamaged):
        open_wal(tmp_path)
    with pytest.raises((EvidenceDamaged, OperatorError)):
        list(WalReader(tmp_path, SHARD).read(9))


def test_a_reader_refuses_a_log_that_holds_less_than_is_durable(tmp_path: Path) -> None:
    wal, _ = open_wal(tmp_path)
    wal.append(batch(0, 2))
    wal.close()
    with pytest.raises((EvidenceDamaged, OperatorError)):
        list(WalReader(tmp_path, SHARD).read(3))


def test_a_reader_never_looks_at_what_is_not_durable_yet(tmp_path: Path) -> None:
    wal, _ = open_wal(tmp_path)
    wal.append(batch(0, 2))
    with (tmp_path / SHARD / FIRST).open("ab") as file:
        file.write(b"something that is being written")
    assert list(WalReader(tmp_path, SHARD).read(2)) == [frame(0), frame(1)]
    wal.close()


@pytest.mark.parametrize("code", [errno.EIO, errno.EROFS])
def test_a_write_that_fails_leaves_no_half_frame_and_ends_the_writer_for_good(tmp_path: Path, code: int) -> None:
    wal, file = faulty(tmp_path)
    wal.append(batch(0, 2))
    before = (tmp_path / SHARD / FIRST).read_bytes()
    file.fail_write = OSError(code, os.strerror(code))
    with pytest.raises(EvidenceUnavailable, match=os.strerror(code)) as caught:
        wal.append(batch(2, 4))
    assert caught.value.__cause__ is file.fail_write
    assert (tmp_path / SHARD / FIRST).read_bytes() == before

    file.fail_write = None
    calls = len(file.calls)
    with pytest.raises(EvidenceUnavailable, match="opened anew"):
        wal.append(batch(2, 4))
    assert not wal.healthy
    assert len(file.calls) == calls, "nothing is tried again"
    wal.close()
    assert recovered(tmp_path) == [frame(0), frame(1)]


@pytest.mark.parametrize("cut_fails", [False, True])
def test_a_short_write_is_cut_and_never_followed(tmp_path: Path, cut_fails: bool) -> None:
    wal, file = faulty(tmp_path)
    wal.append(batch(0, 2))
    file.short_by = 5
    file.fail_truncate = OSError(errno.EIO, "no") if cut_fails else None
    with pytest.raises(EvidenceUnavailable, match="is the disk full"):
        wal.append(batch(2, 4))
    assert "sync" not in file.calls[2:], "half a batch is never flushed as if it were whole"
    assert wal.healthy is not cut_fails
    with pytest.raises(EvidenceUnavailable):
        wal.append(batch(2, 4))
    wal.close()
    # Where even the cut failed, record 2 is whole in the file: it was never acknowledged, and it may stay.
    assert recovered(tmp_path) == [frame(seq) for seq in range(3 if cut_fails else 2)]


def test_a_flush_that_fails_ends_the_writer_and_is_never_tried_again(tmp_path: Path) -> None:
    wal, file = faulty(tmp_path)
    wal.append(batch(0, 1))
    file.fail_sync = OSError(errno.EIO, "Input/output error")
    with pytest.raises(EvidenceUnavailable, match="a flush failed") as caught:
        wal.append(batch(1, 2))
    assert caught.value.__cause__ is file.fail_sync
    file.fail_sync = None
    with pytest.raises(EvidenceUnavailable):
        wal.append(batch(1, 2))
    assert file.calls.count("sync") == 2
    assert wal.size == 1
    wal.close()


def test_opening_writes_the_last_commit_again_before_it_trusts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wal, _ = open_wal(tmp_path)
    wal.append(batch(0, 3))
    wal.close()
    path = tmp_path / SHARD / FIRST
    written: list[bytes] = []
    real = os.write

    def write(fd: int, data: bytes) -> int:
        if Path(f"/proc/self/fd/{fd}").readlink() == path:
            written.append(bytes(data))
        return real(fd, data)

    monkeypatch.setattr(os, "write", write)
    assert recovered(tmp_path) == [frame(0), frame(1), frame(2)]
    assert b"".join(written) == path.read_bytes() == batch(0, 3).data


def test_a_new_segment_that_cannot_be_made_ends_the_writer_and_harms_nothing(tmp_path: Path) -> None:
    def open_file(held: HeldDirectory, name: str) -> AppendFile:
        if name != FIRST:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return OsAppendFile.open(held, name)

    wal, _ = open_wal(tmp_path, open_file, segment=200)
    wal.append(batch(0, 2))
    with pytest.raises(EvidenceUnavailable, match=os.strerror(errno.EIO)):
        wal.append(batch(2, 5))
    assert not wal.healthy
    wal.close()
    assert recovered(tmp_path) == [frame(0), frame(1)]


# ---- a full disk -----------------------------------------------------------------------------------------------


def test_the_reserve_lies_beyond_the_end_where_no_reader_sees_it_and_nobody_can_take_it(tmp_path: Path) -> None:
    path = tmp_path / SHARD / FIRST
    for start in range(0, 30, 10):  # also for a log that is opened again
        wal, _ = open_wal(tmp_path, segment=64 << 20)
        for seq in range(start, start + 10, 5):
            wal.append(Batch.of([large_frame(each, 200) for each in range(seq, seq + 5)]))
            info = path.stat()
            assert info.st_blocks * 512 >= info.st_size + RESERVE_BYTES
            scanned = scan_frames(path.read_bytes())
            assert (len(scanned.frames), scanned.torn) == (seq + 5, "")
        wal.close()


def test_on_a_full_disk_the_log_goes_on_out_of_the_reserve_until_that_is_used_up(tmp_path: Path) -> None:
    wal, file = faulty(tmp_path, segment=64 << 20)
    wal.append(batch(0, 1))
    assert wal.full == ""
    file.fail_keep = no_space()
    written = 1
    with pytest.raises(DiskFull, match="used up"):
        for written in range(1, 100):  # bounded, so that a mistake here does not fill the disk in earnest
            wal.append(Batch.of([large_frame(written, 100)]))
    assert "No space left" in wal.full
    assert written * 100 * 1024 > RESERVE_BYTES
    assert wal.healthy
    assert "truncate" not in file.calls, "a cut would give the rest of the reserve to others"
    with pytest.raises(DiskFull):
        wal.append(Batch.of([large_frame(written, 100)]))
    wal.append(batch(written, written + 1))  # what still fits is still written
    assert not wal.resume()
    file.fail_keep = None
    assert wal.resume()
    assert wal.full == ""
    wal.append(Batch.of([large_frame(written + 1, 900)]))
    wal.close()
    assert [each.seq for each in recovered(tmp_path)] == list(range(written + 2))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_where_no_space_can_be_kept_a_full_disk_is_a_write_that_is_taken_back(tmp_path: Path, code: int) -> None:
    wal, file = faulty(tmp_path, OSError(errno.EOPNOTSUPP, "no such thing here"))
    wal.append(batch(0, 2))
    before = (tmp_path / SHARD / FIRST).read_bytes()
    file.fail_write = OSError(code, os.strerror(code))
    for _ in range(2):
        with pytest.raises(DiskFull, match=os.strerror(code)) as caught:
            wal.append(batch(2, 4))
        assert caught.value.__cause__ is file.fail_write
        assert (tmp_path / SHARD / FIRST).read_bytes() == before
        assert wal.healthy
        assert wal.full
    file.fail_write = None
    assert wal.resume()
    wal.append(batch(2, 3))
    wal.close()
    assert recovered(tmp_path) == [frame(0), frame(1), frame(2)]


def test_a_write_that_cannot_be_taken_back_ends_the_writer(tmp_path: Path) -> None:
    wal, file = faulty(tmp_path)
    file.fail_write, file.fail_truncate = no_space(), OSError(errno.EIO, "no")
    with pytest.raises(EvidenceUnavailable, match="cannot be taken back"):
        wal.append(batch(0, 4))
    file.fail_write = file.fail_truncate = None
    assert not wal.resume()
    with pytest.raises(EvidenceUnavailable, match="opened anew"):
        wal.append(batch(0, 4))
    wal.close()


def test_space_that_cannot_be_kept_for_another_reason_ends_the_writer(tmp_path: Path) -> None:
    wal, file = faulty(tmp_path)
    file.fail_keep = OSError(errno.EIO, os.strerror(errno.EIO))
    with pytest.raises(EvidenceUnavailable, match=os.strerror(errno.EIO)):
        wal.append(Batch.of([large_frame(0, 900)]))
    assert not wal.healthy
    wal.close()


def test_a_flush_that_finds_the_disk_full_is_a_flush_that_failed(tmp_path: Path) -> None:
    wal, file = faulty(tmp_path)
    file.fail_sync = no_space()
    with pytest.raises(EvidenceUnavailable, match="a flush failed"):
        wal.append(batch(0, 1))
    assert not wal.healthy
    assert not wal.resume()
    wal.close()


@pytest.mark.parametrize("fails", ["open", "keep"])
def test_a_segment_for_which_there_is_no_room_is_not_begun_and_the_old_one_goes_on(tmp_path: Path, fails: str) -> None:
    full = [True]

    def open_file(held: HeldDirectory, name: str) -> AppendFile:
        if name != FIRST and full[0] and fails == "open":
            raise no_space()
        file = FaultyFile(OsAppendFile.open(held, name))
        file.fail_keep = no_space() if name != FIRST and full[0] else None
        return file

    wal, _ = open_wal(tmp_path, open_file, segment=200)
    wal.append(batch(0, 2))
    wal.append(batch(2, 5))
    assert wal.full
    assert [path.name for path in (tmp_path / SHARD).glob("*.wal")] == [FIRST]
    wal.append(batch(5, 7))
    full[0] = False
    assert wal.resume()
    wal.append(batch(7, 9))
    assert len([*(tmp_path / SHARD).glob("*.wal")]) == 2
    wal.close()
    assert recovered(tmp_path, segment=200) == [frame(seq) for seq in range(9)]


def test_a_log_for_which_no_reserve_can_be_kept_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="No space left"):
        faulty(tmp_path, no_space())
    assert recovered(tmp_path) == []


def test_a_batch_that_does_not_follow_is_our_own_mistake(tmp_path: Path) -> None:
    wal, _ = open_wal(tmp_path)
    for wrong in (batch(1, 2), Batch()):
        with pytest.raises(ValueError, match="must start at record 0"):
            wal.append(wrong)
    wal.close()


def test_each_boot_begins_a_new_epoch_also_if_it_logs_nothing(tmp_path: Path) -> None:
    epochs = []
    for _ in range(3):
        wal, _seen = open_wal(tmp_path)
        epochs.append(wal.begin_epoch(0))
        wal.close()
    assert epochs == [1, 2, 3]


@pytest.mark.parametrize("text", [None, b"", b"0\n", b"3\n", b"four\n", b"9"])
def test_a_count_of_boots_that_is_gone_behind_or_no_number_is_damage(tmp_path: Path, text: bytes | None) -> None:
    wal, _ = open_wal(tmp_path)
    if text is not None:
        (tmp_path / SHARD / "epoch").write_bytes(text)
    with pytest.raises(EvidenceDamaged, match="epoch"):
        wal.begin_epoch(4)
    wal.close()


def test_damage_that_the_visitor_finds_gives_the_lock_back(tmp_path: Path) -> None:
    wal, _ = open_wal(tmp_path)
    wal.append(batch(0, 1))
    wal.close()

    def visit(_: Frame) -> None:
        raise EvidenceDamaged("no", "record 0")

    with pytest.raises(EvidenceDamaged):
        Wal.open(tmp_path, SHARD, visit)
    assert recovered(tmp_path) == [frame(0)]


def test_segments_that_nobody_needs_are_left_out_unread(tmp_path: Path) -> None:
    wal, _ = open_wal(tmp_path, segment=200)
    for seq in range(12):
        wal.append(batch(seq, seq + 1))
    wal.close()
    starts = sorted(int(each.stem) for each in (tmp_path / SHARD).glob("*.wal"))
    assert len(starts) > 3
    first = tmp_path / SHARD / FIRST
    first.write_bytes(b"x" * first.stat().st_size)  # whoever reads it, says so
    read = [each.seq for each in frames_on_disk(tmp_path, SHARD, lambda each: each.seq < starts[2] + 1)]
    assert read == list(range(starts[2], 12))
    with pytest.raises(EvidenceDamaged):
        list(frames_on_disk(tmp_path, SHARD))


def test_a_first_segment_that_is_gone_is_damage_although_others_may_be_left_out(tmp_path: Path) -> None:
    wal, _ = open_wal(tmp_path, segment=200)
    for seq in range(6):
        wal.append(batch(seq, seq + 1))
    wal.close()
    (tmp_path / SHARD / FIRST).unlink()
    with pytest.raises(EvidenceDamaged, match="does not go on at record 0"):
        list(frames_on_disk(tmp_path, SHARD, lambda _frame: False))


def test_whoever_reads_on_later_from_where_they_were_sees_each_record_once(tmp_path: Path) -> None:
    wal, _ = open_wal(tmp_path, segment=200)
    read: list[int] = []
    read_to = ReadTo()
    for start in range(0, 24, 3):
        wal.append(batch(start, start + 3))
        reader = WalReader(tmp_path, SHARD, read_to)  # another process each time
        for _ in range(2 if start % 2 else 9):
            part = reader.read_part()
            read += [each.seq for each in part]
        read_to = reader.read_to
    assert len(list((tmp_path / SHARD).glob("*.wal"))) > 3
    reader = WalReader(tmp_path, SHARD, read_to)
    while part := reader.read_part():
        read += [each.seq for each in part]
    assert read == list(range(24))
    assert [each.seq for each in frames_from(tmp_path, SHARD, 17)] == list(range(17, 24))
    wal.close()


def test_whoever_reads_on_where_the_log_was_changed_is_told(tmp_path: Path) -> None:
    wal, _ = open_wal(tmp_path)
    wal.append(batch(0, 5))
    reader = WalReader(tmp_path, SHARD)
    assert len(reader.read_part()) == 5
    wal.close()
    (tmp_path / SHARD / FIRST).write_bytes(b"".join(encode_frame(frame(seq)) for seq in range(4)))
    with pytest.raises(EvidenceDamaged, match="was here"):
        WalReader(tmp_path, SHARD, reader.read_to).read_part()


def test_who_needs_only_the_latest_begins_in_a_later_segment(tmp_path: Path) -> None:
    wal, _ = open_wal(tmp_path, segment=200)
    for start in range(0, 24, 3):
        wal.append(batch(start, start + 3))
    wal.close()
    begin = start_past(tmp_path, SHARD, lambda first: first.seq <= 12)
    assert 0 < begin.size <= 12
    assert WalReader(tmp_path, SHARD, begin).read_part()[0].seq == begin.size
    assert start_past(tmp_path, SHARD, lambda _: False) == ReadTo()
