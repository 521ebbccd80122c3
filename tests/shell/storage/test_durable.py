# SPDX-License-Identifier: Apache-2.0
"""Files that survive a crash. What is flushed is seen by recording the calls: no test can cut the power."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from brightline.core.errors import OperatorError
from brightline.files import write_all as write_whole
from brightline.shell.storage.durable import HeldDirectory, WriterLock


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that were flushed, in order, each with what it held at that instant."""
    seen: list[str] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        path = Path(f"/proc/self/fd/{fd}").readlink()
        seen.append(f"{path.name}/" + ",".join(sorted(p.name for p in path.iterdir())) if path.is_dir() else path.name)
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    return seen


def test_a_folder_is_made_private_and_each_new_name_is_flushed_into_its_parent(
    tmp_path: Path, flushed: list[str]
) -> None:
    HeldDirectory.create(tmp_path / "a" / "b").close()
    assert mode_of(tmp_path / "a" / "b") == 0o700
    assert flushed == [f"{tmp_path.name}/a", "a/b"]
    HeldDirectory.create(tmp_path / "a" / "b").close()
    assert len(flushed) == 2


def test_a_file_is_replaced_by_a_flushed_file_and_then_its_folder_is_flushed(
    tmp_path: Path, flushed: list[str]
) -> None:
    directory = HeldDirectory.create(tmp_path)
    directory.replace("epoch", b"1\n")
    directory.replace("epoch", b"2\n")
    assert flushed == [".epoch.new", f"{tmp_path.name}/epoch"] * 2
    assert directory.read("epoch") == b"2\n"
    assert mode_of(tmp_path / "epoch") == 0o600
    directory.close()


def test_a_replacement_that_fails_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = HeldDirectory.create(tmp_path)
    directory.replace("epoch", b"1\n")

    def fail(fd: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="Input/output"):
            directory.replace("epoch", b"2 and more\n")
    assert directory.read("epoch") == b"1\n"
    directory.replace("epoch", b"3\n")
    assert directory.read("epoch") == b"3\n"
    assert directory.names() == ["epoch"]
    directory.close()


def test_a_file_that_is_not_there_reads_as_none(tmp_path: Path) -> None:
    directory = HeldDirectory.create(tmp_path)
    assert directory.read("nothing") is None
    directory.close()
    directory.close()


def test_a_second_writer_is_refused_until_the_first_one_ends(tmp_path: Path) -> None:
    directory = HeldDirectory.create(tmp_path)
    first = WriterLock.take(directory)
    with pytest.raises(OperatorError, match="already has a writer") as caught:
        WriterLock.take(directory)
    assert isinstance(caught.value.__cause__, OSError)
    first.release()
    first.release()
    WriterLock.take(directory).release()
    directory.close()


def test_a_write_that_the_system_cuts_short_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data)[:3]))
    fd = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    write_whole(fd, b"0123456789")
    os.close(fd)
    assert (tmp_path / "file").read_bytes() == b"0123456789"
